"""The folder that a health system is written to: whose it is, and that nothing half-written counts."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prima.errors import UsageError
from prima.simulate.plan.plan import Plan
from prima.simulate.plan.plan_file import plan_to_json

PLAN_FILE = "plan.json"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def claim(out: Path, plan: Plan, making: dict[str, Any]) -> None:
    """Take a folder for a plan, or find that it was begun with the same plan and options.

    Args:
        out: new, empty, or begun before.
        making: how the plan is carried out, as far as it decides what is written; stands in plan.json too.

    Raises:
        UsageError: the folder holds something else, was begun otherwise, or cannot be written.
    """
    text = _text(plan, making)
    path = out / PLAN_FILE
    try:
        if not out.exists() or not any(entry.name != _part(path).name for entry in out.iterdir()):
            out.mkdir(parents=True, exist_ok=True)
            write_whole(path, text.encode())
            return
        found = path.read_text("utf-8") if path.exists() else ""
    except UnicodeDecodeError:
        found = ""
    except OSError as error:
        if error.errno in _FULL:
            raise
        raise UsageError(f"{out}: cannot be used ({error.strerror}); give a folder that you may write to") from None
    if found == text:
        return
    begun = _making_of(found, plan)
    if begun is not None:
        was, asked = (", ".join(f"{name} {value}" for name, value in how.items()) for how in (begun, making))
        raise UsageError(f"{out}: was begun with {was}, and {asked} is asked for; give another folder")
    raise UsageError(f"{out}: found files of something else, expected an empty folder or this plan begun before")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    partial = _part(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        partial.write_bytes(content)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    partial.replace(path)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to write into, beside `folder` and hidden; it takes that name when all has gone well.

    What an earlier run left half-written is thrown away; so is what this one leaves when it fails.
    """
    partial = _part(folder)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    if folder.exists():
        shutil.rmtree(folder)
    partial.replace(folder)


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _text(plan: Plan, making: dict[str, Any]) -> str:
    table = json.loads(plan_to_json(plan)) | {"making": making}
    return json.dumps(table, indent=1) + "\n"


def _making_of(text: str, plan: Plan) -> dict[str, Any] | None:
    """How this very plan was begun; None when the text is no such plan."""
    try:
        table = json.loads(text)
        making = table.pop("making")
    except (json.JSONDecodeError, AttributeError, KeyError, TypeError):
        return None
    return making if table == json.loads(plan_to_json(plan)) and isinstance(making, dict) else None
