"""A head in many appearances: each follows from its stream, is finite, and shows what its name says."""

from __future__ import annotations

import numpy as np
import pytest

from prima.model.gate.network import KINDS
from prima.simulate.anatomy.build_head import build_head
from prima.simulate.anatomy.head import TISSUE_NAMES, Head
from prima.simulate.geometry.streams import stream
from prima.simulate.negatives.appearances import INSIDE, head_appearances
from prima.simulate.negatives.tomography import healthy_case
from prima.study import Volume

SEED = 9002  # not one of runs/train_gate.py


@pytest.fixture(scope="module")
def head() -> Head:
    return build_head(healthy_case(stream(SEED, "pose"), SEED), spacing_mm=4.0)


def made(head: Head, name: str, draw: int = 0) -> Volume:
    return head_appearances()[name][1](head, stream(SEED, name, draw))


def share(head: Head, *names: str) -> np.ndarray:
    return head.fractions[[TISSUE_NAMES.index(name) for name in names]].sum(dim=0).numpy()


@pytest.mark.parametrize("name", list(head_appearances()))
def test_an_appearance_follows_from_its_stream_and_is_finite(head: Head, name: str) -> None:
    fractions = head.fractions.clone()
    first, again, other = made(head, name), made(head, name), made(head, name, draw=1)
    assert (head.fractions == fractions).all()
    assert head_appearances()[name][0] in KINDS
    assert np.isfinite(first.voxels).all()
    assert first.voxels.std() > 0
    np.testing.assert_array_equal(first.voxels, again.voxels)
    assert first.voxels.shape != other.voxels.shape or (first.voxels != other.voxels).any()


def test_a_stripped_brain_has_no_skull_and_a_defaced_one_no_face(head: Head) -> None:
    skull = share(head, "bone", "marrow_fat") > 0.9
    brain = share(head, *INSIDE) > 0.99
    stripped = made(head, "mprage_stripped").voxels
    assert (stripped[skull] == 0).mean() > 0.9
    assert (stripped[brain] > 0).mean() > 0.9
    points = head.grid.points().numpy()
    nose = (points[1] < -90) & (points[2] < -30) & (points[2] > -60)
    defaced = [(made(head, "mprage_defaced", draw).voxels[nose] == 0).mean() for draw in range(5)]
    assert np.median(defaced) > 0.7
    assert (made(head, "mprage").voxels[nose] == 0).mean() < 0.1


def test_white_matter_is_bright_and_fluid_dark_on_an_mprage(head: Head) -> None:
    ratios = []
    for draw in range(5):
        voxels = made(head, "mprage", draw).voxels
        ratios.append(voxels[share(head, "wm") > 0.95].mean() / voxels[share(head, "csf") > 0.95].mean())
    assert np.median(ratios) > 1.3


def test_computed_tomography_has_air_at_its_number_and_bright_bone(head: Head) -> None:
    voxels = made(head, "ct_hounsfield").voxels
    assert np.median(voxels[share(head, "air") > 0.99]) < -950
    assert voxels[share(head, "bone") > 0.95].mean() > 500
    assert np.median(voxels[share(head, "wm") > 0.95]) == pytest.approx(29, abs=6)


def test_masks_have_one_value_and_statistics_both_signs(head: Head) -> None:
    for name in ("brain_mask", "lesion_mask"):
        assert set(np.unique(made(head, name).voxels)) == {0.0, 1.0}
    signed = [made(head, "statistical_map", draw).voxels for draw in range(6)]
    assert any(voxels.min() < 0 < voxels.max() for voxels in signed)
    assert all((voxels[share(head, "bone") > 0.95] == 0).mean() > 0.8 for voxels in signed)
    labels = made(head, "label_map").voxels
    assert (labels == np.rint(labels)).all()


def test_uptake_is_in_the_brain_and_in_the_nuclei(head: Head) -> None:
    pet = made(head, "pet").voxels
    assert pet[share(head, "gm") > 0.95].mean() > 3 * pet[share(head, "muscle") > 0.95].mean()
    striatal = made(head, "striatal_uptake").voxels
    assert striatal[share(head, "deep_gm") > 0.95].mean() > 1.5 * striatal[share(head, "gm") > 0.95].mean()


def test_animals_are_small_and_necks_hold_no_brain(head: Head) -> None:
    animal, whole = made(head, "animal"), made(head, "mprage")
    assert animal.affine.voxel_mm3 < 0.6 * whole.affine.voxel_mm3
    neck = made(head, "neck_and_face").voxels
    assert neck.shape[0] < whole.voxels.shape[0] * 0.75
    assert share(head, *INSIDE)[: neck.shape[0]].sum() < 0.2 * share(head, *INSIDE).sum()
