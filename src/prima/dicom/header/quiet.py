"""Keeping the DICOM libraries silent: their warnings may quote patient text."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_inside = 0
_entry: object = None
_logger = logging.getLogger("pydicom")
_was_disabled = False


@contextmanager
def quiet() -> Iterator[None]:
    """Drop the warnings and log lines of pydicom and GDCM, in every thread, while any caller is inside.

    `warnings.catch_warnings` restores a whole list and so cannot be used by overlapping threads; this adds one
    filter and later removes that one.
    """
    global _inside, _entry, _was_disabled  # noqa: PLW0603 - one filter is shared by all threads
    with _lock:
        if _inside == 0:
            warnings.filterwarnings("ignore", module=r"(pydicom|gdcm|prima\.dicom)\b")
            _entry = warnings.filters[0]
            _was_disabled, _logger.disabled = _logger.disabled, True
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _logger.disabled = _was_disabled
                if _entry in warnings.filters:
                    warnings.filters.remove(_entry)  # type: ignore[attr-defined]
