"""The scripts that damage files stand in benchmarks/, where as many mutants as one likes can be run."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
