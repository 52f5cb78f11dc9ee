"""One simulated head in many appearances: MR contrasts, which are brains, and what else is made of heads and is none.

Beside the negatives of version 1, which scanners make, these are what shared folders hold: computed tomography and
nuclear medicine without a header, tissue probabilities, masks, statistical maps, phase, animals. They are made from
the tissue fractions of a head directly, without a scanner, so that a head gives all of them in about a second.
Contrasts follow from relaxation times by the equations of spin echo and inversion recovery; how much each tissue takes
up of a tracer is a plain guess with a wide spread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from prima.simulate.anatomy.head import TISSUE_NAMES, Head
from prima.simulate.negatives.tomography import HOUNSFIELD
from prima.simulate.scanner.tissues import TISSUES
from prima.study.affine import Affine
from prima.study.volume import Volume

# Shapes: K tissues, [z, y, x] voxels of a head's grid.

Appearance = Callable[[Head, np.random.Generator], Volume]
"""From a head and what is drawn to a volume."""

INSIDE = ("csf", "gm", "wm", "deep_gm", "choroid", "pituitary")
"""Tissues that a brain extraction keeps."""


def head_appearances() -> Mapping[str, tuple[str, Appearance]]:
    """Every appearance by name, with the kind that the input gate calls it; those of kind "brain" are to be kept."""
    return {
        "mprage": ("brain", _mprage),
        "mprage_stripped": ("brain", lambda head, random: _stripped(head, random, _mprage)),
        "mprage_defaced": ("brain", lambda head, random: _defaced(head, random, _mprage)),
        "spin_echo": ("brain", _spin_echo),
        "spin_echo_stripped": ("brain", lambda head, random: _stripped(head, random, _spin_echo)),
        "spin_echo_defaced": ("brain", lambda head, random: _defaced(head, random, _spin_echo)),
        "any_contrast": ("brain", _any_contrast),
        "any_contrast_stripped": ("brain", lambda head, random: _stripped(head, random, _any_contrast)),
        "ct_hounsfield": ("ct", _ct_hounsfield),
        "ct_window": ("ct", _ct_window),
        "ct_stripped": ("ct", _ct_stripped),
        "pet": ("nuclear", lambda head, random: _uptake(head, random, blur_mm=(2.0, 4.0))),
        "spect": ("nuclear", lambda head, random: _uptake(head, random, blur_mm=(4.5, 7.5))),
        "striatal_uptake": ("nuclear", _striatal_uptake),
        "tissue_probability": ("map", _tissue_probability),
        "brain_mask": ("map", _mask),
        "label_map": ("map", _label_map),
        "lesion_mask": ("map", _lesion_mask),
        "statistical_map": ("map", _statistical_map),
        "thresholded_map": ("map", _thresholded_map),
        "phase": ("map", _phase),
        "coordinates": ("map", _coordinates),
        "animal": ("body", _animal),
        "neck_and_face": ("body", _neck_and_face),
        "hollow_head": ("phantom", _hollow_head),
        "jumbled": ("nothing", _jumbled),
    }


def _volume(head: Head, image: Tensor) -> Volume:
    return Volume(voxels=image.numpy().astype(np.float32), affine=head.grid.affine)


def _image(head: Head, values: NDArray[np.float64]) -> Tensor:
    """[z, y, x] of one value a tissue."""
    weights = torch.from_numpy(values.astype(np.float32))
    return (weights @ head.fractions.flatten(1)).view(head.grid.shape)


def _share(head: Head, names: tuple[str, ...]) -> Tensor:
    """[z, y, x] of some tissues together."""
    return head.fractions[[TISSUE_NAMES.index(name) for name in names]].sum(dim=0)


def _smooth_noise(head: Head, random: np.random.Generator, wavelength_mm: float) -> Tensor:
    """[z, y, x] of smooth noise with mean 0 and deviation 1."""
    counts = [max(2, round(size * head.grid.spacing_mm / wavelength_mm)) for size in head.grid.shape]
    coarse = torch.from_numpy(random.standard_normal((1, 1, *counts), dtype=np.float32))
    fine = functional.interpolate(coarse, size=head.grid.shape, mode="trilinear", align_corners=True)[0, 0]
    return (fine - fine.mean()) / fine.std().clamp(min=1e-6)


def _blurred(image: Tensor, sigma_mm: float, spacing_mm: float) -> Tensor:
    """A Gaussian along each axis."""
    reach = max(1, round(3 * sigma_mm / spacing_mm))
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) * spacing_mm / max(sigma_mm, 1e-3)) ** 2)
    kernel /= kernel.sum()
    for axis in range(3):
        shape = [1, 1, 1, 1, 1]
        shape[axis + 2] = -1
        padding = [reach if other_axis == axis else 0 for other_axis in range(3)]
        image = functional.conv3d(image[None, None], kernel.view(shape), padding=padding)[0, 0]
    return image


# Brains


def _received(head: Head, random: np.random.Generator, image: Tensor) -> Tensor:
    """As a coil gives it: brighter near its elements, weaker below the head, with Rician noise."""
    image = image.abs()
    if random.random() < 0.6:
        image = image * (_smooth_noise(head, random, 110.0) * float(random.uniform(0.1, 0.5))).exp()
    if random.random() < 0.5:  # elements of a coil around the head: its rim is brighter than its middle
        solid = (_share(head, ("air",)) < 0.5).float()[None, None]
        coarse = _blurred(functional.avg_pool3d(solid, 4)[0, 0], 18.0, 4 * head.grid.spacing_mm)
        inner = functional.interpolate(coarse[None, None], size=image.shape, mode="trilinear")[0, 0]
        image = image * (1 + float(random.uniform(0.2, 2.0)) * (1 - inner))
    if random.random() < 0.6:
        depth = torch.arange(image.shape[0]) * head.grid.spacing_mm
        end, width = float(random.uniform(0, 60)), float(random.uniform(5, 25))
        image = image * torch.sigmoid((depth - end) / width)[:, None, None]
    sigma = float(image.max()) * 0.05 * float(random.random()) ** 2
    real, other = (torch.from_numpy(random.standard_normal(image.shape, dtype=np.float32)) * sigma for _ in range(2))
    return ((image + real).square() + other.square()).sqrt()


def _relaxation(random: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Proton density, T1 and T2 [K], as they may be in one person at some field strength."""
    field_t = float(random.choice((1.5, 3.0)))
    density = np.array([tissue.pd for tissue in TISSUES]) * np.exp(random.normal(0, 0.08, len(TISSUES)))
    t1_ms = np.array([tissue.t1_at(field_t) for tissue in TISSUES]) * np.exp(random.normal(0, 0.08, len(TISSUES)))
    t2_ms = np.array([tissue.t2_at(field_t) for tissue in TISSUES]) * np.exp(random.normal(0, 0.08, len(TISSUES)))
    return density, t1_ms, t2_ms


