import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import torch

from prima.predict.sources import find_studies
from prima.simulate.files.dicom_files import write_dicom
from prima.simulate.people.case import Lesion
from prima.simulate.study.simulate import simulate_study

GLIOMA = Lesion(
    diagnosis="tumor_adult_high_grade_glioma", site="frontal_wm", side="left", size_mm=45.0, degree=0.8, subtlety=1,
    seed=5,
)  # fmt: skip


@pytest.fixture(scope="module")
def simulated(make_case):
    return simulate_study(make_case(scanner="ingenia_1", protocol="trauma"), spacing_mm=4, with_excluded=True)


def test_the_reader_gives_the_same_study_back(simulated, tmp_path):
    count = write_dicom(simulated, tmp_path)
    (found,) = find_studies(tmp_path).studies
    study = found.read(workers=1)
    assert count == sum(len(scan.stored) for series in simulated.series for scan in series.scans)
    assert study.study_uid == simulated.study.study_uid
    assert study.description == simulated.study.description
    assert {(one.series_uid, one.reason) for one in study.excluded} == {
        (one.series_uid, one.reason) for one in simulated.study.excluded
    }
    expected = {(series.series_uid, series.part): series for series in simulated.study.series}
    assert {(series.series_uid, series.part) for series in study.series} == expected.keys()
    for series in study.series:
        twin = expected[series.series_uid, series.part]
        assert series.volume.voxels.dtype == twin.volume.voxels.dtype
        np.testing.assert_array_equal(series.volume.voxels, twin.volume.voxels)
        np.testing.assert_array_equal(series.volume.affine, twin.volume.affine)
        assert series.instance_uids == twin.instance_uids
        assert series.acquisition == twin.acquisition
        assert (series.description, series.protocol, series.number) == (twin.description, twin.protocol, twin.number)


def test_files_need_every_series(tmp_path, make_case):
    with pytest.raises(ValueError, match="with_excluded=True"):
        write_dicom(simulate_study(make_case(), spacing_mm=4), tmp_path)


def test_same_case_same_voxels_and_left_out_series_change_nothing(simulated):
    again = simulate_study(simulated.case, spacing_mm=4)
    for one, other in zip(simulated.study.series, again.study.series, strict=True):
        np.testing.assert_array_equal(one.volume.voxels, other.volume.voxels)


def at(values, affine, places):
    """Values at the places [4, n] that lie in the volume."""
    index = np.rint((np.linalg.inv(affine) @ places)[:3]).astype(int).T
    index = index[(index >= 0).all(1) & (index < values.shape).all(1)]
    assert len(index)
    return values[tuple(index.T)]


def test_a_lesion_is_where_its_mask_is_on_the_patients_side_and_elsewhere_nothing_changes(make_case):
    case = make_case(protocol="brain_with_without")
    without = simulate_study(case, spacing_mm=4)
    with_lesion = simulate_study(dataclasses.replace(case, lesions=(GLIOMA,)), spacing_mm=4)
    mask = with_lesion.masks[GLIOMA.diagnosis]
    places = mask.affine @ np.stack([*np.nonzero(mask.voxels), np.ones(int(mask.voxels.sum()))])
    assert places[0].mean() > 10  # x runs to the patient's left
    for one, other in zip(without.study.series, with_lesion.study.series, strict=True):
        assert one.series_uid == other.series_uid
        change = np.abs(other.volume.voxels.astype(float) - one.volume.voxels)
        if one.description == "t2_tirm_tra_dark-fluid":
            there, mirrored = (at(change, other.volume.affine, places * [[side], [1], [1], [1]]) for side in (1, -1))
            assert there.mean() > 4 * mirrored.mean()
    seen = {row.series_uid: row.cnr for row in with_lesion.visibility if row.diagnosis == GLIOMA.diagnosis}
    assert max(seen.values()) > 5


def test_enhancement_shows_only_after_the_agent(make_case):
    study = simulate_study(
        dataclasses.replace(make_case(protocol="brain_with_without"), lesions=(GLIOMA,)), spacing_mm=3
    )
    names = {series.planned.uid: series.planned.name for series in study.series}
    cnr = {names[row.series_uid]: row.cnr for row in study.visibility if row.diagnosis == GLIOMA.diagnosis}
    assert cnr["t1_ax_c"] > 1.2 * cnr["t1_ax"]


def test_the_adc_map_holds_the_tissues_diffusion(make_case):
    study = simulate_study(make_case(scanner="prisma_1"), spacing_mm=3).study
    adc = next(series for series in study.series if series.description.endswith("_ADC")).volume.voxels
    values = adc[adc.shape[0] // 2 : adc.shape[0] // 2 + 3]
    brain = values[(values > 500) & (values < 1100)]
    assert 680 < np.median(brain) < 880


def test_it_runs_without_dicom_and_other_readers():
    code = (
        "import sys\n"
        "for name in ('pydicom', 'nibabel', 'pandas', 'pyarrow', 'SimpleITK', 'gdcm'): sys.modules[name] = None\n"
        "import prima.simulate.study.simulate, prima.simulate.files.dicom_files"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same_study_up_to_rounding(make_case):
    case = make_case()
    for one, other in zip(
        simulate_study(case, spacing_mm=2).study.series,
        simulate_study(case, spacing_mm=2, device="cuda").study.series,
        strict=True,
    ):
        assert np.mean(np.abs(one.volume.voxels.astype(float) - other.volume.voxels) > 2) < 1e-3
