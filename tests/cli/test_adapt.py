"""`prima adapt`, and the check of `prima calibrate`: studies of a site become familiar, and nothing else changes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import prima.cli.main as cli
from prima.errors import UsageError
from prima.model.engine.outputs import ADAPTED, notes_on
from prima.model.packaging.check import check_release
from prima.model.release.folder import load_release, packaged_release
from prima.model.release.manifest import CARD_FILE
from prima.model.release.untrained import TINY_SIZES, write_untrained_release
from prima.train.calibration.familiarity import fit_familiarity
from prima.train.familiarity_release import FittedFamiliarity, add_familiarity
from prima.train.heads.data import HeadLabels, HeadLogits
from prima.train.heads_release import calibrate_release
from prima.workflow.familiarity import ArchiveSeries, familiarity_for_calibration, what_to_adapt

WIDTH = 512


def studies(num: int, shift: float = 0.0, seed: int = 0) -> tuple[torch.Tensor, ...]:
    """Statistics of studies of five series."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(5, WIDTH, generator=generator) + shift for _ in range(num))


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> ArchiveSeries:
    """What an archive of 140 studies of 70 patients would give; reading it is the test of calibrate."""
    found = ArchiveSeries(studies=studies(140, 2.0, 5), patients=tuple(f"P{index // 2}" for index in range(140)))
    monkeypatch.setattr("prima.workflow.familiarity.series_of_archive", lambda *_args, **_options: found)
    return found


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    """A release with a check, and with a calibration of one head."""
    plain = load_release(write_untrained_release(tmp_path / "plain", TINY_SIZES, name="plain"))
    check = fit_familiarity(studies(60, 0.0, 1), studies(60, 0.0, 2))
    return add_familiarity(plain, FittedFamiliarity(check=check, facts={}), tmp_path / "parent")


def test_a_site_becomes_familiar_weights_stay_and_the_card_says_so(
    tmp_path: Path, parent: Path, site: ArchiveSeries, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["adapt", str(parent), "archive", "--out", str(tmp_path / "new"), "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["num_studies"] == 140
    assert "it does not make the model right on them" in " ".join(told.err.split())
    before, after = load_release(parent), load_release(tmp_path / "new")
    old, new = before.familiarity(), after.familiarity()
    assert old is not None and new is not None
    assert not any(old.read_statistics(study).familiar for study in site.studies)
    fresh = studies(100, 2.0, 9)
    assert sum(new.read_statistics(study).familiar for study in fresh) > 85
    assert not any(new.read_statistics(study).familiar for study in studies(20, -8.0, 10))
    assert after.manifest.weights_sha256 == before.manifest.weights_sha256
    adapted = after.manifest.provenance["adapted"]
    assert adapted["parent_sha256"] == before.sha256 and adapted["num_patients"] == 70
    assert "**Adapted** on" in (after.folder / CARD_FILE).read_text()
    found = {one.name: one for one in check_release(after.folder)}
    assert found["adapted"].status == "warn" and before.sha256[:12] in found["adapted"].found
    assert not [one for one in found.values() if one.status == "fail"]


def test_an_adapted_release_says_whose_calibration_it_has_until_it_is_calibrated(
    tmp_path: Path, parent: Path, site: ArchiveSeries
) -> None:
    assert cli.run(["adapt", str(parent), "archive", "--out", str(tmp_path / "new")]) == 0
    release = load_release(tmp_path / "new")
    random = np.random.default_rng(0)
    names = tuple(head.name for head in release.manifest.diagnoses)
    values = random.integers(0, 2, (40, len(names))).astype(np.float32)
    labels = HeadLabels(
        patients=tuple(map(str, range(40))), diagnoses=values, referrals=np.zeros((40, 0), np.float32),
        priority=np.full(40, -1), diagnosis_names=names, referral_names=(),
    )  # fmt: skip
    logits = HeadLogits(
        diagnoses=values + random.normal(size=values.shape).astype(np.float32),
        referrals=np.zeros((40, 0), np.float32), priority=None, diagnosis_names=names, referral_names=(), levels=(),
    )  # fmt: skip
    folder, _ = calibrate_release(load_release(parent), logits, labels, "sensitivity=0.9", tmp_path / "calibrated")
    assert cli.run(["adapt", str(folder), "archive", "--out", str(tmp_path / "site")]) == 0
    theirs = load_release(tmp_path / "site").manifest
    findings = _findings(theirs.diagnoses[0].name)
    assert ADAPTED in notes_on(findings, theirs, theirs.mode)
    folder, _ = calibrate_release(load_release(tmp_path / "site"), logits, labels, "sensitivity=0.9", tmp_path / "ours")
    ours = load_release(folder).manifest
    assert ADAPTED not in notes_on(findings, ours, ours.mode) and ours.familiarity == theirs.familiarity
    assert {one.name: one.status for one in check_release(folder)}["adapted"] == "ok"


def _findings(name: str) -> tuple[object, ...]:
    from prima.study import Finding

    return (Finding(name=name, display=name, logit=0.0, threshold=0.5, present=False),)


def test_few_studies_are_refused_and_two_times_is_once_too_often(
    tmp_path: Path,
    parent: Path,
    site: ArchiveSeries,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.run(["adapt", str(parent), "archive", "--out", str(tmp_path / "new")]) == 0
    assert cli.run(["adapt", str(tmp_path / "new"), "archive", "--out", str(tmp_path / "twice")]) == 3
    assert "expected the one it was adapted from" in capsys.readouterr().err
    few = ArchiveSeries(studies=site.studies[:98], patients=site.patients[:98])
    monkeypatch.setattr("prima.workflow.familiarity.series_of_archive", lambda *_args, **_options: few)
    assert cli.run(["adapt", str(parent), "archive", "--out", str(tmp_path / "few")]) == 2
    message = capsys.readouterr().err
    assert "found 98 tokenised studies of 49 patients" in message and message.count("\n") == 1
    assert not (tmp_path / "few").exists()
    said = familiarity_for_calibration(load_release(parent), Path("archive"), dtype="auto", device="auto")
    assert isinstance(said, str) and said.startswith("no check for unfamiliar studies is made: archive: found 98")


def test_patients_lie_on_one_side(site: ArchiveSeries) -> None:
    seen, held_out = site.sides()
    side_of = {id(study): "seen" for study in seen} | {id(study): "held out" for study in held_out}
    sides = [{side_of[id(site.studies[2 * index])], side_of[id(site.studies[2 * index + 1])]} for index in range(70)]
    assert all(len(side) == 1 for side in sides) and len(seen) == len(held_out) == 70


def test_the_packaged_release_stands_in() -> None:
    assert what_to_adapt([Path("archive")]) == (packaged_release(), Path("archive"))
    with pytest.raises(UsageError, match="found 3 paths"):
        what_to_adapt([Path("a"), Path("b"), Path("c")])
