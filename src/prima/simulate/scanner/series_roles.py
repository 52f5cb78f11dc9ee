"""What each kind of series is: its sequence, plane, coverage and resolution.

Parameters are of the order that public protocols of adult brain imaging give (ACR–ASNR–SPR practice parameter for MRI
of the brain; the makers' default protocols); each scanner then departs from them a little.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from prima.simulate.scanner.physics import Sequence, csf_null_ms
from prima.study.exclusion import Reason
from prima.study.volume import Plane

Derived = Literal["adc", "mip", "minip", "phase", "subtraction", "fa", "cbf"]
Focus = Literal["brain", "hippocampus", "sella", "iac", "circle"]


@dataclass(frozen=True, kw_only=True)
class Role:
    """A kind of series.

    Args:
        contrast: key of `sequence_for`.
        plane: of its slices.
        slices: how many.
        spacing_mm: from slice to slice.
        thickness_mm: of the slice profile.
        field_of_view_mm: rows and columns of a square image.
        matrix: acquired matrix.
        focus: what its middle is aimed at.
        gadolinium: whether it comes after the injection.
        fat_suppressed: whether fat is taken away.
        volumetric: 3-D encoded.
        noise: relative to an ordinary 2-D scan.
        derived: computed from other images rather than measured.
        reason: why a reader leaves it out; None when it is used.
        echo_planar: distorted and dropped out beside air.
    """

    contrast: str
    plane: Plane
    slices: int
    spacing_mm: float
    thickness_mm: float
    field_of_view_mm: float
    matrix: int
    focus: Focus = "brain"
    gadolinium: bool = False
    fat_suppressed: bool = False
    volumetric: bool = False
    noise: float = 1.0
    derived: Derived | None = None
    reason: Reason | None = None
    echo_planar: bool = False


def _slices(contrast: str, plane: Plane = "axial", **changes: Any) -> Role:
    """An ordinary 2-D series of the whole head."""
    size = {"axial": (26, 230.0), "coronal": (30, 230.0), "sagittal": (25, 240.0)}[plane]
    values: dict[str, Any] = {
        "slices": size[0],
        "spacing_mm": 6.0,
        "thickness_mm": 5.0,
        "field_of_view_mm": size[1],
        "matrix": 256,
    }
    return Role(contrast=contrast, plane=plane, **{**values, **changes})


def _volume(contrast: str, plane: Plane = "sagittal", **changes: Any) -> Role:
    """An isotropic 3-D series of the whole head."""
    values: dict[str, Any] = {
        "slices": 176,
        "spacing_mm": 1.0,
        "thickness_mm": 1.0,
        "field_of_view_mm": 250.0,
        "matrix": 256,
        "volumetric": True,
        "noise": 1.3,
    }
    return Role(contrast=contrast, plane=plane, **{**values, **changes})


_DIFFUSION: dict[str, Any] = {
    "matrix": 128,
    "spacing_mm": 6.0,
    "echo_planar": True,
    "noise": 1.0,
    "fat_suppressed": True,
}
_SELLA: dict[str, Any] = {
    "focus": "sella", "slices": 13, "spacing_mm": 3.0, "thickness_mm": 2.7, "field_of_view_mm": 180.0, "noise": 1.5,
}  # fmt: skip
_IAC: dict[str, Any] = {
    "focus": "iac",
    "slices": 14,
    "spacing_mm": 3.0,
    "thickness_mm": 3.0,
    "field_of_view_mm": 190.0,
    "noise": 1.4,
}

ROLES: dict[str, Role] = {
    "loc": _slices("localizer", reason=Reason.LOCALIZER),
    "t1_ax": _slices("t1"),
    "t1_sag": _slices("t1", "sagittal"),
    "t1_cor": _slices("t1", "coronal"),
    "t2_ax": _slices("t2", matrix=320),
    "t2_cor": _slices("t2", "coronal", matrix=320),
    "t2_sag": _slices("t2", "sagittal", matrix=320),
    "t2_fs_ax": _slices("t2", fat_suppressed=True, matrix=320),
    "flair_ax": _slices("flair", noise=1.4),
    "flair_cor": _slices("flair", "coronal", noise=1.4),
    "flair_sag": _slices("flair", "sagittal", noise=1.4),
    "flair_3d": _volume("flair_3d", fat_suppressed=True, noise=1.2),
    "pd_ax": _slices("pd"),
    "ir_cor": _slices("t1_ir", "coronal"),
    "hippo_cor": _slices(
        "t2", "coronal", focus="hippocampus", slices=26, spacing_mm=3.3, thickness_mm=3.0, field_of_view_mm=200.0,
        matrix=384, noise=1.5,
    ),
    "t1_3d": _volume("mprage"),
    "dwi": _slices("diffusion", **_DIFFUSION),
    "adc": _slices("diffusion", **_DIFFUSION, derived="adc"),
    "dwi_cor": _slices("diffusion", "coronal", **_DIFFUSION),
    "gre_ax": _slices("gre"),
    "swi": _slices("swi", slices=64, spacing_mm=2.0, thickness_mm=2.0, matrix=256, volumetric=True, noise=1.6),
    "swi_mip": _slices(
        "swi", slices=57, spacing_mm=2.0, thickness_mm=16.0, matrix=256, derived="minip", reason=Reason.DERIVED_MAP
    ),
    "swi_pha": _slices(
        "swi", slices=64, spacing_mm=2.0, thickness_mm=2.0, matrix=256, derived="phase", reason=Reason.PHASE
    ),
    "t1_ax_c": _slices("t1", gadolinium=True),
    "t1_cor_c": _slices("t1", "coronal", gadolinium=True),
    "t1_sag_c": _slices("t1", "sagittal", gadolinium=True),
    "t1_fs_ax_c": _slices("t1", gadolinium=True, fat_suppressed=True),
    "flair_ax_c": _slices("flair", gadolinium=True),
    "t1_3d_c": _volume("mprage", gadolinium=True),
    "mpr_ax_c": _volume("mprage", "axial", gadolinium=True, slices=75, spacing_mm=2.0, thickness_mm=2.0),
    "mpr_cor_c": _volume("mprage", "coronal", gadolinium=True, slices=90, spacing_mm=2.0, thickness_mm=2.0),
    "sub": _slices("t1", derived="subtraction", gadolinium=True, reason=Reason.DERIVED_MAP),
    "tof": _slices(
        "tof", focus="circle", slices=112, spacing_mm=0.8, thickness_mm=1.0, field_of_view_mm=200.0, matrix=320,
        volumetric=True, noise=1.6,
    ),
    "tof_mip": _slices(
        "tof", "coronal", focus="circle", slices=18, spacing_mm=5.0, thickness_mm=60.0, field_of_view_mm=200.0,
        derived="mip", reason=Reason.DERIVED_MAP,
    ),
    "fa": _slices("diffusion", **_DIFFUSION, derived="fa", reason=Reason.DERIVED_MAP),
    "cbf": _slices("diffusion", **_DIFFUSION, derived="cbf", reason=Reason.PERFUSION),
    "sella_sag_t1": _slices("t1", "sagittal", **_SELLA),
    "sella_cor_t1": _slices("t1", "coronal", **_SELLA),
    "sella_cor_t2": _slices("t2", "coronal", **_SELLA),
    "sella_cor_t1_c": _slices("t1", "coronal", **_SELLA, gadolinium=True),
    "sella_sag_t1_c": _slices("t1", "sagittal", **_SELLA, gadolinium=True),
    "iac_3d_t2": _slices(
        "ciss", focus="iac", slices=60, spacing_mm=0.7, thickness_mm=0.8, field_of_view_mm=190.0, matrix=320,
        volumetric=True, noise=1.5,
    ),
    "iac_ax_t1": _slices("t1", **_IAC),
    "iac_ax_t1_c": _slices("t1", **_IAC, gadolinium=True, fat_suppressed=True),
    "iac_cor_t1_c": _slices("t1", "coronal", **_IAC, gadolinium=True, fat_suppressed=True),
}  # fmt: skip
"""Every kind of series by its short name."""


def sequence_for(role: Role, field_t: float, *, stretch: float = 1.0, b_value: float = 0.0) -> Sequence:
    """The sequence of a role at a field strength; `stretch` is how far this scanner departs from it.

    Example:
        >>> sequence_for(ROLES["flair_ax"], 3.0).ti_ms
        2481.0
    """
    high = field_t > 2
    agent, fat = role.gadolinium, role.fat_suppressed
    if role.contrast in {"flair", "flair_3d"}:
        tr, te, train = (5000.0, 120.0, 200) if role.contrast == "flair_3d" else (9000.0, 100.0, 17)
        inversion = round(csf_null_ms(round(tr * stretch, -1), 4300.0))
        return Sequence(
            kind="inversion", tr_ms=round(tr * stretch, -1), te_ms=float(round(te * stretch)), ti_ms=float(inversion),
            echo_train=train, fat_suppressed=fat, contrast_agent=agent,
        )  # fmt: skip
    kinds: dict[str, Sequence] = {
        "t1": Sequence(kind="spin_echo", tr_ms=600 if high else 500, te_ms=9),
        "t2": Sequence(kind="spin_echo", tr_ms=4800, te_ms=98, echo_train=15),
        "pd": Sequence(kind="spin_echo", tr_ms=2800, te_ms=14, echo_train=6),
        "t1_ir": Sequence(kind="inversion", tr_ms=3500, te_ms=12, ti_ms=400, echo_train=5),
        "mprage": Sequence(
            kind="mprage", tr_ms=2300 if high else 1900, te_ms=2.6, ti_ms=900 if high else 950, flip_deg=9,
            echo_train=176, spacing_ms=7.0,
        ),
        "diffusion": Sequence(kind="diffusion", tr_ms=5800, te_ms=78 if high else 92, b_value=b_value),
        "gre": Sequence(kind="spoiled", tr_ms=650, te_ms=18 if high else 25, flip_deg=20),
        "swi": Sequence(kind="swi", tr_ms=28 if high else 49, te_ms=20 if high else 40, flip_deg=15),
        "tof": Sequence(kind="tof", tr_ms=22, te_ms=3.6, flip_deg=18),
        "ciss": Sequence(kind="balanced", tr_ms=6, te_ms=2.7, flip_deg=50),
        "localizer": Sequence(kind="spoiled", tr_ms=8.6, te_ms=4.0, flip_deg=20),
    }  # fmt: skip
    sequence = kinds[role.contrast]

    digits = 0 if sequence.tr_ms > 100 else 1
    return replace(
        sequence,
        tr_ms=round(sequence.tr_ms * stretch, digits),
        te_ms=round(sequence.te_ms * stretch, 0 if sequence.te_ms > 30 else 1),
        ti_ms=float(sequence.ti_ms),
        flip_deg=float(sequence.flip_deg),
        fat_suppressed=fat,
        contrast_agent=agent,
    )
