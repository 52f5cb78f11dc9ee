"""A simulated study as files: DICOM, masks, folders."""
