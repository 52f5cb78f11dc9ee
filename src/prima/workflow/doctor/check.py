"""One line of `prima doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """What was looked at, how it stands, what was found, and the line that mends it.

    Args:
        status: "fail" means that `prima predict` cannot run; "warn" that it runs slower, or reads less.
        remedy: None when there is nothing to mend. An extra that is not installed is "ok" and names its line.
    """

    name: str
    status: Status
    found: str
    remedy: str | None = None
