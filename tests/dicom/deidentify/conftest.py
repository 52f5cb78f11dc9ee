"""Lets the tests of this folder share `part10`, which writes DICOM files byte by byte."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
