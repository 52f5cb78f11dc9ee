"""Through files and back on every scanner: the same voxels at the same place, left on the left, masks over lesions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from prima.predict.sources import find_studies
from prima.simulate.files.dicom_files import write_dicom
from prima.simulate.files.mask_files import write_mask
from prima.simulate.people.case import Case, Lesion, Side
from prima.simulate.scanner.protocols import PROTOCOLS, Protocol
from prima.simulate.scanner.scanners import SCANNERS
from prima.simulate.scanner.series_roles import ROLES
from prima.simulate.study.simulate import SimulatedStudy, simulate_study
from prima.study import Series, Study

MakeCase = Callable[..., Case]

# Every kind of series but the heavy isotropic ones is dealt to some scanner; each has a localizer and diffusion.
DEALT = [name for name, role in ROLES.items() if name not in {"loc", "dwi", "adc"} and role.slices <= 112]


def roles_of(number: int) -> tuple[str, ...]:
    roles = ("loc", "dwi", "adc", *DEALT[number :: len(SCANNERS)])
    return (*roles, "t1_3d") if list(SCANNERS)[number] == "vida_1" else roles


def read(simulated: SimulatedStudy, folder: Path) -> Study:
    write_dicom(simulated, folder)
    (source,) = find_studies(folder).studies
    return source.read(workers=1)


@pytest.mark.parametrize("number", range(len(SCANNERS)), ids=list(SCANNERS))
def test_files_and_memory_hold_the_same_on_every_scanner(
    number: int, make_case: MakeCase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    protocol = Protocol(name="dealt", study_description="MRI BRAIN", roles=roles_of(number))
    monkeypatch.setitem(PROTOCOLS, "dealt", protocol)
    case = make_case(index=number, scanner=list(SCANNERS)[number], protocol="dealt")
    simulated = simulate_study(case, spacing_mm=6, with_excluded=True)
    found = read(simulated, tmp_path)
    assert {(one.series_uid, one.reason) for one in found.excluded} == {
        (one.series_uid, one.reason) for one in simulated.study.excluded
    }
    expected = {(series.series_uid, series.part): series for series in simulated.study.series}
    assert {(series.series_uid, series.part) for series in found.series} == expected.keys()
    for series in found.series:
        twin = expected[series.series_uid, series.part]
        assert series.volume.voxels.dtype == twin.volume.voxels.dtype
        np.testing.assert_array_equal(series.volume.voxels, twin.volume.voxels)
        np.testing.assert_array_equal(series.volume.affine, twin.volume.affine)
        assert series.plane == twin.plane
        assert series.acquisition == twin.acquisition


def lesion(side: Side) -> Lesion:
    return Lesion(
        diagnosis="tumor_adult_low_grade_glioma", site="frontal_wm", side=side, size_mm=45.0, degree=0.9, subtlety=1,
        seed=5,
    )  # fmt: skip


def sample(series: Series, places_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values of a series at points [..., 3] in LPS mm, of the nearest voxel; 0 outside of it."""
    inverse = np.linalg.inv(series.volume.affine)
    index = np.rint(places_mm @ inverse[:3, :3].T + inverse[:3, 3]).astype(int)
    voxels = series.volume.voxels.astype(np.float64)
    inside = ((index >= 0) & (index < voxels.shape)).all(-1)
    return np.where(inside, voxels[tuple(np.moveaxis(np.where(inside[..., None], index, 0), -1, 0))], 0.0)


