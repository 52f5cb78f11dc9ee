"""The files of an evaluation, each whole or absent."""

from __future__ import annotations

import json
import os
from pathlib import Path

from prima.evaluate.evaluation import Evaluation
from prima.evaluate.figure import figure_svg
from prima.evaluate.page import page_markdown, results_csv

FILES = {
    "evaluation.json": "everything that was measured",
    "evaluation.md": "tables to read",
    "evaluation.csv": "a row for each diagnosis and referral",
    "evaluation.svg": "the figure",
}


def write_evaluation(found: Evaluation, folder: Path) -> None:
    """Write `FILES` into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        "evaluation.json": json.dumps(found.as_json(), indent=1, allow_nan=False) + "\n",
        "evaluation.md": page_markdown(found),
        "evaluation.csv": results_csv(found),
        "evaluation.svg": figure_svg(found),
    }
    for name, text in contents.items():
        _write(folder / name, text)


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.part")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
