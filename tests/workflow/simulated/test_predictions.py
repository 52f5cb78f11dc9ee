"""Predictions of a folder of tokens: what the release says of each study, and the truth beside it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from prima.evaluate import evaluate_predictions
from prima.model.engine import Engine
from prima.study.ontology import DIAGNOSIS_NAMES
from prima.tables.columns import logit_column
from prima.train.data.token_folder import TokenFolder, write_part
from prima.workflow.simulated import SimulatedExample, predict_tokens

STEPS = Path(__file__).resolve().parents[3] / "runs" / "demo" / "steps.py"


@pytest.fixture(scope="module")
def folder(
    engine: Engine, examples: tuple[SimulatedExample, ...], tmp_path_factory: pytest.TempPathFactory
) -> TokenFolder:
    place = tmp_path_factory.mktemp("tokens")
    write_part(
        place, "0", [(example.facts("truth"), engine.tokens(example.prepared), None) for example in examples], {}
    )
    return TokenFolder(place)


def test_each_study_has_the_row_of_the_engine_and_its_truth(
    engine: Engine, folder: TokenFolder, tmp_path: Path
) -> None:
    predict_tokens(engine, folder, tmp_path)
    predictions, truth, lesions = (
        pl.read_parquet(tmp_path / f"{name}.parquet") for name in ("predictions", "truth", "lesions")
    )
    assert predictions["study_uid"].to_list() == truth["study_uid"].to_list() == list(folder.study_uids)
    for index, facts in enumerate(folder.facts):
        example = folder.read(index)
        logits = engine.outputs(example.tokens, example.indication).logits.diagnoses
        row = predictions.row(index, named=True)
        np.testing.assert_allclose([row[logit_column(name)] for name in DIAGNOSIS_NAMES], list(logits.values()))
        assert row["num_series_used"] == len(example.tokens.series)
        assert tuple(name for name in DIAGNOSIS_NAMES if truth.row(index, named=True)[name]) == facts.present
        subtleties = lesions.filter(study_uid=facts.study_uid)
        assert dict(subtleties.select("diagnosis", "subtlety").iter_rows()) == (facts.more or {})["subtlety"]


def test_the_tables_can_be_evaluated(engine: Engine, folder: TokenFolder, tmp_path: Path) -> None:
    predict_tokens(engine, folder, tmp_path)
    found = evaluate_predictions(tmp_path / "predictions.parquet", tmp_path / "truth.parquet", replicates=10)
    assert (found.studies, found.scored) == (len(folder), len(folder))


def run_step(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> None:
    """runs/demo/steps.py in this process."""
    specification = importlib.util.spec_from_file_location("steps", STEPS)
    assert specification is not None and specification.loader is not None
    steps = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(steps)
    monkeypatch.setattr(sys, "argv", [str(STEPS), *map(str, arguments)])
    steps.main()


def test_the_step_of_the_demo_writes_the_same_tables(
    engine: Engine, folder: TokenFolder, release: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    predict_tokens(engine, folder, tmp_path / "call")
    run_step(monkeypatch, "predictions", release, folder.folder, tmp_path / "step")
    assert capsys.readouterr().out == "predictions: 3 of 3\n"
    for name in ("predictions", "truth", "lesions"):
        tables = [pl.read_parquet(tmp_path / way / f"{name}.parquet") for way in ("call", "step")]
        assert tables[0].columns == tables[1].columns
        assert tables[0]["study_uid"].to_list() == tables[1]["study_uid"].to_list()
    logits = [
        pl.read_parquet(tmp_path / way / "predictions.parquet").select(map(logit_column, DIAGNOSIS_NAMES)).to_numpy()
        for way in ("call", "step")
    ]
    np.testing.assert_allclose(*logits, atol=1e-4)


@pytest.mark.parametrize("step", ["patches", "tokens", "predictions", "zero-shot"])
def test_every_step_says_what_it_takes(
    step: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        run_step(monkeypatch, step, "--help")
    assert f"steps.py {step} " in capsys.readouterr().out
