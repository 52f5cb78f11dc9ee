"""The engine and unfamiliar studies: what is withheld, what is given on request, and that nothing is encoded twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from prima.model.engine.engine import Engine
from prima.model.engine.outputs import SCORES_ANYWAY
from prima.model.packaging.probe_study import probe_study
from prima.model.release.familiarity import FamiliarityCheck, SeenSeries, series_statistics
from prima.model.release.familiarity_record import UNFAMILIAR, FamiliarityRecord
from prima.model.release.folder import load_release
from prima.model.release.untrained import TINY_SIZES, write_untrained_release
from prima.study import Findings
from prima.tokens.precision import choose_precision
from prima.train.familiarity_release import FittedFamiliarity, add_familiarity

WIDTH = 512


def check(middle: torch.Tensor, limit: float) -> FamiliarityCheck:
    """Distances from one point, in plain units."""
    seen = SeenSeries(
        middle=middle,
        scale=torch.ones(WIDTH),
        directions=torch.eye(WIDTH)[:, :1].contiguous(),
        variances=torch.ones(1),
        remainder=torch.ones(1),
    )
    record = FamiliarityRecord(
        limits=(limit,), false_refusal=0.02, num_seen=60, num_held_out=60, num_refused=1, interval=(0.0, 0.1)
    )
    return FamiliarityCheck(seen=seen, record=record)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("release") / "plain"
    write_untrained_release(folder, TINY_SIZES, name="plain")
    return Engine(load_release(folder), choose_precision("cpu", "float32"), keep_all=True)


def with_limit(plain: Engine, folder: Path, limit: float, *, scores_anyway: bool = False) -> Engine:
    """An engine whose release has seen the first series of the probe study, with this limit."""
    first = plain.tokens(plain.prepare(probe_study())).series[0]
    fitted = FittedFamiliarity(check=check(series_statistics(first.latents), limit), facts={})
    if not folder.exists():
        add_familiarity(plain.release, fitted, folder)
    return Engine(load_release(folder), plain.precision, keep_all=True, scores_anyway=scores_anyway)


def test_without_a_check_nothing_changes(plain: Engine) -> None:
    findings = plain.predict(probe_study())
    assert findings.status == "done" and findings.familiarity is None
    assert all(entry.distance is None for entry in findings.series)


def test_a_familiar_study_is_answered_as_before(plain: Engine, tmp_path: Path) -> None:
    findings = with_limit(plain, tmp_path / "wide", 1e6).predict(probe_study())
    assert findings.diagnoses == plain.predict(probe_study()).diagnoses and findings.priority is not None
    assert findings.familiarity is not None and findings.familiarity.answered and findings.familiarity.familiar


def test_an_unfamiliar_study_is_not_answered_and_keeps_its_series(plain: Engine, tmp_path: Path) -> None:
    study = probe_study()
    numbers = {series.series_uid: 9 - place for place, series in enumerate(study.series)}  # listed in another order
    turned = replace(study, series=tuple(replace(one, number=numbers[one.series_uid]) for one in study.series))
    findings = with_limit(plain, tmp_path / "narrow", 1e-6).predict(turned)
    assert (findings.status, findings.reason) == ("unanswered", UNFAMILIAR)
    assert (findings.diagnoses, findings.referrals, findings.priority) == ((), (), None)
    distances = {entry.series_uid: entry.distance for entry in findings.series}
    assert distances[study.series[0].series_uid] == pytest.approx(0.0, abs=1e-4)  # the one that was seen
    assert all((distances[one.series_uid] or 0) > 1e-3 for one in study.series[1:])
    assert findings.familiarity is not None
    assert findings.familiarity.distance == pytest.approx(sum(filter(None, distances.values())) / 3)
    assert Findings.from_dict(findings.to_dict()) == findings


def test_scores_on_request_call_nothing(plain: Engine, tmp_path: Path) -> None:
    findings = with_limit(plain, tmp_path / "narrow", 1e-6, scores_anyway=True).predict(probe_study())
    before = plain.predict(probe_study())
    assert findings.status == "done" and findings.reason is None and findings.priority is None
    assert [one.logit for one in findings.diagnoses] == [one.logit for one in before.diagnoses]
    assert {(one.present, one.threshold) for one in (*findings.diagnoses, *findings.referrals)} == {(None, None)}
    assert SCORES_ANYWAY in findings.notes
    assert findings.familiarity is not None and findings.familiarity.answered and not findings.familiarity.familiar
    assert Findings.from_dict(findings.to_dict()) == findings


def test_every_series_is_encoded_once(plain: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = with_limit(plain, tmp_path / "wide", 1e6)
    encoded: list[str] = []
    encode = Engine.encode

    def counted(self: Engine, series: object, *rest: object) -> object:
        encoded.append(series.series_uid)  # type: ignore[attr-defined]
        return encode(self, series, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Engine, "encode", counted)
    engine.predict(probe_study())
    assert sorted(encoded) == sorted(one.series_uid for one in probe_study().series)
