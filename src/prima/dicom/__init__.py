"""The only room that knows DICOM."""
