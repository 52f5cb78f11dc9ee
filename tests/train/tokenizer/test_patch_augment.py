"""Changed patches: mirrored as a mirrored head is cut, contrast changed by series, the same from the same seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from prima.model.engine.prepare import prepare
from prima.study import Affine, Series, Study, Volume
from prima.tokens.contract import OPEN
from prima.train.data.patch_file import StudyPatches, patches_of_prepared
from prima.train.tokenizer.augment import PatchAugmentation, augmented, changed_contrast, mirrored

NOTHING = PatchAugmentation(gain=0, gamma=0, shading=0, noise=0, blur=0, mirrored=0)

# Spacing along the array axes, and the patient axis (x, y, z) of each of them.
PLANES = {
    "axial": ((4.5, 1.75, 1.75), (2, 1, 0)),
    "coronal": ((4.5, 1.75, 1.75), (1, 2, 0)),
    "sagittal": ((4.5, 1.75, 1.75), (0, 2, 1)),
}


def patches_of(voxels: NDArray[np.int16], plane: str) -> StudyPatches:
    spacing, axes = PLANES[plane]
    affine = np.zeros((4, 4))
    for array_axis, (step, patient_axis) in enumerate(zip(spacing, axes, strict=True)):
        affine[patient_axis, array_axis] = step
    affine[3, 3] = 1
    volume = Volume(voxels=voxels, affine=Affine(affine))
    series = Series(series_uid="1.2.3", number=1, description=plane, volume=volume)
    return patches_of_prepared(prepare(Study(study_uid="1.2", series=(series,)), OPEN, None))


def by_place(study: StudyPatches) -> dict[tuple[int, ...], bytes]:
    places = [tuple(map(int, row)) for row in study.coordinates]
    return {place: patch.tobytes() for place, patch in zip(places, study.voxels, strict=True)}


@pytest.mark.parametrize("plane", PLANES)
def test_mirrored_patches_are_those_of_a_mirrored_head(plane: str) -> None:
    random = np.random.default_rng(0)
    voxels = np.zeros((24, 96, 96), np.int16)
    voxels[2:22, 12:84, 12:84] = random.integers(60, 200, (20, 72, 72))
    axis = PLANES[plane][1].index(0)  # the array axis that runs from right to left
    straight = patches_of(voxels, plane)
    turned = patches_of(np.flip(voxels, axis).copy(), plane)
    assert by_place(straight) != by_place(turned)
    assert by_place(mirrored(straight, OPEN)) == by_place(turned)
    assert by_place(mirrored(mirrored(straight, OPEN), OPEN)) == by_place(straight)


def test_contrast_changes_by_series_and_repeats() -> None:
    voxels = torch.rand(30, 2, 16, 16) * 1.5 + 0.01
    series = torch.arange(3).repeat_interleave(10)
    position = torch.zeros(30, 3)
    same = changed_contrast(voxels, series, position, np.random.default_rng(1), NOTHING)
    assert torch.allclose(same, voxels, atol=1e-6)
    how = replace(NOTHING, gain=0.3)
    brighter = changed_contrast(voxels, series, position, np.random.default_rng(1), how) / voxels
    gains = [float(brighter[series == number].median()) for number in range(3)]
    assert len({round(gain, 3) for gain in gains}) == 3
    for number, gain in enumerate(gains):
        inside = voxels[series == number] * gain < 2
        assert torch.allclose(brighter[series == number][inside], torch.tensor(gain), rtol=1e-4)
    every = PatchAugmentation()
    once, again, other = (
        changed_contrast(voxels, series, position, np.random.default_rng(s), every) for s in (2, 2, 3)
    )
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    assert float(once.min()) >= 0
    assert float(once.max()) <= 2


def test_a_whole_study_keeps_its_tokens() -> None:
    random = np.random.default_rng(0)
    voxels = np.zeros((24, 96, 96), np.int16)
    voxels[2:22, 12:84, 12:84] = random.integers(60, 200, (20, 72, 72))
    straight = patches_of(voxels, "axial")
    changed = augmented(straight, OPEN, random, replace(PatchAugmentation(), mirrored=1.0))
    assert changed.voxels.dtype == np.uint8
    assert sorted(by_place(changed)) == sorted(by_place(mirrored(straight, OPEN)))
    difference = np.abs(changed.voxels.astype(int) - mirrored(straight, OPEN).voxels)
    assert 0 < np.median(difference) < 40
