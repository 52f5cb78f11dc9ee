"""Many studies in one call: what goes wrong in one stays with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from prima.files.walk import FileProblem
from prima.model.engine.engine import Engine
from prima.predict import run
from prima.predict.run import PredictOptions, Progress, predict_studies
from prima.simulate.phantom.write import write_phantom_study


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two studies of one small series each."""
    folders = []
    for seed in (1, 2):
        folder = tmp_path_factory.mktemp("study")
        write_phantom_study(folder, seed=seed)
        folders.append(folder / "series_06")
    return folders


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "computing needs more memory than there is; try --device cpu"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "computing needs more memory than there is"),
        (RuntimeError("Zyxwvut"), "computing failed in a way nobody foresaw (RuntimeError); please report it"),
    ],
)
def test_computing_that_fails_refuses_one_study(studies, tmp_path, monkeypatch, error, words) -> None:
    outputs = Engine.outputs
    calls = []

    def fail_once(self, *arguments, **options):
        calls.append(1)
        if len(calls) == 1:
            raise error
        return outputs(self, *arguments, **options)

    monkeypatch.setattr(Engine, "outputs", fail_once)
    first, second = predict_studies(studies, PredictOptions(out=tmp_path))
    assert (first.status, second.status) == ("refused", "done")
    assert first.message is not None
    assert first.message.startswith(words)
    assert first.findings is not None
    assert first.findings.diagnoses == ()


def test_reading_that_fails_in_an_unforeseen_way(studies, tmp_path, monkeypatch) -> None:
    find = run.find_studies

    def fail_once(path: Path, **options):
        if path == studies[0]:
            raise ZeroDivisionError("Zyxwvut")
        return find(path, **options)

    monkeypatch.setattr(run, "find_studies", fail_once)
    first, second = predict_studies(studies, PredictOptions(out=tmp_path))
    assert (first.status, second.status) == ("failed", "done")
    assert first.message == "reading failed in a way nobody foresaw (ZeroDivisionError); please report it"


def test_progress_counts_files_and_tokens_to_their_end(studies, tmp_path) -> None:
    seen: list[Progress] = []
    (outcome,) = predict_studies(studies[:1], PredictOptions(out=tmp_path), seen.append)
    assert outcome.findings is not None
    total = outcome.findings.series[0].num_foreground
    tokens = [one for one in seen if one.step == "encode"]
    assert [one.completed for one in tokens] == sorted(one.completed for one in tokens)
    assert (tokens[-1].completed, tokens[-1].total) == (total, total)
    assert 22 in [one.completed for one in seen if one.step == "read"]


def test_problems_are_counted_and_not_named() -> None:
    top = Path("top")
    problems = [FileProblem(path=top / name, message=message) for name, message in (("a", "x"), ("b", "y"), ("c", "x"))]
    assert run._in_words(problems, top) == ("2 files could not be read (x)", "1 file could not be read (y)")
    assert run._in_words([FileProblem(path=top, message="x")], top) == ("x",)
