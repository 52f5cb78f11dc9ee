"""The files of an evaluation, each whole or absent."""

from __future__ import annotations

import json
from pathlib import Path

from prima.evaluate.evaluation import Evaluation
from prima.evaluate.figure import figure_svg
from prima.evaluate.page import page_markdown, results_csv
from prima.files.durable import write_text

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
        write_text(folder / name, text)
