"""The signal of a tissue through a sequence's own equation.

Equations as in Bernstein, King & Zhou, *Handbook of MRI Pulse Sequences* (2004), chapters 14, 16 and 17; MPRAGE by the
steady state of Deichmann 2000 (NeuroImage 12:112); contrast agent by relaxivities of Rohrer 2005 (Invest Radiol
40:715); bright fat of echo trains by Henkelman 1992 (JMRI 2:533); inflow by Haacke 1990 (MRM 14:202); the phase mask of
susceptibility weighting by Haacke 2004 (MRM 52:612). Values are signed after an inversion: magnitude is taken of the
voxel, after tissues have mixed in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence as Several
from dataclasses import dataclass, replace
from typing import Literal

import torch

from prima.simulate.scanner.tissues import Tissue

Kind = Literal["spin_echo", "inversion", "mprage", "spoiled", "diffusion", "swi", "tof", "balanced"]

R1_PER_MM_S = 4.5
"""T1 relaxivity of an extracellular agent at 1.5 to 3 T, in 1/(mmol/l)/s."""
R2_PER_MM_S = 6.0
"""T2 relaxivity."""
FULL_UPTAKE_MM = 0.6
"""Concentration in mmol/l of tissue that takes up as much as blood holds, minutes after 0.1 mmol/kg."""
GYROMAGNETIC_MHZ_T = 42.577
FAT_SUPPRESSION = 0.06
"""What is left of fat when it is suppressed."""
ECHO_PLANAR_FAT = 0.02
"""The same before diffusion weighting, where the rest is shifted out of its place as well."""
ECHO_TRAIN_FAT_T2 = 1.8
"""Echo trains undo the J coupling of lipids: the T2 of fat seems longer by this factor."""
GRADIENT_ECHO_FAT = 0.55
"""What gradient echoes keep of lipid: its lines dephase against each other within a few ms."""
VOID = {"none": 1.0, "arterial": 0.04, "venous": 0.25}
"""What flowing blood keeps of its spin-echo signal."""
VOID_WITH_AGENT = {"none": 1.0, "arterial": 0.15, "venous": 0.7}
"""The same after contrast agent, when slow blood is bright before it has left the slice."""
FRESH_PULSES = {"none": 10**6, "arterial": 4, "venous": 60}
"""Pulses that moving spins have felt in a slab of angiography (veins come through a saturation band)."""


@dataclass(frozen=True, kw_only=True)
class Sequence:
    """What decides the contrast of a scan.

    Args:
        kind: which equation.
        tr_ms: repetition time; of `mprage` from inversion to inversion, of echo trains between excitations.
        te_ms: effective echo time.
        ti_ms: inversion time, to the centre of k-space.
        flip_deg: flip angle of gradient echoes.
        b_value: diffusion weighting in s/mm².
        echo_train: echoes after one excitation; of `mprage` the pulses of one train.
        spacing_ms: between the pulses of an `mprage` train.
        fat_suppressed: whether fat was taken away.
        contrast_agent: whether gadolinium was given.
    """

    kind: Kind
    tr_ms: float
    te_ms: float
    ti_ms: float = 0.0
    flip_deg: float = 90.0
    b_value: float = 0.0
    echo_train: int = 1
    spacing_ms: float = 7.0
    fat_suppressed: bool = False
    contrast_agent: bool = False


@dataclass(frozen=True, kw_only=True)
class Spins:
    """A tissue's relaxation times at one field strength, with or without contrast agent."""

    tissue: Tissue
    field_t: float
    t1_ms: float
    t2_ms: float
    t2star_ms: float


def signal(sequence: Sequence, tissue: Tissue, field_t: float) -> float:
    """The signal of one tissue, signed after an inversion, for one unit of protons in full bloom.

    Example:
        >>> from prima.simulate.scanner.tissues import TISSUE
        >>> t2 = Sequence(kind="spin_echo", tr_ms=5000, te_ms=100, echo_train=15)
        >>> [round(signal(t2, TISSUE[name], 3.0), 2) for name in ("csf", "gm", "wm")]
        [0.65, 0.28, 0.17]
    """
    if tissue.pd == 0:
        return 0.0
    spins = relaxation(tissue, field_t, contrast_agent=sequence.contrast_agent)
    if sequence.echo_train > 1 and tissue.fat_share > 0 and sequence.kind in {"spin_echo", "inversion"}:
        spins = replace(spins, t2_ms=spins.t2_ms * (1 + (ECHO_TRAIN_FAT_T2 - 1) * tissue.fat_share))
    value = tissue.pd * _EQUATIONS[sequence.kind](sequence, spins)
    if sequence.kind in {"mprage", "spoiled", "swi", "tof", "balanced"}:
        value *= 1 - tissue.fat_share * (1 - GRADIENT_ECHO_FAT)
    if sequence.fat_suppressed:
        left = ECHO_PLANAR_FAT if sequence.kind == "diffusion" else FAT_SUPPRESSION
        value *= 1 - tissue.fat_share * (1 - left)
    return value


def signals(sequence: Sequence, tissues: Several[Tissue], field_t: float) -> torch.Tensor:
    """[K] float32: the signal of each tissue, to be multiplied with their fractions."""
    return torch.tensor([signal(sequence, tissue, field_t) for tissue in tissues], dtype=torch.float32)


