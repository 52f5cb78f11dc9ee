"""A geometric phantom as a DICOM study."""
