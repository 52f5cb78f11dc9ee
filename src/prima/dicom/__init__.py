"""Everything about DICOM: reading, decoding, splitting, selecting, the network, de-identification."""

from typing import TYPE_CHECKING

from prima.files.lazy import lazy_exports

if TYPE_CHECKING:
    from prima.dicom.header.scan import ScannedStudy, scan
    from prima.dicom.keep_all import read_everything
    from prima.dicom.read import read_dicom_study
    from prima.dicom.select.select import select

__all__ = [
    "ScannedStudy",
    "read_dicom_study",
    "read_everything",
    "scan",
    "select",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "ScannedStudy": "header.scan",
        "read_dicom_study": "read",
        "read_everything": "keep_all",
        "scan": "header.scan",
        "select": "select.select",
    },
)
