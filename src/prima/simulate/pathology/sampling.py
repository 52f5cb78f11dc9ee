"""From a diagnosis to lesions: where, how large, which stage, and what it brings along as lesions of their own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from prima.simulate.pathology.catalogue import PATTERNS
from prima.simulate.pathology.pattern import (
    EDEMA,
    HEMISPHERIC,
    HERNIATION,
    MASS_EFFECT,
    MIDLINE_SITES,
    SHIFT,
    SUBDURAL,
    Consequence,
    Pattern,
    Range,
)
from prima.simulate.people.case import Lesion, Sex, Side

CAUSES: dict[str, tuple[str, ...]] = {
    EDEMA: ("tumor_adult_brain_metastasis", "infectious_brain_abscess", "tumor_adult_high_grade_glioma"),
    MASS_EFFECT: (
        "tumor_adult_high_grade_glioma",
        "vascular_hemorrhagic_intracranial_hemorrhage",
        "tumor_adult_meningioma",
    ),
    SHIFT: ("tumor_adult_high_grade_glioma", SUBDURAL, "vascular_hemorrhagic_intracranial_hemorrhage"),
    HERNIATION: (SUBDURAL, "tumor_adult_high_grade_glioma", "vascular_hemorrhagic_intracranial_hemorrhage"),
}
"""What is put in when a finding that never stands alone is asked for."""

CAUSES_CHILD: dict[str, tuple[str, ...]] = {
    EDEMA: ("infectious_brain_abscess", "vascular_hemorrhagic_intracranial_hemorrhage"),
    MASS_EFFECT: ("infectious_brain_abscess", "vascular_hemorrhagic_intracranial_hemorrhage", "cyst_arachnoid_cyst"),
    SHIFT: (SUBDURAL, "infectious_brain_abscess", "vascular_hemorrhagic_intracranial_hemorrhage"),
    HERNIATION: (SUBDURAL, "infectious_brain_abscess", "vascular_hemorrhagic_intracranial_hemorrhage"),
}

SITE_SCALE: dict[str, float] = {
    "pons": 0.55, "thalamus": 0.75, "caudate": 0.7, "skull_base_anterior": 0.5, "basilar_tip": 0.8, "insula": 0.85,
}  # fmt: skip
"""Where there is less room than elsewhere: sizes in parts of the pattern's."""

_NEEDS: dict[str, tuple[str, ...]] = {SHIFT: (MASS_EFFECT,), HERNIATION: (MASS_EFFECT, SHIFT)}
_CAUSE_SUBTLETY = {1: 1, 2: 1, 3: 2}
_AT_THE_CAUSE = frozenset(
    {
        EDEMA,
        MASS_EFFECT,
        SHIFT,
        HERNIATION,
        "surgical_craniotomy",
        "structural_encephalomalacia",
        "vascular_hemorrhagic_intracranial_hemorrhage",
    }
)
"""Consequences that sit where their cause sits; the others have a place of their own."""


def sample_lesions(
    diagnosis: str, *, age_years: float, sex: Sex, subtlety: int, rng: np.random.Generator
) -> tuple[Lesion, ...]:
    """Lesions that make a diagnosis visible, with the consequences that this one happens to have.

    A consequence carries the site, side and seed of its cause, so that it finds its place; the side of a midline
    shift is the side that pushes.

    Args:
        diagnosis: released name.
        age_years: age at the scan.
        sex: the patient's.
        subtlety: 1 plain, 2 moderate, 3 subtle.
        rng: the only source of chance.

    Raises:
        ValueError: unknown diagnosis, or subtlety not 1, 2 or 3.

    Example:
        >>> found = sample_lesions("cyst_colloid_cyst", age_years=40, sex="F", subtlety=3, rng=np.random.default_rng(0))
        >>> found[0].site, found[0].side
        ('foramen_of_monro', 'midline')
    """
    if diagnosis not in PATTERNS:
        raise ValueError(f"unknown diagnosis {diagnosis!r}; the 52 names are in prima.study.ontology.DIAGNOSIS_NAMES")
    if subtlety not in (1, 2, 3):
        raise ValueError(f"subtlety is 1 (plain), 2 (moderate) or 3 (subtle), not {subtlety!r}")
    causes = (CAUSES if age_years >= 18 else CAUSES_CHILD).get(diagnosis)
    if causes is not None:
        cause = causes[int(rng.integers(len(causes)))]
        return _with_forced(cause, diagnosis, subtlety, rng)
    del sex  # no appearance here depends on it; kept for patterns that do
    return _sample(PATTERNS[diagnosis], subtlety, rng)


def _sample(pattern: Pattern, subtlety: int, rng: np.random.Generator) -> tuple[Lesion, ...]:
    least, most = pattern.count[subtlety - 1]
    lesions: list[Lesion] = []
    for index in range(int(rng.integers(least, most + 1))):
        main = _draw_lesion(pattern, subtlety, rng, scale=1.0 if index == 0 else float(rng.uniform(0.45, 0.95)))
        lesions.append(main)
        lesions += _consequences(pattern, main, subtlety, rng, only_edema=index > 0)
    return tuple(lesions)


def _draw_lesion(pattern: Pattern, subtlety: int, rng: np.random.Generator, *, scale: float) -> Lesion:
    site = _choose(pattern.sites, rng)
    side: Side = "midline" if site in MIDLINE_SITES else pattern.sides[int(rng.integers(len(pattern.sides)))]
    if side == "midline" and site not in MIDLINE_SITES:
        side = "both"
    room = SITE_SCALE.get(site, 1.0) if len(pattern.sites) > 1 else 1.0
    return Lesion(
        diagnosis=pattern.diagnosis,
        site=site,
        side=side,
        size_mm=round(_draw(pattern.sizes_mm[subtlety - 1], rng) * scale * room, 1),
        degree=round(_draw(pattern.degrees[subtlety - 1], rng), 3),
        subtlety=subtlety,
        stage=_stage(pattern, subtlety, rng),
        seed=int(rng.integers(1 << 31)),
    )


