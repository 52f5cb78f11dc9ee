"""What of a study a model is shown; the names stand in findings.json and release.json."""

from __future__ import annotations

from typing import Literal, get_args

Mode = Literal["image", "image+names", "image+names+indication"]
"""The image alone; series names and the study description too; and the order as well (age, sex, indication)."""

MODES: tuple[Mode, ...] = get_args(Mode)
"""Every mode, the one that shows least first."""
