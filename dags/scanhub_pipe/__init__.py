"""Reconstruct by a program that reads an ISMRMRD stream and writes images as one."""
