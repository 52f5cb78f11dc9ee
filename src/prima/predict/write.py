"""What a study leaves on disk: OUT/<study_uid>/report.html and findings.json, each whole or not there."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from prima.errors import PrimaError, UsageError
from prima.files.durable import write_bytes
from prima.predict.page import render_page
from prima.predict.pictures import SeriesPictures
from prima.study import Findings

_UID = re.compile(r"[0-9]+(\.[0-9]+)*")


def write_study_results(
    findings: Findings,
    pictures: Mapping[tuple[str, str | None], SeriesPictures],
    out: Path,
    *,
    show_input: bool = False,
) -> Path:
    """Write the results of one study, replacing earlier ones of the same study.

    Both files are made before either is written; findings.json comes last: where it is, the page is too.

    Args:
        findings: of any status.
        pictures: of the used series, by series UID and part.
        out: is created when absent.
        show_input: what the user typed to name the study goes on the page, too.

    Returns:
        The study's folder, OUT/<study_uid>.

    Raises:
        PrimaError: the study UID is not one (it would name a folder elsewhere), or a number is not finite.
        UsageError: the folder cannot be written.
    """
    if len(findings.study_uid) > 64 or not _UID.fullmatch(findings.study_uid):
        raise PrimaError("the study UID is not numbers and dots, at most 64 of them: nothing was written")
    try:
        text = json.dumps(findings.to_dict(), ensure_ascii=False, allow_nan=False, indent=2) + "\n"
    except ValueError:
        raise PrimaError("the findings hold a number that is not finite: nothing was written") from None
    page = render_page(findings, pictures, show_input=show_input)
    folder = out / findings.study_uid
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in (("report.html", page), ("findings.json", text)):
            write_bytes(folder / name, content.encode("utf-8", "replace"))  # what cannot be encoded becomes `?`
    except OSError as error:
        raise UsageError(f"the results cannot be written to {out}: {error.strerror}; choose another --out") from None
    return folder


def check_writable(out: Path) -> None:
    """Find out before the work, not after it, that results cannot be written; nothing is created.

    Raises:
        UsageError: a file is in the way, or this user may not write there.
    """
    folder = out.absolute()
    try:
        while not folder.exists():
            folder = folder.parent
        if not folder.is_dir():
            raise UsageError(f"--out {out}: found a file in the way, expected a folder; choose another --out")
        writable = os.access(folder, os.W_OK | os.X_OK)
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be reached: {error.strerror}; choose another --out") from None
    if not writable:
        raise UsageError(f"--out {out}: this user may not write there; choose another --out")
