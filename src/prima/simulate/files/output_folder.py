"""The folder that a health system is written to, and whose it is."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

from prima.errors import UsageError
from prima.files.durable import DISK_FULL, is_temporary, write_text
from prima.simulate.plan.plan import Plan
from prima.simulate.plan.plan_file import plan_to_json

PLAN_FILE = "plan.json"
_FULL = DISK_FULL | {errno.EFBIG, errno.EIO}


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
        if not out.exists() or all(is_temporary(entry.name) for entry in out.iterdir()):
            out.mkdir(parents=True, exist_ok=True)
            write_text(path, text)
            return
        present_text = path.read_text("utf-8") if path.exists() else ""
    except UnicodeDecodeError:
        present_text = ""
    except OSError as error:
        if error.errno in _FULL:
            raise
        raise UsageError(f"{out}: cannot be used ({error.strerror}); give a folder that you may write to") from None
    if present_text == text:
        return
    begun = _making_of(present_text, plan)
    if begun is not None:
        before, present = (
            ", ".join(f"{name} {value}" for name, value in options.items()) for options in (begun, making)
        )
        raise UsageError(f"{out}: was begun with {before}, and {present} is asked for; give another folder")
    raise UsageError(f"{out}: found files of something else, expected an empty folder or this plan begun before")


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
