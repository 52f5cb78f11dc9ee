"""What a diagnosis looks like, as data: where it sits, how large it is, what it is made of, what comes with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from prima.simulate.people.case import Side

MaskKind = Literal["focal", "region"]
Range = tuple[float, float]
Grades = tuple[Range, Range, Range]
"""A range for each subtlety: plain, moderate, subtle."""

PLAIN_DEGREE: Grades = ((0.8, 1.0), (0.5, 0.7), (0.2, 0.4))
"""How marked a finding is at each subtlety, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One material of a lesion: a shell between two radii, in parts of the lesion's own.

    Args:
        material: name in `materials.MATERIALS`.
        inner, outer: between which radii, in parts of the lesion's (0 is the centre, 1 the edge); may exceed 1.
        share: how much of what was there it replaces, 0 to 1.
        speckle: (wavelength in mm, share of the volume) when it is there in patches alone.
        ragged: how strongly noise moves its borders, in radii.
        within: name of the tissue that it stays in: "brain", "white_matter", "cortex", "inside" (within the skull) or
        None. edge_mm: over how many millimetres its border fades.
    """

    material: str
    inner: float = 0.0
    outer: float = 1.0
    share: float = 1.0
    speckle: tuple[float, float] | None = None
    ragged: float = 0.12
    within: str | None = "inside"
    edge_mm: float = 2.0


@dataclass(frozen=True, kw_only=True)
class Consequence:
    """A finding of its own diagnosis that a lesion may bring along.

    Args:
        diagnosis: its released name.
        chance: for each subtlety of the cause.
        from_mm: only when the cause is at least so large.
        needs: only when this other consequence is there.
        degree: its degree in parts of the cause's.
        extent: its diameter in parts of the cause's; (0, 0) for geometric findings.
        stage: its stage.
        sites: only at these sites of the cause; empty for all.
        stages: only at these stages of the cause; empty for all.
    """

    diagnosis: str
    chance: tuple[float, float, float]
    from_mm: float = 0.0
    needs: str | None = None
    degree: Range = (0.8, 1.0)
    extent: Range = (0.0, 0.0)
    stage: str | None = None
    sites: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """One diagnosis.

    Args:
        diagnosis: released name.
        form: name of the function of `forms` that paints it; "layers" for a mass made of layers.
        sites: site → weight.
        sides: which sides; a midline site is always "midline".
        sizes_mm: longest diameter for each subtlety; all 0 for diffuse and geometric ones.
        count: number of lesions for each subtlety.
        stages: stage → weight; empty when it has none.
        layers: stage → layers from the first painted to the last; the key "" stands for every other stage.
        radii: the half axes (along x, y, z) in parts of half the size, before a random turn.
        turned: whether the body is turned at random.
        lobed: how far its outline departs from an ellipsoid, in radii.
        jitter_mm: how far from its site the centre may lie.
        push: displacement in parts of the radius that comes with the mass even where no mass effect is called.
        consequences: what may come with it.
        mask_kind: focal for a mask of the lesion, region for that of what is affected.
        signature: how it is recognised, for the table of the documentation.
        contrasts: on which contrasts it must show.
        source: where the appearance is described.
    """

    diagnosis: str
    sites: Mapping[str, float]
    signature: str
    contrasts: tuple[str, ...]
    source: str
    form: str = "layers"
    sides: tuple[Side, ...] = ("left", "right")
    sizes_mm: Grades = ((0.0, 0.0), (0.0, 0.0), (0.0, 0.0))
    degrees: Grades = PLAIN_DEGREE
    count: tuple[tuple[int, int], tuple[int, int], tuple[int, int]] = ((1, 1), (1, 1), (1, 1))
    stages: Mapping[str, float] = field(default_factory=dict)
    layers: Mapping[str, tuple[Layer, ...]] = field(default_factory=dict)
    radii: tuple[float, float, float] = (0.9, 1.0, 0.85)
    turned: bool = True
    lobed: float = 0.12
    jitter_mm: float = 4.0
    push: float = 0.0
    consequences: tuple[Consequence, ...] = ()
    mask_kind: MaskKind = "focal"

    def layers_at(self, stage: str | None) -> tuple[Layer, ...]:
        """The layers of a stage."""
        return self.layers.get(stage or "", self.layers.get("", ()))


MIDLINE_SITES = frozenset(
    {
        "corpus_callosum", "corpus_callosum_splenium", "midbrain", "pons", "medulla", "vermis", "fourth_ventricle",
        "third_ventricle", "foramen_of_monro", "sella", "suprasellar", "pineal", "interhemispheric_fissure",
        "planum_sphenoidale", "posterior_fossa_midline", "foramen_magnum", "cervical_cord", "anterior_communicating",
        "basilar_tip", "skull_base_anterior", "nasal_cavity", "skull_convexity",
    }
)  # fmt: skip
"""Sites without a left and a right."""

SHEETS: Mapping[str, tuple[float, float]] = {"falx": (0.0, 0.0), "tentorium": (16.0, -4.0)}
"""Dural sheets across the midline, on one side of which a mass sits: how far aside and up its edge lies, in mm."""


def swelling(
    edema: tuple[float, float, float], mass: tuple[float, float, float], *, extent: Range = (1.5, 2.2)
) -> tuple[Consequence, ...]:
    """What a mass in the hemisphere may bring along: edema, mass effect, midline shift, herniation, each when visible.

    Args:
        edema: chance of edema for each subtlety.
        mass: chance of visible mass effect for each subtlety.
        extent: diameter of the edema in parts of the mass's.
    """
    return (
        Consequence(diagnosis=EDEMA, chance=edema, extent=extent),
        Consequence(diagnosis=MASS_EFFECT, chance=mass, from_mm=18.0),
        Consequence(diagnosis=SHIFT, chance=(0.6, 0.35, 0.0), from_mm=30.0, needs=MASS_EFFECT, sites=HEMISPHERIC),
        Consequence(diagnosis=HERNIATION, chance=(0.3, 0.0, 0.0), from_mm=45.0, needs=SHIFT, stage="uncal"),
    )


EDEMA = "structural_edema"
MASS_EFFECT = "structural_mass_effect"
SHIFT = "structural_midline_shift"
HERNIATION = "structural_brain_herniation"
BIG_VENTRICLES = "ventricular_ventriculomegaly"
HEMORRHAGE = "vascular_hemorrhagic_intracranial_hemorrhage"
INTRAVENTRICULAR = "vascular_hemorrhagic_intraventricular_hemorrhage"
SUBARACHNOID = "vascular_hemorrhagic_subarachnoid_hemorrahage"
SUBDURAL = "trauma_subdural_hematoma"
CRANIOTOMY = "surgical_craniotomy"

HEMISPHERIC = (
    "frontal_wm", "parietal_wm", "temporal_wm", "occipital_wm", "centrum_semiovale", "frontal_cortex",
    "parietal_cortex", "temporal_cortex", "occipital_cortex", "insula", "thalamus", "putamen", "caudate",
    "internal_capsule", "globus_pallidus", "temporal_pole", "convexity", "sylvian_fissure", "mca_territory",
    "gyrus_rectus", "orbitofrontal_cortex", "periventricular_wm",
)  # fmt: skip
"""Sites in a hemisphere, from where a mass can push across the midline."""
