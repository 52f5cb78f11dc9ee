"""The shipped gate: what it keeps and what it refuses, on studies that no training saw, and how it fails."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prima.errors import ReleaseError
from prima.model.gate.admit import GATE_FILE, PACKAGED, WEIGHTS_FILE, Gate, load_gate, packaged_gate, save_gate
from prima.model.gate.broken import why_broken
from prima.model.gate.view import NUM_PIXELS, PIXEL_MM, view_of
from prima.simulate.negatives import PlannedNegative, make_negative, plan_negative
from prima.simulate.phantom.scan import acquire, phantom_protocols
from prima.simulate.plan.cases import case_at
from prima.simulate.plan.plan import make_plan
from prima.simulate.study.simulate import simulate_study
from prima.study import Affine, Reason, Series, Study, Volume

SEED = 9001  # not one of runs/train_gate.py
SUBKINDS = (
    "lumbar", "knee", "abdomen", "cervical", "bottle", "sphere", "lattice", "accreditation", "orange", "melon", "noise",
    "spikes",
)  # fmt: skip


@pytest.fixture(scope="module")
def gate() -> Gate:
    return packaged_gate()


@pytest.fixture(scope="module")
def brain() -> Study:
    return simulate_study(case_at(make_plan(num_studies=40, seed=SEED), 3), spacing_mm=2.0).study


def negative(subkind: str, seed: int = SEED) -> Series:
    """The first series of the first negative of a subkind."""
    plans: list[PlannedNegative] = [plan_negative(seed, index) for index in range(200)]
    found = next(plan for plan in plans if plan.subkind == subkind)
    return make_negative(replace(found, roles=found.roles[:1], words=found.words[:1])).study.series[0]


def test_series_of_a_brain_are_kept(gate: Gate, brain: Study) -> None:
    assert len(brain.series) >= 6
    assert gate.admit(brain) is brain


def test_the_demonstration_head_is_kept(gate: Gate) -> None:
    for protocol in phantom_protocols()[1:]:
        for scan in protocol.scans:
            voxels = acquire(scan, lesion=True, seed=SEED, noise_seed=protocol.number)
            assert gate.judge(Volume(voxels=voxels, affine=scan.affine)).admitted, protocol.description


def test_nine_of_ten_of_what_is_none_are_refused(gate: Gate) -> None:
    verdicts = {subkind: gate.judge(negative(subkind).volume) for subkind in SUBKINDS}
    passed = [subkind for subkind, verdict in verdicts.items() if verdict.admitted]
    assert len(passed) <= 0.1 * len(SUBKINDS), passed
    for verdict in verdicts.values():
        assert verdict.admitted or "looks like " in str(verdict.detail)


def test_noise_and_slices_in_disorder_are_refused(gate: Gate, brain: Study) -> None:
    random = np.random.default_rng(0)
    noise = Volume(
        voxels=random.rayleigh(40, (24, 192, 192)).astype(np.uint16), affine=Affine(np.diag([5.0, 1.2, 1.2, 1.0]))
    )
    assert not gate.judge(noise).admitted
    thin = max(brain.series, key=lambda series: series.num_slices)
    order = random.permutation(thin.num_slices)
    mixed = Volume(voxels=thin.volume.voxels[order], affine=thin.volume.affine)
    assert gate.judge(thin.volume).admitted
    assert gate.judge(mixed).brain < gate.judge(thin.volume).brain


def test_the_same_voxels_give_the_same_verdict_in_any_order_of_axes(gate: Gate, brain: Study) -> None:
    volume = brain.series[0].volume
    flipped = np.array(volume.affine)
    flipped[:3, 3] += flipped[:3, 1] * (volume.voxels.shape[1] - 1)
    flipped[:3, 1] *= -1
    other = Volume(voxels=np.ascontiguousarray(volume.voxels[:, ::-1]), affine=Affine(flipped))
    assert gate.judge(volume) == gate.judge(volume)
    assert gate.judge(other).brain == pytest.approx(gate.judge(volume).brain, abs=0.1)


def test_what_is_refused_ends_as_excluded_with_what_was_found(gate: Gate, brain: Study) -> None:
    noise = Volume(voxels=np.full((8, 64, 64), 5.0), affine=Affine(np.diag([5.0, 3.0, 3.0, 1.0])))
    wrong = Series(series_uid="2.25.77", number=77, protocol="T1", part="echo 2", volume=noise)
    admitted = gate.admit(replace(brain, series=(brain.series[0], wrong, brain.series[1])))
    assert admitted.series == brain.series[:2]
    assert admitted.excluded[: len(brain.excluded)] == brain.excluded
    (excluded,) = admitted.excluded[len(brain.excluded) :]
    assert (excluded.series_uid, excluded.number, excluded.part) == ("2.25.77", 77, "echo 2")
    assert (excluded.reason, excluded.description, excluded.num_slices) == (Reason.NOT_BRAIN, "T1", 8)
    assert excluded.detail == "all of its voxels have the value 5"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (np.zeros_like, "all of its voxels have the value 0"),
        (lambda voxels: np.where(voxels > 99, np.nan, voxels), "voxels are not finite numbers"),
        (lambda voxels: np.where(voxels == 5, np.inf, voxels), "voxels are not finite numbers"),
        (lambda voxels: np.minimum(voxels, 50), "saturated: 50 % of its voxels have the highest value"),
        (lambda voxels: voxels * (voxels > 99.6), " % of its voxels have one value"),
        (lambda voxels: voxels, None),
    ],
)
def test_broken_voxels(change: Callable[[np.ndarray], np.ndarray], words: str | None) -> None:
    voxels = np.linspace(0, 100, 8 * 64 * 64)
    voxels[7] = 5
    found = why_broken(Volume(voxels=change(voxels).reshape(8, 64, 64), affine=Affine(np.eye(4))))
    assert found is None if words is None else words in str(found)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_a_view_says_where_its_voxels_lie(order: tuple[int, int, int]) -> None:
    """A bright ball at a known place is found there, whatever the axes of the volume."""
    place = np.array([31.0, -42.0, 18.0])
    affine = np.eye(4)
    affine[:3, :3] = (np.diag([3.0, 2.0, -1.7]) @ np.eye(3))[:, list(order)]
    affine[:3, 3] = place - affine[:3, :3] @ [30, 40, 50]
    index = np.indices((60, 80, 100)).reshape(3, -1)
    far = np.linalg.norm(affine[:3, :3] @ index + affine[:3, 3:] - place[:, None], axis=0)
    view = view_of(Volume(voxels=(200 * (far < 30)).astype(np.int16).reshape(60, 80, 100), affine=Affine(affine)))
    assert view.voxels.shape == (NUM_PIXELS,) * 3
    bright = np.argwhere(view.voxels > 0.5)
    assert (view.affine[:3, :3] @ bright.mean(axis=0) + view.affine[:3, 3]) == pytest.approx(place, abs=PIXEL_MM / 2)
    assert len(bright) * PIXEL_MM**3 == pytest.approx(4 / 3 * np.pi * 30**3, rel=0.1)


def test_one_voxel_and_one_slice_do_not_break_it(gate: Gate) -> None:
    for shape in ((1, 40, 40), (3, 1, 2), (200, 4, 4)):
        voxels = np.random.default_rng(1).integers(0, 500, shape, np.uint16)
        assert not gate.judge(Volume(voxels=voxels, affine=Affine(np.eye(4)))).admitted


def test_a_gate_of_another_threshold_or_other_rules_has_another_name(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {gate.name, Gate(replace(gate.file, threshold=0.4), gate.network).name}
    monkeypatch.setattr("prima.model.gate.admit.RULES", 0)
    assert len(names | {gate.name}) == 3


def test_a_gate_that_is_written_is_read_again(gate: Gate, tmp_path: Path) -> None:
    save_gate(tmp_path, gate.network, gate.file.config, gate.file.threshold, gate.file.provenance)
    volume = negative("orange").volume
    assert load_gate(tmp_path).file == gate.file
    assert load_gate(tmp_path).judge(volume) == gate.judge(volume)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1_000_000


def _without_weights(folder: Path) -> None:
    (folder / WEIGHTS_FILE).unlink()


def _altered(folder: Path) -> None:
    weights = bytearray((folder / WEIGHTS_FILE).read_bytes())
    weights[-1] ^= 1
    (folder / WEIGHTS_FILE).write_bytes(weights)


def _of_another_format(folder: Path) -> None:
    data = json.loads((folder / GATE_FILE).read_text())
    (folder / GATE_FILE).write_text(json.dumps(data | {"format": "openprima/gate/9"}))


def _of_other_sizes(folder: Path) -> None:
    data = json.loads((folder / GATE_FILE).read_text())
    data["config"]["hidden"] += 1
    (folder / GATE_FILE).write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_without_weights, "its files cannot be read"),
        (_altered, "is not the file that gate.json names"),
        (_of_another_format, "found format 'openprima/gate/9', expected 'openprima/gate/1'"),
        (_of_other_sizes, "weights do not fit gate.json"),
    ],
)
def test_a_damaged_gate_is_not_used(tmp_path: Path, spoil: Callable[[Path], None], words: str) -> None:
    folder = tmp_path / "gate"
    shutil.copytree(PACKAGED, folder)
    spoil(folder)
    with pytest.raises(ReleaseError, match=words):
        load_gate(folder)
