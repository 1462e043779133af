"""Reconstruct Cartesian k-space into DICOM images and a preview."""

__version__ = "0.1.0"
