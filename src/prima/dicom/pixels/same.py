"""Whether two files of one UID show the same image."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prima.dicom.header.quiet import quiet
from prima.dicom.header.read import read_header
from prima.dicom.pixels.decode import decode
from prima.errors import UnreadableError


def same_pixels(first_image: Path | bytes, second_image: Path) -> bool:
    """Whether both can be decoded and hold the same stored values, whatever their headers and compression.

    Two objects without pixels are not the same: what they hold is in their headers.
    """
    with quiet():
        first, second = _pixels(first_image), _pixels(second_image)
    return first is not None and second is not None and np.array_equal(first, second)


def _pixels(content: Path | bytes) -> NDArray[np.generic] | None:
    if isinstance(content, bytes):
        with tempfile.NamedTemporaryFile(suffix=".dcm") as file:
            file.write(content)
            file.flush()
            return _pixels(Path(file.name))
    try:
        header = read_header(content)
        if header is None or header[0].pixels is None or header[0].unreadable is not None:
            return None
        return decode(header[0])
    except UnreadableError:
        return None
