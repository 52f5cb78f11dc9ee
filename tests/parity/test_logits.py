"""The published weights, from the command line: every logit as the reference gave it."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

from prima.cli import main as cli
from prima.predict.sources import find_studies
from prima.study import Study, Volume
from prima.tokens import fast_encoder, tokenizer
from prima.tokens.contract import PUBLISHED
from prima.tokens.resample import OrientedVolume, orient
from prima.tokens.text import name_of
from prima.tokens.winograd import WinogradConv

from .conftest import STUDY_DESCRIPTION, Golden

Predict = Callable[..., dict[str, Any]]


@pytest.fixture
def predict(release_folder: Path, tmp_path: Path) -> Predict:
    """Run `prima predict` as the reference reads; gives what findings.json says."""

    def run(study: Path, *, dtype: str = "float32", description: str = STUDY_DESCRIPTION) -> Any:
        out = tmp_path / "out"
        shutil.rmtree(out, ignore_errors=True)
        options = ["--dtype", dtype, "--device", "cpu", "--study-description", description]
        options += ["--release", str(release_folder), "--out", str(out), "--keep-all"]
        assert cli.run(["predict", str(study), *options]) == 0
        (path,) = out.glob("*/findings.json")
        return json.loads(path.read_text(encoding="utf-8"))

    return run


def logits_of(findings: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Logits by kind and head, in the form of the reference's file."""
    return {
        "diagnosis": {finding["name"]: finding["logit"] for finding in findings["diagnoses"]},
        "referral": {finding["name"]: finding["logit"] for finding in findings["referrals"]},
        "priority": findings["priority"]["logits"],
    }


def largest_move(found: dict[str, dict[str, float]], expected: dict[str, dict[str, float]]) -> tuple[float, str]:
    """How far the logit that differs most is from what is expected, and whose it is; both must have the same heads."""
    assert {kind: list(heads) for kind, heads in found.items()} == {kind: list(v) for kind, v in expected.items()}
    return max(
        (abs(found[kind][name] - expected[kind][name]), f"{kind} {name}") for kind in found for name in found[kind]
    )


def test_every_logit_within_a_ten_thousandth(predict: Predict, golden: Golden) -> None:
    found = logits_of(predict(golden.folder / "study"))
    assert {kind: len(heads) for kind, heads in found.items()} == {"diagnosis": 52, "referral": 8, "priority": 4}
    moved, head = largest_move(found, golden.logits)
    assert moved <= 1e-4, f"{head} differs by {moved:.2e}, the most of 64 logits"


def test_the_fast_convolutions_too(predict: Predict, golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    """The golden tokenizer is narrower than what they are used for, and not every processor uses them."""
    made: list[WinogradConv] = []

    def make(*arguments: Any, **more: Any) -> WinogradConv:
        made.append(WinogradConv(*arguments, **more))
        return made[-1]

    monkeypatch.setattr(fast_encoder, "MIN_CHANNELS", 16)
    monkeypatch.setattr(fast_encoder, "WinogradConv", make)
    monkeypatch.setattr(tokenizer, "cpu_has_matrix_tiles", lambda: False)
    moved, head = largest_move(logits_of(predict(golden.folder / "study")), golden.logits)
    assert made
    assert moved <= 1e-4, f"{head} differs by {moved:.2e}"


def test_bfloat16_gives_numbers_close_by(
    predict: Predict, golden: Golden, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """On one series: a processor without bfloat16 instructions takes minutes for a study."""
    name = "08_AX_very_low"
    shutil.copytree(golden.folder / "study" / name, tmp_path / "study" / name)
    expected = logits_of(predict(tmp_path / "study"))
    found = logits_of(predict(tmp_path / "study", dtype="bfloat16"))
    assert all(math.isfinite(value) for heads in found.values() for value in heads.values())
    moved, head = largest_move(found, expected)
    record_property("largest_bfloat16_move", moved)
    print(f"bfloat16 moves {head} by {moved:.3f}, the most of 64 logits")
    assert moved > 0, "the encoder ran in float32"
    assert moved < 0.1, f"{head} differs by {moved:.3f}"


def test_a_mistake_in_the_text_alone_would_show(predict: Predict, golden: Golden) -> None:
    assert largest_move(logits_of(predict(golden.folder / "study", description="")), golden.logits)[0] > 1e-3


@pytest.fixture(scope="module")
def turned(golden: Golden, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The golden study with its files numbered the other way round."""
    turned = tmp_path_factory.mktemp("turned")
    for folder in (golden.folder / "study").iterdir():
        (turned / folder.name).mkdir()
        for number, file in enumerate(sorted(folder.iterdir(), reverse=True), start=1):
            dataset = dcmread(file)
            dataset.InstanceNumber = number
            dataset.save_as(turned / folder.name / f"IM{number:04d}.dcm")
    return turned


def test_reversed_numbers_give_the_same_volumes(study: Study, turned: Path, volumes: list[OrientedVolume]) -> None:
    """The published reading keeps the order of names, so an oblique stack is interpolated from its other end, where
    the last bit of a position may fall to the other side of a whole number. Every other series is equal."""
    (source,) = find_studies(turned, keep_all=True).studies
    for series, there, back in zip(study.series, volumes, source.read().series, strict=True):
        assert np.array_equal(series.volume.voxels, back.volume.voxels[::-1]), "the numbering was not reversed"
        found = orient(back.volume, PUBLISHED)
        oblique = np.count_nonzero(series.volume.affine[:3, :3]) > 3
        difference = np.abs(found.voxels.astype(np.float64) - there.voxels)
        assert difference.max() <= (1 if oblique else 0), series.description
        assert np.mean(difference > 0) < 0.05
        assert found.affine.is_close(there.affine, atol_mm=1e-4)


def test_reversed_numbers_give_the_same_logits(predict: Predict, golden: Golden, turned: Path) -> None:
    moved, head = largest_move(logits_of(predict(turned)), golden.logits)
    assert moved <= 1e-4, f"{head} differs by {moved:.2e}"


def test_reversed_numbers_change_nothing_when_series_are_selected(golden: Golden, turned: Path) -> None:
    """Then slices are ordered by position, whatever their names."""
    volumes: list[dict[str, Volume]] = []
    for folder in (golden.folder / "study", turned):
        read = [source.read() for source in find_studies(folder).studies]
        volumes.append({series.series_uid: series.volume for one in read for series in one.series})
    assert volumes[0] and volumes[0].keys() == volumes[1].keys()
    for uid, volume in volumes[0].items():
        assert np.array_equal(volume.voxels, volumes[1][uid].voxels)
        assert np.array_equal(volume.affine, volumes[1][uid].affine)


def test_series_come_in_the_natural_order_of_their_folders(golden: Golden, tmp_path: Path) -> None:
    """2 before 10, which is not the alphabet's order nor the order of series numbers."""
    numbers = [10, 2, 100, 9, 11, 1, 20, 3]
    folders = sorted((golden.folder / "study").iterdir())
    for number, folder in zip(numbers, folders, strict=True):
        shutil.copytree(folder, tmp_path / f"s{number}")
    (source,) = find_studies(tmp_path, keep_all=True).studies
    names = [name_of(series) for series in source.read().series]
    expected = dict(zip(numbers, (series["name"] for series in golden.series), strict=True))
    assert names == [expected[number] for number in sorted(numbers)]
