"""Lesions into a head, and the truth of what was put in."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from prima.simulate.anatomy.head import Head
from prima.simulate.pathology import forms_diffuse, forms_mass, forms_shape, forms_surface, forms_vascular
from prima.simulate.pathology.canvas import Canvas
from prima.simulate.pathology.catalogue import PATTERNS
from prima.simulate.pathology.implied import implied_by
from prima.simulate.pathology.job import Form, Job
from prima.simulate.pathology.pattern import MaskKind
from prima.simulate.pathology.place import cause_of, centre
from prima.simulate.people.case import Case

FORMS: dict[str, Form] = {
    # changes of shape, then spread-out ones, then masses, then what lies upon them
    "ventricles": forms_shape.ventricles,
    "atrophy": forms_shape.atrophy,
    "dandy_walker": forms_shape.dandy_walker,
    "callosal": forms_shape.callosal,
    "tonsils": forms_shape.tonsils,
    "syrinx": forms_shape.syrinx,
    "heterotopia": forms_diffuse.heterotopia,
    "leukoaraiosis": forms_diffuse.leukoaraiosis,
    "edema": forms_mass.edema,
    "territory": forms_vascular.territory,
    "encephalitis": forms_diffuse.encephalitis,
    "plaques": forms_diffuse.plaques,
    "cavity": forms_vascular.cavity,
    "contusion": forms_mass.layers,
    "lacune": forms_mass.layers,
    "nidus": forms_vascular.nidus,
    "layers": forms_mass.layers,
    "adenoma": forms_mass.adenoma,
    "cyst_nodule": forms_mass.cyst_nodule,
    "schwannoma": forms_mass.schwannoma,
    "dural_mass": forms_mass.dural_mass,
    "aneurysm": forms_mass.layers,
    "moyamoya": forms_vascular.moyamoya,
    "axonal": forms_diffuse.axonal,
    "sarcoid": forms_diffuse.sarcoid,
    "subarachnoid": forms_vascular.subarachnoid,
    "intraventricular": forms_vascular.intraventricular,
    "hypotension": forms_surface.hypotension,
    "subdural": forms_surface.subdural,
    "surgical_cavity": forms_surface.surgical_cavity,
    "craniotomy": forms_surface.craniotomy,
    "cephalocele": forms_surface.cephalocele,
    "catheter": forms_surface.catheter,
    "geometry": forms_shape.geometry,
}
"""Painting functions by the name that a pattern gives, in the order in which they act."""

_RANK = {name: index for index, name in enumerate(FORMS)}


@dataclass(frozen=True, kw_only=True, eq=False)
class LesionTruth:
    """Where a diagnosis is visible.

    Args:
        diagnosis: released name.
        mask: [z, y, x] bool on the head's grid.
        mask_kind: focal for the lesion itself, region for what is affected.
    """

    diagnosis: str
    mask: Tensor
    mask_kind: MaskKind


def paint_lesions(head: Head, case: Case) -> list[LesionTruth]:
    """Put the lesions of a case into its head (made with `shape_hooks`).

    Returns:
        One truth per label, implied labels included, in the order of the ontology; several lesions of one diagnosis
        share a mask.
    """
    if not case.lesions:
        return []
    canvas = Canvas(head)
    masks: dict[str, Tensor] = {}
    for lesion in sorted(case.lesions, key=lambda lesion: _RANK[PATTERNS[lesion.diagnosis].form]):
        cause = cause_of(lesion, case.lesions)
        pattern = PATTERNS[lesion.diagnosis]
        job = Job(canvas=canvas, lesion=lesion, pattern=pattern, centre=centre(canvas, lesion, cause), cause=cause)
        mask = FORMS[pattern.form](job)
        for name in implied_by(lesion):
            masks[name] = masks[name] | mask if name in masks else mask
    return [
        LesionTruth(diagnosis=name, mask=masks[name], mask_kind=pattern.mask_kind)
        for name, pattern in PATTERNS.items()
        if name in masks
    ]