def relaxation(tissue: Tissue, field_t: float, *, contrast_agent: bool) -> Spins:
    """Relaxation times of a tissue, shortened where it holds contrast agent."""
    held = FULL_UPTAKE_MM * tissue.enhancement / 1000 if contrast_agent else 0.0
    return Spins(
        tissue=tissue,
        field_t=field_t,
        t1_ms=1 / (1 / tissue.t1_at(field_t) + R1_PER_MM_S * held),
        t2_ms=1 / (1 / tissue.t2_at(field_t) + R2_PER_MM_S * held),
        t2star_ms=1 / (1 / tissue.t2star_at(field_t) + R2_PER_MM_S * held),
    )


def csf_null_ms(tr_ms: float, t1_ms: float) -> float:
    """The inversion time at which a fluid gives no signal: T1 (ln 2 - ln(1 + exp(-TR/T1))).

    Example:
        >>> round(csf_null_ms(9000, 4300))
        2481
    """
    return t1_ms * (math.log(2) - math.log1p(math.exp(-tr_ms / t1_ms)))


def adc_um2_ms(b0: torch.Tensor, weighted: torch.Tensor, b_value: float) -> torch.Tensor:
    """The apparent diffusion coefficient of two images, in 1e-3 mm²/s; 0 where there is no signal."""
    seen = (b0 > 0) & (weighted > 0)
    ratio = torch.where(seen, b0 / weighted.clamp_min(1e-12), torch.ones_like(b0))
    return torch.log(ratio) * (1000.0 / b_value)


def _void(s: Sequence, spins: Spins) -> float:
    return (VOID_WITH_AGENT if s.contrast_agent else VOID)[spins.tissue.flow]


def _spin_echo(s: Sequence, spins: Spins) -> float:
    return (1 - math.exp(-s.tr_ms / spins.t1_ms)) * math.exp(-s.te_ms / spins.t2_ms) * _void(s, spins)


def _inversion(s: Sequence, spins: Spins) -> float:
    recovered = 1 - 2 * math.exp(-s.ti_ms / spins.t1_ms) + math.exp(-s.tr_ms / spins.t1_ms)
    return recovered * math.exp(-s.te_ms / spins.t2_ms) * _void(s, spins)


def _spoiled(s: Sequence, spins: Spins) -> float:
    angle = math.radians(s.flip_deg)
    e1 = math.exp(-s.tr_ms / spins.t1_ms)
    return math.sin(angle) * (1 - e1) / (1 - math.cos(angle) * e1) * math.exp(-s.te_ms / spins.t2star_ms)


def _mprage(s: Sequence, spins: Spins) -> float:
    """The train's pulses drive magnetisation to its own steady state; the whole cycle repeats itself."""
    angle = math.radians(s.flip_deg)
    pulse = math.cos(angle) * math.exp(-s.spacing_ms / spins.t1_ms)
    driven = (1 - math.exp(-s.spacing_ms / spins.t1_ms)) / (1 - pulse)
    half = s.echo_train // 2
    before = s.ti_ms - half * s.spacing_ms
    after = s.tr_ms - s.ti_ms - (s.echo_train - half) * s.spacing_ms
    gain, offset = 1.0, 0.0  # magnetisation along the field is gain x (value at the inversion) + offset
    for factor, target in ((-1.0, 0.0), (math.exp(-before / spins.t1_ms), 1.0), (pulse**half, driven)):
        gain, offset = gain * factor, offset * factor + target * (1 - factor)
    centre = (gain, offset)
    for factor, target in ((pulse ** (s.echo_train - half), driven), (math.exp(-after / spins.t1_ms), 1.0)):
        gain, offset = gain * factor, offset * factor + target * (1 - factor)
    start = offset / (1 - gain)
    return (centre[0] * start + centre[1]) * math.sin(angle) * math.exp(-s.te_ms / spins.t2star_ms)


def _diffusion(s: Sequence, spins: Spins) -> float:
    weighted = math.exp(-s.b_value * spins.tissue.adc_um2_ms / 1000)
    return (1 - math.exp(-s.tr_ms / spins.t1_ms)) * math.exp(-s.te_ms / spins.t2_ms) * weighted * _void(s, spins)


def _swi(s: Sequence, spins: Spins) -> float:
    """Magnitude times the phase mask to the fourth power; a sixth of the shift stands for all orientations."""
    turns = GYROMAGNETIC_MHZ_T * spins.field_t * abs(spins.tissue.susceptibility_ppm) * s.te_ms / 1000 / 6
    return _spoiled(s, spins) * max(0.0, 1 - 2 * turns) ** 4


def _tof(s: Sequence, spins: Spins) -> float:
    """Spins that come fresh into the slab have felt few pulses and are not yet saturated."""
    angle = math.radians(s.flip_deg)
    e1 = math.exp(-s.tr_ms / spins.t1_ms)
    steady = (1 - e1) / (1 - math.cos(angle) * e1)
    fresh = (1 - steady) * (math.cos(angle) * e1) ** FRESH_PULSES[spins.tissue.flow]
    return (steady + fresh) * math.sin(angle) * math.exp(-s.te_ms / spins.t2star_ms)


def _balanced(s: Sequence, spins: Spins) -> float:
    """Balanced steady state on resonance (CISS, FIESTA)."""
    angle = math.radians(s.flip_deg)
    e1, e2 = math.exp(-s.tr_ms / spins.t1_ms), math.exp(-s.tr_ms / spins.t2_ms)
    below = 1 - (e1 - e2) * math.cos(angle) - e1 * e2
    return math.sin(angle) * (1 - e1) / below * math.exp(-s.te_ms / spins.t2_ms) * (1 + _void(s, spins)) / 2


_EQUATIONS = {
    "spin_echo": _spin_echo,
    "inversion": _inversion,
    "mprage": _mprage,
    "spoiled": _spoiled,
    "diffusion": _diffusion,
    "swi": _swi,
    "tof": _tof,
    "balanced": _balanced,
}
