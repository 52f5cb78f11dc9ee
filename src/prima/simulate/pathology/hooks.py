"""What lesions do to the shape of the head: masses push, the midline shifts, ventricles widen, tonsils sink."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import torch

from prima.simulate.anatomy.shape import Shape
from prima.simulate.anatomy.sites import site_mm
from prima.simulate.pathology.catalogue import PATTERNS
from prima.simulate.pathology.displacement import displacement_mm
from prima.simulate.pathology.pattern import BIG_VENTRICLES, EDEMA, HERNIATION, MASS_EFFECT, SHIFT, SUBDURAL
from prima.simulate.pathology.place import cause_of, sign, template_point
from prima.simulate.people.case import Case, Lesion

Hook = Callable[[Shape], None]


def shape_hooks(case: Case) -> list[Hook]:
    """What the lesions of a case do to its shape, in the order of the lesions, to be handed to `build_head`."""
    return [hook for lesion in case.lesions for hook in _hooks(lesion, case.lesions)]


def _hooks(lesion: Lesion, lesions: tuple[Lesion, ...]) -> Iterable[Hook]:
    name, amount = lesion.diagnosis, displacement_mm(lesion)
    cause = cause_of(lesion, lesions)
    pushed = any(pusher.diagnosis == MASS_EFFECT and pusher.seed == lesion.seed for pusher in lesions)
    if name == MASS_EFFECT:
        yield partial(_press, lesion=lesion, cause=cause, amount=amount)
    elif name == SHIFT:
        yield lambda shape: shape.shift_midline(amount, lesion.side)
    elif name == HERNIATION:
        yield partial(_herniate, lesion=lesion, amount=amount)
    elif name == SUBDURAL and not pushed:
        yield lambda shape: shape.scale_region("sulci", 0.85)
    elif name == BIG_VENTRICLES:
        yield partial(_widen, volume=2.4 + 7.0 * lesion.degree)
        yield lambda shape: shape.scale_region("fourth_ventricle", 1 - 0.75 * lesion.degree)
        if lesion.stage == "obstructive":
            yield lambda shape: shape.scale_region("sulci", 1 - 0.4 * lesion.degree)
    elif name == "structural_cerebral_atrophy":
        yield partial(_widen, volume=1.6 + 2.4 * lesion.degree)
        yield partial(_open_sulci, openness=0.36 + 0.46 * lesion.degree)
        yield lambda shape: shape.scale_region("cisterns", 1.1 + 0.3 * lesion.degree)
    elif name == "structural_chiari_malformation":
        yield lambda shape: shape.descend("tonsils", amount)
    elif name == "ventricular_intracranial_hypotension":
        yield lambda shape: shape.descend("brainstem", amount)
        yield lambda shape: shape.descend("tonsils", 0.6 * amount)
        yield lambda shape: shape.scale_region("cisterns", 1 - 0.6 * lesion.degree)
        yield lambda shape: shape.scale_region("ventricles", 1 - 0.35 * lesion.degree)
    elif name == "developmental_dandy_walker_malformation":
        yield lambda shape: shape.scale_region("posterior_fossa", 1 + 0.35 * lesion.degree)
        yield lambda shape: shape.scale_region("vermis", 1 - 0.35 * lesion.degree)
    elif name == "structural_encephalomalacia" and lesion.size_mm >= 20 and sign(lesion):
        yield partial(_draw_in, lesion=lesion, cause=cause)
    elif name == "tumor_pediatric_brainstem_glioma":
        yield lambda shape: shape.scale_region("pons", 1.1 + 0.5 * lesion.degree)
    elif PATTERNS[name].push > 0 and not pushed and name != EDEMA:
        room = PATTERNS[name].push * lesion.size_mm / 2
        yield partial(_press, lesion=lesion, cause=cause, amount=0.5 * room)


def _body_point(shape: Shape, lesion: Lesion, cause: Lesion) -> torch.Tensor:
    """The centre in body mm, before anything is pushed."""
    at = shape.at(lesion.site, lesion.side)
    moved = torch.tensor(template_point(lesion, cause)) - site_mm(lesion.site, lesion.side)
    return at + moved


def _press(shape: Shape, *, lesion: Lesion, cause: Lesion, amount: float) -> None:
    if cause.diagnosis == SUBDURAL:
        for s in sign(cause):
            point = shape.at("convexity", "left" if s > 0 else "right")
            shape.push(point + torch.tensor([s * 22.0, 0.0, 0.0]), 34.0, min(amount, 0.9 * cause.size_mm), 55.0)
        return
    radius = max(cause.size_mm / 2, 8.0) * (0.85 if cause.site.endswith("_territory") else 1.0)
    shape.push(_body_point(shape, lesion, cause), min(radius, 36.0), min(amount, 0.6 * radius), max(2.0 * radius, 25.0))


def _widen(shape: Shape, *, volume: float) -> None:
    """Ventricles of so many times the template's volume, and a good deal wider than the person's own."""
    shape.scale_region("ventricles", max(volume / shape.ventricles, 1.25))


def _open_sulci(shape: Shape, *, openness: float) -> None:
    """Sulci at least so wide."""
    shape.scale_region("sulci", 1 + max(openness - shape.openness, 0.06) / 0.6)


def _herniate(shape: Shape, *, lesion: Lesion, amount: float) -> None:
    if lesion.stage == "tonsillar":
        shape.descend("tonsils", amount)
    elif lesion.stage == "subfalcine":
        shape.shift_midline(0.6 * amount, lesion.side, 45.0)
    else:
        shape.descend("uncus", amount, lesion.side)
    shape.scale_region("cisterns", 1 - 0.5 * lesion.degree)


def _draw_in(shape: Shape, *, lesion: Lesion, cause: Lesion) -> None:
    """Lost brain draws the midline a little toward it and opens the ventricles."""
    away = "right" if lesion.side == "left" else "left"
    if lesion.side in ("left", "right"):
        shape.shift_midline(1.0 + lesion.degree, away)  # type: ignore[arg-type]
    shape.scale_region("ventricles", 1 + 0.4 * lesion.degree)
    del cause