def _mprage(head: Head, random: np.random.Generator) -> Volume:
    """Inversion recovery with small flip angles: white matter bright, fluid dark, fat very bright or suppressed."""
    density, t1_ms, _ = _relaxation(random)
    ti_ms, tr_ms = float(random.uniform(600, 1150)), float(random.uniform(1600, 2600))
    values = np.abs(density * (1 - 2 * np.exp(-ti_ms / t1_ms) + np.exp(-tr_ms / t1_ms)))
    fat = float(random.choice((0.2, 0.8, 1.2, 1.8)))
    values[[TISSUE_NAMES.index(name) for name in ("fat", "marrow_fat")]] *= fat
    values[TISSUE_NAMES.index("arterial_blood")] *= float(random.uniform(0.5, 3))
    values[TISSUE_NAMES.index("bone")] *= 0.3
    return _volume(head, _received(head, random, _image(head, values)))


def _spin_echo(head: Head, random: np.random.Generator) -> Volume:
    """T1-, density- or T2-weighted, one in three with an inversion that nulls the fluid."""
    density, t1_ms, t2_ms = _relaxation(random)
    tr_ms = float(np.exp(random.uniform(np.log(350), np.log(9000))))
    te_ms = float(np.exp(random.uniform(np.log(8), np.log(130 if tr_ms > 1500 else 25))))
    grown = 1 - np.exp(-tr_ms / t1_ms)
    if random.random() < 0.35:
        tr_ms, te_ms = 9000.0, float(random.uniform(70, 140))
        ti_ms = float(random.uniform(0.9, 1.05)) * t1_ms[TISSUE_NAMES.index("csf")] * np.log(2) * 0.85
        grown = np.abs(1 - 2 * np.exp(-ti_ms / t1_ms) + np.exp(-tr_ms / t1_ms))
    values = density * grown * np.exp(-te_ms / t2_ms)
    values[[TISSUE_NAMES.index(name) for name in ("fat", "marrow_fat")]] *= float(random.choice((0.15, 1.0, 1.6)))
    return _volume(head, _received(head, random, _image(head, values)))


