"""Reconstruct Cartesian k-space into DICOM images and a preview."""