def asymmetry(series: Series, pose: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points [x, y, z, 3] well inside the brain, 4 mm apart, and how much brighter each is than its mirror image in
    the head, which leans and looks aside by `pose`."""
    axes = (np.arange(8, 45, 4.0), np.arange(-46, 71, 4.0), np.arange(0, 33, 4.0))
    left = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    here, there = (points @ pose[:3, :3].T for points in (left, left * [-1, 1, 1]))
    difference = sample(series, here) - sample(series, there)
    smooth = torch.nn.functional.avg_pool3d(torch.from_numpy(difference)[None, None], 5, stride=1, padding=2)
    return left, smooth[0, 0].numpy()


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(
    ("scanner", "roles"),
    [
        ("prisma_1", ("flair_ax", "t2_cor")),
        ("signa_hdxt_1", ("t2_ax", "flair_cor")),
        ("achieva_1", ("hippo_cor", "flair_ax")),
        ("titan_1", ("t2_ax",)),
        ("umr770_1", ("flair_cor", "t2_fs_ax")),
    ],
)
def test_a_lesion_on_one_side_is_bright_on_that_side_of_the_files_and_under_its_mask(
    scanner: str,
    roles: tuple[str, ...],
    side: Side,
    make_case: MakeCase,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Side and place from the voxels of the files alone, then the mask as another program reads it."""
    monkeypatch.setitem(PROTOCOLS, "few", Protocol(name="few", study_description="MRI BRAIN", roles=roles))
    case = dataclasses.replace(make_case(scanner=scanner, protocol="few"), lesions=(lesion(side),))
    simulated = simulate_study(case, spacing_mm=4, with_excluded=True)
    write_mask(simulated.masks[lesion(side).diagnosis], tmp_path / "mask.nii.gz")
    image = nib.nifti1.load(tmp_path / "mask.nii.gz")
    assert nib.aff2axcodes(image.affine) == ("L", "P", "S")
    inside = np.argwhere(np.asarray(image.dataobj) > 0)
    ras = inside @ image.affine[:3, :3].T + image.affine[:3, 3]
    mask_mm = ras * [-1, -1, 1]
    assert (mask_mm[:, 0].mean() > 0) == (side == "left")
    study = read(simulated, tmp_path / "study")
    assert len(study.series) == len(roles)
    for series in study.series:
        left, brighter = asymmetry(series, simulated.planned.pose)
        sign = 1.0 if side == "left" else -1.0
        place = left[np.unravel_index(np.argmax(sign * brighter), brighter.shape)] * [sign, 1, 1]
        assert (sign * brighter).max() > 1.5 * (-sign * brighter).max(), series.description
        assert np.linalg.norm(place - mask_mm.mean(0)) < 22, series.description
        under, mirrored = sample(series, mask_mm).mean(), sample(series, mask_mm * [-1, 1, 1]).mean()
        assert under > 1.15 * mirrored, series.description


LONG_INDICATION = "Headache and vomiting for a week. Follow-up of a known cyst of the posterior fossa, now worse"


@pytest.mark.parametrize(
    ("scanner", "age_years", "indication"),
    [("prisma_1", 45.9, "Headache"), ("ingenia_1", 0.55, LONG_INDICATION), ("umr770_1", 81.0, "")],
)
def test_both_ways_go_through_one_preparation(
    scanner: str, age_years: float, indication: str, make_case: MakeCase, tmp_path: Path
) -> None:
    """Selection, gate, patches, names and the order: a study in memory gives the tokens of its files, bit by bit."""
    from prima.model.engine import load_release

    release = load_release(dtype="float32")
    case = make_case(index=len(indication), scanner=scanner, age_years=age_years)
    case = dataclasses.replace(case, visit=dataclasses.replace(case.visit, indication=indication))
    simulated = simulate_study(case, spacing_mm=2, with_excluded=True)
    in_memory = release.prepare(simulated.study)
    from_files = release.prepare(read(simulated, tmp_path))
    assert len(in_memory.series) > 2
    assert [(one.series_uid, one.part, one.name) for one in from_files.series] == [
        (one.series_uid, one.part, one.name) for one in in_memory.series
    ]
    assert {(one.series_uid, one.reason) for one in from_files.excluded} == {
        (one.series_uid, one.reason) for one in in_memory.excluded
    }
    assert (from_files.description, from_files.indication) == (in_memory.description, in_memory.indication)
    for one, twin in zip(release.tokens(from_files).series, release.tokens(in_memory).series, strict=True):
        assert torch.equal(one.coordinates, twin.coordinates)
        assert torch.equal(one.latents, twin.latents)
