"""Pixels of DICOM instances: decoding, rescale, repeated frames."""
