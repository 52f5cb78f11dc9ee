"""What the headers of DICOM instances say."""
