"""Measure signal-to-noise, ghosting and uniformity of MR images (DICOM)."""

__version__ = "0.1.0"