def _any_contrast(head: Head, random: np.random.Generator) -> Volume:
    """Every tissue of any brightness, but bone and air dark, as nearly all of MR has them."""
    values = random.uniform(0.1, 1.0, len(TISSUE_NAMES))
    values[TISSUE_NAMES.index("bone")] *= 0.25
    values[TISSUE_NAMES.index("air")] = 0
    values[TISSUE_NAMES.index("wm")] = values[TISSUE_NAMES.index("gm")] * float(np.exp(random.normal(0, 0.35)))
    return _volume(head, _received(head, random, _image(head, values)))


def _stripped(head: Head, random: np.random.Generator, contrast: Appearance) -> Volume:
    """Without what is no brain; some outlines leave a rim, some cut into the cortex."""
    inside = _blurred(_share(head, INSIDE), float(random.uniform(1, 4)), head.grid.spacing_mm)
    outline = inside > float(random.uniform(0.25, 0.7))
    return _volume(head, torch.from_numpy(contrast(head, random).voxels) * outline)


def _defaced(head: Head, random: np.random.Generator, contrast: Appearance) -> Volume:
    """With the face cut away along a slanted plane, and often the neck."""
    image = torch.from_numpy(contrast(head, random).voxels)
    points = head.grid.points()
    down = float(random.uniform(0.3, 0.95))
    far = float(random.uniform(68, 95))
    face = -points[2] * down - points[1] * (1 - down**2) ** 0.5 > far
    neck = points[2] < (-float(random.uniform(60, 100)) if random.random() < 0.5 else -1e3)
    return _volume(head, image * ~(face | neck))


# Computed tomography and nuclear medicine


def _hounsfield_image(head: Head, random: np.random.Generator) -> Tensor:
    values = np.array([HOUNSFIELD[name] for name in TISSUE_NAMES])
    values[TISSUE_NAMES.index("bone")] *= float(random.uniform(0.7, 1.3))
    if random.random() < 0.4:  # contrast agent
        for name in ("arterial_blood", "venous_blood", "choroid"):
            values[TISSUE_NAMES.index(name)] += float(random.uniform(60, 300))
    noise = torch.from_numpy(random.standard_normal(head.grid.shape, dtype=np.float32))
    return _image(head, values) + noise * float(random.uniform(2, 12))


def _ct_hounsfield(head: Head, random: np.random.Generator) -> Volume:
    image = _hounsfield_image(head, random)
    padding = float(random.choice((-1000, -1024, -2048, -3024)))
    points = head.grid.points()
    round_view = points[0].square() + points[1].square() > float(random.uniform(100, 125)) ** 2
    return _volume(head, torch.where(round_view, padding, image))


def _ct_window(head: Head, random: np.random.Generator) -> Volume:
    low = float(random.choice((-1000, -200, -100, 0)))
    return _volume(head, _hounsfield_image(head, random).clamp(low, float(random.choice((80, 100, 200, 1000, 3000)))))


def _ct_stripped(head: Head, random: np.random.Generator) -> Volume:
    image = _hounsfield_image(head, random).clamp(0, float(random.choice((80, 100, 150))))
    inside = _blurred(_share(head, INSIDE), 2.0, head.grid.spacing_mm) > float(random.uniform(0.3, 0.6))
    return _volume(head, image * inside)


def _uptake(head: Head, random: np.random.Generator, *, blur_mm: tuple[float, float]) -> Volume:
    """Glucose, perfusion or amyloid: cortex or white matter takes up, skull hardly; blurred and noisy."""
    table = dict.fromkeys(TISSUE_NAMES, 0.12) | {"air": 0.0, "csf": 0.05, "bone": 0.06, "vitreous": 0.05}
    table |= {"gm": 1.0, "deep_gm": float(random.uniform(0.9, 1.2)), "wm": float(random.uniform(0.2, 0.4))}
    if random.random() < 0.35:
        table |= {"gm": float(random.uniform(0.4, 1.0)), "wm": 0.9, "deep_gm": 0.8}
    values = np.array([table[name] for name in TISSUE_NAMES]) * np.exp(random.normal(0, 0.1, len(TISSUE_NAMES)))
    image = _blurred(_image(head, values), float(random.uniform(*blur_mm)), head.grid.spacing_mm)
    grain = _smooth_noise(head, random, float(random.uniform(7, 14)))
    image = (image * (1 + float(random.uniform(0.05, 0.2)) * grain) + 0.02 * grain).clamp(min=0)
    if random.random() < 0.3:
        image = image * (_blurred(_share(head, INSIDE), 3.0, head.grid.spacing_mm) > 0.4)
    return _volume(head, image)


