"""What no magnitude image of MRI can be, by its values alone; asked before the network looks.

Limits were chosen on simulated series (docs/reference/input-gate.md); a brain that is refused is worse than a map that
passes, so that each lies well beyond what any simulated brain shows.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from prima.model.gate.values import ValueFacts

RULES = 2
"""Counts up whenever a rule or a limit changes, so that what was judged by others is judged again."""
WIDEST_DETAIL_MM = 7.0
"""MRI has finer detail along its finest axis, thick slices and interpolation included; PET and SPECT have not."""
MOST_AT_HIGH = 0.35
"""Share of the object at its highest value: more is a mask, a probability, or a narrow window of CT."""
MOST_FLAT = 0.6
"""Share of the object's voxels that equal the next one: more is a map of labels."""

LEAST_OBJECT_ML, LARGE_FIELD_ML = 100.0, 1000.0
"""A brain has 300 ml at birth, and four slices of one as much as the first; in a field as large as the second, less is
vessels, lesions or a map cut off at a threshold."""

_FEWEST_BOTH_SIGNS = 0.1
# Hounsfield units: how much air a field of view has, and what brain and muscle are.
_LEAST_AIR, _LEAST_RIM, _LEAST_SOFT = 0.05, 0.001, 0.3
_SOFT_MIDDLE, _LEAST_SOFT_WIDTH = (10.0, 60.0), 5.0
# A window: air at its lower end, which is below zero; bone far above the brain or at the upper end.
_WINDOW_LOW, _LEAST_CLIPPED, _LEAST_BONE, _LEAST_AT_END = (-300.0, -20.0), 0.2, 0.03, 0.1


class Impossible(NamedTuple):
    """What values show that MRI cannot be: the kind, as `prima.model.gate.network.KINDS` names it, and one line."""

    kind: Literal["ct", "nuclear", "map"]
    detail: str


def why_no_mri(facts: ValueFacts) -> Impossible | None:
    """What the values are of that magnitude images of MRI cannot be; None when nothing is said against them.

    Example:
        >>> import numpy as np
        >>> from prima.model.gate.values import value_facts
        >>> from prima.study import Affine, Volume
        >>> ball = np.hypot(*np.meshgrid(*(np.arange(-20, 20),) * 2))[None].repeat(40, axis=0) < 15
        >>> why_no_mri(value_facts(Volume(voxels=ball.astype(float), affine=Affine(np.eye(4))))).kind
        'map'
    """
    return _hounsfield(facts) or _window(facts) or _ends(facts) or _flat(facts) or _smooth(facts) or _little(facts)


def _hounsfield(facts: ValueFacts) -> Impossible | None:
    """Air near -1000 with an edge, and soft tissue a little above water."""
    if facts.air < _LEAST_AIR or facts.rim < _LEAST_RIM or not _is_soft_tissue(facts):
        return None
    return Impossible(
        "ct",
        f"computed tomography in Hounsfield units: {100 * facts.air:.0f} % of it is air under -500, and soft "
        f"tissue lies at {facts.soft_middle:.0f}; expected MRI, which has no negative signal",
    )


def _window(facts: ValueFacts) -> Impossible | None:
    """Air cut off at the lower end, soft tissue a little above water, bone far above it or cut off at the upper end."""
    if not _WINDOW_LOW[0] <= facts.low <= _WINDOW_LOW[1] or facts.at_low < _LEAST_CLIPPED:
        return None
    if (facts.bone < _LEAST_BONE and facts.at_high < _LEAST_AT_END) or not _is_soft_tissue(facts):
        return None
    return Impossible(
        "ct",
        f"computed tomography in a window of {facts.low:.0f} to {facts.high:.0f} Hounsfield units: soft tissue lies at "
        f"{facts.soft_middle:.0f} and bone far above it; expected MRI, where bone is dark",
    )


def _is_soft_tissue(facts: ValueFacts) -> bool:
    return (
        facts.soft >= _LEAST_SOFT
        and _SOFT_MIDDLE[0] <= facts.soft_middle <= _SOFT_MIDDLE[1]
        and facts.soft_width >= _LEAST_SOFT_WIDTH
    )


def _ends(facts: ValueFacts) -> Impossible | None:
    if facts.at_high <= MOST_AT_HIGH:
        return None
    return Impossible(
        "map",
        f"a mask, probabilities or a narrow window: {100 * facts.at_high:.0f} % of what is no background has the "
        f"highest value; expected at most {100 * MOST_AT_HIGH:.0f} %",
    )


def _flat(facts: ValueFacts) -> Impossible | None:
    if facts.flat <= MOST_FLAT:
        return None
    return Impossible(
        "map",
        f"labels: {100 * facts.flat:.0f} % of its voxels equal the next one; expected at most {100 * MOST_FLAT:.0f} %",
    )


def _smooth(facts: ValueFacts) -> Impossible | None:
    """Nothing is finer than several millimetres along any axis, as after a detector or a smoothing of that width."""
    if facts.detail_mm is None or facts.detail_mm <= WIDEST_DETAIL_MM:
        return None
    signed = facts.both_signs >= _FEWEST_BOTH_SIGNS
    what = "a statistical map or a field" if signed else "PET, SPECT or a smooth map"
    return Impossible(
        "map" if signed else "nuclear",
        f"{what}: nothing in it is finer than {min(facts.detail_mm, 99):.1f} mm; expected detail of "
        f"{WIDEST_DETAIL_MM:.0f} mm or less, as MRI has",
    )


def _little(facts: ValueFacts) -> Impossible | None:
    """A large field of view in which hardly anything differs from the background."""
    if facts.field_ml < LARGE_FIELD_ML or facts.object_ml >= LEAST_OBJECT_ML:
        return None
    return Impossible(
        "map",
        f"vessels, lesions or a map cut off at a threshold: {facts.object_ml:.0f} of {facts.field_ml:.0f} ml differ "
        f"from the background; expected at least {LEAST_OBJECT_ML:.0f} ml, as four slices of a brain have",
    )