def _stage(pattern: Pattern, subtlety: int, rng: np.random.Generator) -> str | None:
    if pattern.form == "leukoaraiosis":
        return ("Fazekas 3", "Fazekas 2", "Fazekas 1")[subtlety - 1]
    if pattern.form == "callosal":
        return "complete" if subtlety == 1 else "partial"
    if pattern.form == "adenoma":
        return "micro" if subtlety == 3 else "macro"
    return _choose(pattern.stages, rng) if pattern.stages else None


def _consequences(
    pattern: Pattern, main: Lesion, subtlety: int, rng: np.random.Generator, *, only_edema: bool
) -> list[Lesion]:
    consequences: list[Lesion] = []
    for rule in pattern.consequences:
        chance, place = float(rng.random()), int(rng.integers(1 << 31))
        own = np.random.default_rng(place)
        if chance >= rule.chance[subtlety - 1] or main.size_mm < rule.from_mm:
            continue
        if rule.needs is not None and all(lesion.diagnosis != rule.needs for lesion in consequences):
            continue
        if (rule.sites and main.site not in rule.sites) or (rule.stages and main.stage not in rule.stages):
            continue
        if only_edema and rule.diagnosis != EDEMA:
            continue
        consequences.append(_consequence(rule, main, subtlety, own))
    return consequences


def _consequence(rule: Consequence, main: Lesion, subtlety: int, rng: np.random.Generator) -> Lesion:
    pattern = PATTERNS[rule.diagnosis]
    stage = rule.stage or (_stage(pattern, subtlety, rng) if pattern.stages else None)
    degree = round(float(np.clip(main.degree * _draw(rule.degree, rng), 0.15, 1.0)), 3)
    if rule.diagnosis in _AT_THE_CAUSE:
        size = round(main.size_mm * _draw(rule.extent, rng), 1)
        return Lesion(
            diagnosis=rule.diagnosis, site=main.site, side=main.side, size_mm=size, degree=degree, subtlety=subtlety,
            stage=stage, seed=main.seed,
        )  # fmt: skip
    own = _draw_lesion(pattern, subtlety, rng, scale=1.0)
    side: Side = "both" if "both" in pattern.sides or rule.diagnosis == SUBDURAL else own.side
    site = "suprasellar" if main.diagnosis.endswith("aneurysm") and "suprasellar" in pattern.sites else own.site
    if rule.diagnosis == SUBDURAL:  # thin, on both sides, of a sagging brain
        return Lesion(
            diagnosis=SUBDURAL, site=own.site, side=side, size_mm=round(float(rng.uniform(4, 7)), 1), degree=degree,
            subtlety=subtlety, stage=stage, seed=main.seed,
        )  # fmt: skip
    return Lesion(
        diagnosis=own.diagnosis, site=site, side=side if site not in MIDLINE_SITES else "both", size_mm=own.size_mm,
        degree=degree, subtlety=subtlety, stage=stage, seed=main.seed,
    )  # fmt: skip


def _with_forced(cause: str, forced: str, subtlety: int, rng: np.random.Generator) -> tuple[Lesion, ...]:
    """A cause, with the wanted consequence and all it needs."""
    lesions = list(_sample(PATTERNS[cause], subtlety if forced == EDEMA else _CAUSE_SUBTLETY[subtlety], rng))
    main = next(lesion for lesion in lesions if lesion.diagnosis == cause)
    if main.side not in ("left", "right") or main.site not in HEMISPHERIC:  # only such a mass pushes across
        side: Side = "left" if rng.random() < 0.5 else "right"
        site = "convexity" if cause in (SUBDURAL, "tumor_adult_meningioma") else "frontal_wm"
        lesions = [
            Lesion(**(vars(lesion) | {"side": side, "site": site})) for lesion in lesions if lesion.seed == main.seed
        ]
        main = lesions[0]
    for name in (*_NEEDS.get(forced, ()), forced):
        extent: Range = (1.5, 2.2) if name == EDEMA else (0.0, 0.0)
        rule = Consequence(diagnosis=name, chance=(1, 1, 1), extent=extent, degree=(1.0, 1.0))
        graded = Lesion(**(vars(main) | {"degree": _draw(PATTERNS[name].degrees[subtlety - 1], rng)}))
        lesions = [lesion for lesion in lesions if lesion.diagnosis != name or lesion.seed != main.seed]
        lesions.append(_consequence(rule, graded, subtlety, rng))
    if forced == EDEMA:  # as large as it is asked for, whatever brought it
        size = max(_draw(PATTERNS[EDEMA].sizes_mm[subtlety - 1], rng), 1.3 * main.size_mm)
        lesions[-1] = Lesion(**(vars(lesions[-1]) | {"size_mm": round(size, 1)}))
    return tuple(lesions)


def _draw(between: Range, rng: np.random.Generator) -> float:
    return float(rng.uniform(*between))


def _choose(weights: Mapping[str, float], rng: np.random.Generator) -> str:
    names = list(weights)
    shares = np.array([weights[name] for name in names], float)
    if shares.sum() == 0:
        return names[int(rng.integers(len(names)))]
    return names[int(rng.choice(len(names), p=shares / shares.sum()))]