def _striatal_uptake(head: Head, random: np.random.Generator) -> Volume:
    """Dopamine transporters: the nuclei are bright and everything else is faint."""
    faint = float(random.uniform(0.1, 0.3))
    values = np.full(len(TISSUE_NAMES), faint * 0.7)
    values[TISSUE_NAMES.index("air")] = 0
    values[[TISSUE_NAMES.index(name) for name in ("gm", "wm")]] = faint
    values[TISSUE_NAMES.index("deep_gm")] = 1
    image = _blurred(_image(head, values), float(random.uniform(3, 6)), head.grid.spacing_mm)
    grain = _smooth_noise(head, random, 10.0)
    return _volume(head, (image * (1 + 0.2 * grain) + 0.02 * grain).clamp(min=0))


# Masks and maps


def _tissue_probability(head: Head, random: np.random.Generator) -> Volume:
    """Of grey matter, white matter or fluid, of one person or of many (smooth)."""
    tissues = (("gm", "deep_gm"), ("gm",), ("wm",), ("csf",))[int(random.integers(4))]
    image = _share(head, tissues) * (_blurred(_share(head, INSIDE), 2.0, head.grid.spacing_mm) > 0.4)
    return _volume(head, _blurred(image, float(random.uniform(0.5, 4.5)), head.grid.spacing_mm))


def _mask(head: Head, random: np.random.Generator) -> Volume:
    """Of the brain, the head or the skull."""
    tissues = (INSIDE, TISSUE_NAMES, ("bone", "marrow_fat"))[int(random.integers(3))]
    share = _share(head, tuple(name for name in tissues if name != "air"))
    return _volume(head, (_blurred(share, 2.0, head.grid.spacing_mm) > float(random.uniform(0.3, 0.7))).float())


def _label_map(head: Head, random: np.random.Generator) -> Volume:
    """The number of a tissue, or of a parcel of the brain, in each voxel."""
    labels = head.fractions.argmax(dim=0)
    numbers = random.permutation(len(TISSUE_NAMES)) + 1
    numbers[TISSUE_NAMES.index("air")] = 0
    image = torch.from_numpy(numbers)[labels].float()
    inside = _share(head, INSIDE) > 0.5
    if random.random() < 0.5:
        parcels = sum(
            (_smooth_noise(head, random, float(random.uniform(25, 60))) > 0).float() * 2**power for power in range(5)
        )
        image = torch.where(inside, 1 + torch.as_tensor(parcels), 0.0)
    elif random.random() < 0.5:
        image = image * inside
    return _volume(head, image)


def _lesion_mask(head: Head, random: np.random.Generator) -> Volume:
    """Some blobs in the brain, of one value."""
    noise = _smooth_noise(head, random, float(random.uniform(15, 60)))
    inside = _share(head, INSIDE) > 0.5
    edge = torch.quantile(noise[inside][::7], float(random.uniform(0.85, 0.98)))
    return _volume(head, ((noise > edge) & inside).float())


def _statistics(head: Head, random: np.random.Generator) -> Tensor:
    """Signed values of smooth noise and some blobs within the brain."""
    fine = _smooth_noise(head, random, float(random.uniform(9, 18)))
    coarse = _smooth_noise(head, random, float(random.uniform(25, 70)))
    image = fine + float(random.uniform(0.3, 2.5)) * coarse
    inside = _blurred(_share(head, INSIDE), 2.5, head.grid.spacing_mm) > 0.45
    return image * inside


def _statistical_map(head: Head, random: np.random.Generator) -> Volume:
    image = _statistics(head, random)
    return _volume(head, image.abs() if random.random() < 0.3 else image)


