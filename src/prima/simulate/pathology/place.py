"""Where a lesion lies: its cause, its point in the template and in a head."""

from __future__ import annotations

from collections.abc import Sequence

from prima.simulate.anatomy.sites import site_mm
from prima.simulate.geometry.streams import stream
from prima.simulate.pathology.box import Point
from prima.simulate.pathology.canvas import Canvas
from prima.simulate.pathology.catalogue import PATTERNS
from prima.simulate.pathology.pattern import EDEMA, HERNIATION, MASS_EFFECT, SHEETS, SHIFT
from prima.simulate.people.case import Lesion

FOLLOWERS = frozenset({EDEMA, MASS_EFFECT, SHIFT, HERNIATION})
"""Findings that lie where another lesion lies."""


def cause_of(lesion: Lesion, lesions: Sequence[Lesion]) -> Lesion:
    """The lesion that a consequence belongs to (they share their seed); itself when it stands alone."""
    family = [
        candidate for candidate in lesions if candidate.seed == lesion.seed and candidate.diagnosis not in FOLLOWERS
    ]
    return family[0] if family else lesion


def template_point(lesion: Lesion, cause: Lesion) -> Point:
    """The centre in template mm: the site, moved a little by the seed of the cause."""
    x, y, z = site_mm(lesion.site, lesion.side).tolist()
    if lesion.side == "midline":
        x = 0.0
    if lesion.site in SHEETS and lesion.side in ("left", "right"):
        aside, up = SHEETS[lesion.site]
        x, z = sign(lesion)[0] * (aside + 0.4 * cause.size_mm), z + up
    jitter = PATTERNS[cause.diagnosis].jitter_mm
    dx, dy, dz = stream(cause.seed, "place").uniform(-1, 1, 3).tolist()
    moved = x + 0.5 * jitter * dx * (0.3 if x == 0 else 1.0)
    if x:
        moved = max(moved, 0.65 * x) if x > 0 else min(moved, 0.65 * x)
    return (moved, y + jitter * dy, z + 0.7 * jitter * dz)


def centre(canvas: Canvas, lesion: Lesion, cause: Lesion) -> Point:
    """The centre in the head's own mm."""
    return canvas.point(template_point(lesion, cause))


def sign(lesion: Lesion) -> tuple[float, ...]:
    """+1 for the left, -1 for the right, both for both."""
    return {"left": (1.0,), "right": (-1.0,)}.get(lesion.side, (1.0, -1.0))
