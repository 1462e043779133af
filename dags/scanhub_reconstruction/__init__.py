"""Reconstruct 2D Cartesian k-space into a DICOM image and a preview."""