def _thresholded_map(head: Head, random: np.random.Generator) -> Volume:
    """Only values beyond a threshold."""
    image = _statistics(head, random)
    image /= image.std()
    edge = float(random.uniform(0.5, 2.2))
    return _volume(head, image * ((image.abs() if random.random() < 0.5 else image) > edge))


def _phase(head: Head, random: np.random.Generator) -> Volume:
    """Smooth and wrapped in the head, uniform noise around it."""
    field = _smooth_noise(head, random, float(random.uniform(40, 120))) * float(random.uniform(2, 9))
    wrapped = torch.remainder(field + np.pi, 2 * np.pi) - np.pi
    noise = torch.from_numpy(random.uniform(-np.pi, np.pi, head.grid.shape).astype(np.float32))
    around = torch.zeros_like(noise) if random.random() < 0.3 else noise
    return _volume(head, torch.where(_share(head, ("air",)) > 0.5, around, wrapped))


def _coordinates(head: Head, random: np.random.Generator) -> Volume:
    """A ramp or a smooth field, in the brain or everywhere: deformations, distances, shading."""
    direction = torch.from_numpy(random.normal(0, 1, 3).astype(np.float32))
    image = torch.tensordot(direction, head.grid.points(), dims=1) / 80
    image = image * float(random.random()) + _smooth_noise(head, random, 90.0)
    if random.random() < 0.5:
        image = (image - image.min()) * (_share(head, INSIDE) > 0.5)
    return _volume(head, image)


# Other bodies, and heads out of order


def _animal(head: Head, random: np.random.Generator) -> Volume:
    """A long small head with a small brain in much muscle: macaque to mouse."""
    contrast = _mprage if random.random() < 0.5 else _spin_echo
    image = torch.from_numpy(contrast(head, random).voxels)
    size = float(random.choice((0.6, 0.5, 0.4, 0.25, 0.12))) * float(np.exp(random.normal(0, 0.08)))
    long = float(random.uniform(1.1, 1.7))
    matrix = np.array(head.grid.affine)
    matrix[:3, :3] *= size
    matrix[1, :3] *= long
    if random.random() < 0.5:  # it lies on its belly: its nose points along the bore
        matrix[[1, 2]] = matrix[[2, 1]]
        matrix[2] *= -1
    return Volume(voxels=image.numpy(), affine=Affine(matrix))


def _neck_and_face(head: Head, random: np.random.Generator) -> Volume:
    """What is below the brain."""
    contrast = _mprage if random.random() < 0.4 else _spin_echo
    voxels = contrast(head, random).voxels
    inside = _share(head, INSIDE).sum(dim=(1, 2))
    base = int(torch.nonzero(inside > 0.15 * inside.max())[0])
    top = max(8, base - int(random.integers(0, 4)))
    return Volume(voxels=np.ascontiguousarray(voxels[:top]), affine=head.grid.affine)


def _hollow_head(head: Head, random: np.random.Generator) -> Volume:
    """A head with one fluid, or a few smooth pools of it, where its brain should be."""
    contrast = _mprage if random.random() < 0.5 else _any_contrast
    image = torch.from_numpy(contrast(head, random).voxels)
    inside = _blurred(_share(head, INSIDE), 2.0, head.grid.spacing_mm) > 0.45
    level = float(torch.quantile(image[inside][::11], float(random.uniform(0.05, 0.95))))
    fluid = level * torch.ones_like(image)
    if random.random() < 0.5:
        fluid = fluid * (_smooth_noise(head, random, 60.0) > float(random.uniform(-0.8, 0.5)))
    return _volume(head, torch.where(inside, fluid, image))


def _jumbled(head: Head, random: np.random.Generator) -> Volume:
    """A brain in pieces: blocks of its volume, or its slices, in any order."""
    contrast = _mprage if random.random() < 0.4 else _spin_echo
    voxels = contrast(head, random).voxels
    axes = (0, 1, 2) if random.random() < 0.5 else (int(random.integers(3)),)
    width = int(random.integers(6, 20)) if len(axes) > 1 else int(random.integers(1, 6))
    for axis in axes:
        pieces = [
            np.arange(start, min(start + width, voxels.shape[axis])) for start in range(0, voxels.shape[axis], width)
        ]
        order = np.concatenate([pieces[index] for index in random.permutation(len(pieces))])
        voxels = np.take(voxels, order, axis=axis)
    return Volume(voxels=np.ascontiguousarray(voxels), affine=head.grid.affine)
