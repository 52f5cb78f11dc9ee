"""The table that `prima predict --table` fills."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from prima.model.release.folder import load_release, packaged_release
from prima.predict.run import PredictOptions, Progress
from prima.predict.table import PredictionTable
from prima.tokens.precision import choose_precision


def open_table(path: Path, options: PredictOptions, on_progress: Callable[[Progress], None]) -> PredictionTable:
    """The table of a call: its columns come from the release, and an interrupted one is resumed."""
    release = load_release(
        options.release or packaged_release(), on_hash=lambda name: on_progress(Progress(step="hash", where=name))
    )
    precision = choose_precision(options.device, options.dtype)
    settings = {
        "dtype": str(precision.dtype),
        "study_description": options.study_description,
        "keep_all": options.keep_all,
        "min_slices": options.min_slices,
    }
    return PredictionTable(path, release, "image" if options.image_only else release.manifest.mode, settings)
