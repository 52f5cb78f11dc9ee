"""Values that MRI cannot have: each kind is refused with its own line, and brains are not, however they were stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from prima.model.gate.admit import packaged_gate
from prima.model.gate.physics import LARGE_FIELD_ML, LEAST_OBJECT_ML, WIDEST_DETAIL_MM, why_no_mri
from prima.model.gate.values import blur_mm, value_facts
from prima.simulate.anatomy.build_head import build_head
from prima.simulate.anatomy.head import Head
from prima.simulate.geometry.streams import stream
from prima.simulate.negatives.appearances import head_appearances
from prima.simulate.negatives.tomography import healthy_case
from prima.study import Affine, Volume

SEED = 9003  # none of runs/train_gate.py and benchmarks/gate_values.py
BRAINS = [name for name, (kind, _) in head_appearances().items() if kind == "brain"]

Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def head() -> Head:
    return build_head(healthy_case(stream(SEED, "pose"), SEED), spacing_mm=3.0)


def made(head: Head, name: str) -> Volume:
    return head_appearances()[name][1](head, stream(SEED, name))


def kind_of(volume: Volume) -> str | None:
    found = why_no_mri(value_facts(volume))
    return None if found is None else found.kind


@pytest.mark.parametrize("name", BRAINS)
def test_no_value_speaks_against_a_brain(head: Head, name: str) -> None:
    facts = value_facts(made(head, name))
    assert why_no_mri(facts) is None
    assert facts.detail_mm is not None and facts.detail_mm < WIDEST_DETAIL_MM - 1


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("ct_hounsfield", "ct", "Hounsfield units"),
        ("pet", "nuclear", "nothing in it is finer than"),
        ("spect", "nuclear", "nothing in it is finer than"),
        ("striatal_uptake", "nuclear", "nothing in it is finer than"),
        ("lesion_mask", "map", "100 % of what is no background has the highest value"),
        ("label_map", "map", "of its voxels equal the next one"),
        ("statistical_map", "map", "a statistical map or a field"),
    ],
)
def test_what_mri_cannot_be_is_refused_by_name(head: Head, name: str, kind: str, words: str) -> None:
    volume = made(head, name)
    if name == "statistical_map":  # one in three has lost its signs
        volume = next(found for draw in range(9) if (found := signed(head, draw)).voxels.min() < 0)
    verdict = packaged_gate().judge(volume)
    assert (verdict.admitted, verdict.kind, verdict.brain) == (False, kind, 0.0)
    assert words in str(verdict.detail)
    assert "expected" in str(verdict.detail)


def signed(head: Head, draw: int) -> Volume:
    return head_appearances()["statistical_map"][1](head, stream(SEED, draw))


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [(-1000, 3000, "ct"), (-1024, 100, "ct"), (-200, 1000, "ct"), (-100, 100, "ct")],
)
def test_windows_of_computed_tomography(head: Head, low: float, high: float, found: str) -> None:
    image = head_appearances()["ct_hounsfield"][1](head, stream(SEED, "ct")).voxels
    clipped = np.rint(np.clip(np.where(image < -1001, -1000, image), low, high)).astype(np.int16)
    assert kind_of(Volume(voxels=clipped, affine=head.grid.affine)) == found


def test_vessels_alone_are_no_brain_and_four_slices_are_one(head: Head) -> None:
    bright = made(head, "mprage").voxels
    vessels = head.fraction("arterial_blood").numpy() + head.fraction("venous_blood").numpy()
    alone = Volume(voxels=np.where(vessels > 0.5, bright, 0), affine=head.grid.affine)
    facts = value_facts(alone)
    assert facts.object_ml < LEAST_OBJECT_ML < LARGE_FIELD_ML < facts.field_ml
    assert "vessels, lesions" in str(why_no_mri(facts))
    middle = len(bright) // 2
    slices = bright[middle : middle + 5]  # 20 mm
    assert value_facts(Volume(voxels=slices, affine=head.grid.affine)).object_ml > 2 * LEAST_OBJECT_ML


def test_a_small_stack_of_vessels_is_left_to_the_network() -> None:
    voxels = np.zeros((20, 40, 40))
    voxels[:, 18:22, 18:22] = np.arange(1, 17).reshape(4, 4)
    facts = value_facts(Volume(voxels=voxels, affine=Affine(np.diag([2.0, 2.0, 2.0, 1.0]))))
    assert facts.field_ml < LARGE_FIELD_ML
    assert why_no_mri(replace(facts, flat=0.0, at_high=0.0, detail_mm=None)) is None
    assert why_no_mri(replace(facts, flat=0.0, at_high=0.0, detail_mm=None, field_ml=2000.0)) is not None


def scores(voxels: Floats) -> Floats:
    inside = voxels > 0.1 * np.percentile(voxels, 99.5)
    return np.where(inside, (voxels - voxels[inside].mean()) / voxels[inside].std(), 0)


@pytest.mark.parametrize(
    "stored",
    [
        lambda voxels: 255 * np.minimum(voxels / np.percentile(voxels, 97), 1),
        lambda voxels: np.minimum(voxels / np.percentile(voxels, 97), 1),
        lambda voxels: np.rint(100 * np.minimum(voxels / np.percentile(voxels, 99.5), 1)),
        scores,
        lambda voxels: np.where(voxels > 0.1 * voxels.max(), 30 * scores(voxels) + 40, -1000),
        lambda voxels: np.rint(voxels / np.percentile(voxels, 99) * 60 - 40),
    ],
    ids=["8 bit, clipped", "0 to 1, clipped", "0 to 100", "z-scores", "padded with -1000", "brought below zero"],
)
def test_a_brain_is_kept_however_programs_store_it(head: Head, stored: Callable[[Floats], Floats]) -> None:
    for name in ("mprage", "mprage_stripped", "spin_echo"):
        voxels = stored(made(head, name).voxels.astype(np.float64))
        assert kind_of(Volume(voxels=voxels, affine=head.grid.affine)) is None, name


def test_a_brain_that_was_interpolated_or_lies_in_thick_slices_is_kept(head: Head) -> None:
    image = torch.from_numpy(made(head, "mprage").voxels)[None, None]
    for scale in ((2.0, 2.0, 2.0), (0.5, 2.0, 2.0), (0.5, 1.0, 3.0)):
        other = torch.nn.functional.interpolate(image, scale_factor=scale, mode="trilinear", align_corners=False)
        volume = Volume(voxels=other[0, 0].numpy(), affine=head.grid.affine.scaled([1 / one for one in scale]))
        assert kind_of(volume) is None, scale


@pytest.mark.parametrize("width", [4.0, 6.0, 9.0])
@pytest.mark.parametrize("spacing", [1.0, 2.0, 3.0])
def test_detail_is_the_width_that_noise_was_blurred_with(width: float, spacing: float) -> None:
    noise = torch.from_numpy(np.random.default_rng(1).standard_normal((1, 1, 64, 64, 64)))
    sigma = width / 2.3548 / spacing
    kernel = torch.exp(-0.5 * (torch.arange(-15, 16) / sigma) ** 2).double()
    for axis in range(3):
        shape = [1, 1, *(31 if axis == other else 1 for other in range(3))]
        noise = torch.nn.functional.conv3d(noise, (kernel / kernel.sum()).view(shape))
    facts = value_facts(Volume(voxels=10 + noise[0, 0].numpy(), affine=Affine(np.diag([spacing] * 3 + [1.0]))))
    # the width is that of a Gaussian between any two axes, of which the finest is taken
    assert facts.detail_mm == pytest.approx(width, rel=0.12)


def test_blur_grows_as_the_ratio_falls_and_noise_has_none() -> None:
    assert blur_mm(1.2, 2.0) == 0
    widths = [blur_mm(ratio, 2.0) for ratio in (0.9, 0.5, 0.3, 0.2, 0.15, 0.1112)]
    assert widths == sorted(widths)
    assert blur_mm(0.2, 4.0) == pytest.approx(2 * blur_mm(0.2, 2.0))


def test_thin_small_and_empty_volumes_are_measured() -> None:
    for shape in ((1, 40, 40), (3, 1, 2), (200, 4, 4), (1, 1, 1)):
        voxels = np.random.default_rng(1).integers(0, 500, shape, np.uint16)
        assert value_facts(Volume(voxels=voxels, affine=Affine(np.eye(4)))).low >= 0
