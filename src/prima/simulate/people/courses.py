"""How findings change from one study of a person to the next: unchanged, larger, resolved, operated, turned chronic."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from prima.simulate.people.case import Lesion
from prima.simulate.people.conditions import Course

Sample = Callable[[str], tuple[Lesion, ...]]
"""Draws the lesions of a diagnosis, consequences included, for one person."""

SECONDARY = frozenset(
    {
        "structural_brain_herniation",
        "structural_edema",
        "structural_mass_effect",
        "structural_midline_shift",
        "ventricular_ventriculomegaly",
    }
)
"""What a lesion does to the brain around it, and what goes when the lesion goes."""

OPERATED = 0.6
RESIDUAL = 0.45
SMALLER_WITHOUT_TRACE = 0.45
_CORTEX = ("frontal", "parietal", "temporal", "occipital")
_POSTERIOR_FOSSA = (
    "cerebellar_hemisphere",
    "cerebellopontine_angle",
    "fourth_ventricle",
    "internal_auditory_canal",
    "posterior_fossa_midline",
    "vermis",
)
OPENED_AT: dict[str, str] = {
    **{f"{lobe}_{part}": f"{lobe}_cortex" for lobe in _CORTEX for part in ("wm", "cortex")},
    **dict.fromkeys(_POSTERIOR_FOSSA, "cerebellar_hemisphere"),
}
"""Site of a lesion → site of the cavity that its removal leaves; for other sites, wherever a cavity usually is."""

LEAVES_A_HOLE = {"vascular_ischemic_large_vessel_stroke": True, "trauma_brain_contusion": False}
"""What encephalomalacia follows, and whether it is still called by its own name then (a chronic infarct is)."""


@dataclass(frozen=True, kw_only=True)
class State:
    """What is in a head at one study."""

    lesions: tuple[Lesion, ...] = ()
    gone: tuple[str, ...] = ()
    operated: bool = False


def next_state(state: State, course: Course, main: str, *, sample: Sample, rng: np.random.Generator) -> State:
    """The state at the person's next study.

    Args:
        main: the diagnosis of the condition; what is not a part of it (an incidental cyst) stays as it is.
        sample: makes the lesions that appear (cavity, craniotomy, encephalomalacia).
    """
    kept = tuple(replace(lesion, course="unchanged") for lesion in state.lesions)
    if not any(lesion.diagnosis == main for lesion in kept):
        return replace(state, lesions=kept)
    if course == "operable" and not state.operated and rng.random() < OPERATED:
        return _operate(replace(state, lesions=kept), main, sample, rng)
    if course in ("operable", "progressive") and rng.random() < 0.35:
        return replace(state, lesions=_scaled(kept, main, 1.15 + 0.3 * rng.random(), "larger"))
    if course == "relapsing" and rng.random() < 0.4:
        fresh = tuple(replace(lesion, course="new") for lesion in sample(main) if lesion.diagnosis == main)
        return replace(state, lesions=(*kept, *fresh[: max(1, len(fresh) // 3)]))
    if course in ("resolving", "treated", "evolving"):
        return _subside(replace(state, lesions=kept), course, main, sample, rng)
    return replace(state, lesions=kept)


def _operate(state: State, main: str, sample: Sample, rng: np.random.Generator) -> State:
    """One lesion is removed, whole or in part, with what it did to the brain; a cavity and its consequences stay.

    Of several lesions (metastases) the first and largest goes.
    """
    old = next(lesion for lesion in state.lesions if lesion.diagnosis == main)
    lesions = tuple(lesion for lesion in state.lesions if lesion.seed != old.seed)
    if rng.random() < RESIDUAL:
        lesions = (*lesions, replace(old, size_mm=0.5 * old.size_mm, course="smaller"))
    cavity = sample("surgical_resection_cavity")
    site = OPENED_AT.get(old.site, cavity[0].site)
    side = old.side if old.side in ("left", "right") else cavity[0].side
    lesions += tuple(
        replace(lesion, site=site, side=side, course="postoperative")
        for lesion in cavity
        if lesion.seed == cavity[0].seed
    )
    gone = _names(state.lesions) - _names(lesions)
    return replace(state, lesions=lesions, gone=_sorted((*state.gone, *gone)), operated=True)


def _subside(state: State, course: Course, main: str, sample: Sample, rng: np.random.Generator) -> State:
    """The acute passes: first its effects on the brain, then it shrinks, disappears, turns chronic or leaves a hole."""
    old = next(lesion for lesion in state.lesions if lesion.diagnosis == main)
    seeds = {lesion.seed for lesion in state.lesions if lesion.diagnosis == main}
    lesions = tuple(
        lesion
        for lesion in state.lesions
        if lesion.seed not in seeds or lesion.diagnosis not in SECONDARY or lesion.diagnosis == main
    )
    vanishes = rng.random() < SMALLER_WITHOUT_TRACE
    if course == "evolving":
        lesions = _scaled(lesions, main, 0.85, "smaller", stage="chronic")
        if main in LEAVES_A_HOLE:
            lesions = tuple(lesion for lesion in lesions if lesion.diagnosis != main or LEAVES_A_HOLE[main])
            hole = sample("structural_encephalomalacia")[:1]
            if not any(lesion.diagnosis == "structural_encephalomalacia" for lesion in lesions):
                lesions += tuple(replace(lesion, side=old.side, site=old.site) for lesion in hole)
    elif vanishes:
        lesions = tuple(lesion for lesion in lesions if lesion.diagnosis != main)
    else:
        lesions = _scaled(lesions, main, 0.55, "smaller")
    gone = _names(state.lesions) - _names(lesions)
    return replace(state, lesions=lesions, gone=_sorted((*state.gone, *gone)))


def _scaled(
    lesions: tuple[Lesion, ...], main: str, factor: float, course: str, *, stage: str | None = None
) -> tuple[Lesion, ...]:
    return tuple(
        replace(
            lesion,
            size_mm=factor * lesion.size_mm,
            degree=float(min(1.0, factor * lesion.degree)),
            course=course,  # type: ignore[arg-type]
            stage=lesion.stage if stage is None else stage,
        )
        if lesion.diagnosis == main
        else lesion
        for lesion in lesions
    )


def _names(lesions: Iterable[Lesion]) -> set[str]:
    return {lesion.diagnosis for lesion in lesions}


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))
