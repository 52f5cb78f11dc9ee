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
    first, second = predict_studies(studies, PredictOptions(scores_anyway=True, out=tmp_path))
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
    first, second = predict_studies(studies, PredictOptions(scores_anyway=True, out=tmp_path))
    assert (first.status, second.status) == ("failed", "done")
    assert first.message == "reading failed in a way nobody foresaw (ZeroDivisionError); please report it"


def test_progress_counts_files_and_tokens_to_their_end(studies, tmp_path) -> None:
    seen: list[Progress] = []
    (outcome,) = predict_studies(studies[:1], PredictOptions(scores_anyway=True, out=tmp_path), seen.append)
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


def write_image(path: Path, seed: int) -> None:
    """A NIfTI file that no gate admits: what happens to its study does not matter here."""
    import nibabel as nib
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).normal(500, 90, (32, 32, 12)).astype(np.float32)
    nib.nifti1.Nifti1Image(noise, np.diag([4.0, 4.0, 6.0, 1.0])).to_filename(path)


@pytest.mark.parametrize(
    ("names", "inputs"),
    [
        (["sub-01/ses-1/anat/sub-01_ses-1_T1w.nii", "sub-01/ses-1/dwi/sub-01_ses-1_dwi.nii"], [""]),
        (["sub-01_T2w.nii", "sub-02_T1w.nii"], ["/sub-01", "/sub-02"]),
        (["imagesTr/c1_0000.nii", "imagesTr/c2_0000.nii"], ["/imagesTr/c1", "/imagesTr/c2"]),
    ],
)
def test_results_name_the_study_by_what_was_typed(tmp_path, monkeypatch, names, inputs) -> None:
    for seed, name in enumerate(names):
        write_image(tmp_path / "typed" / name, seed)
    monkeypatch.chdir(tmp_path)
    outcomes = list(
        predict_studies(["typed"], PredictOptions(scores_anyway=True, out=tmp_path / "out", show_input=True))
    )
    assert [outcome.input for outcome in outcomes] == [f"typed{name}" for name in inputs]
    for outcome in outcomes:
        assert outcome.findings is not None
        assert outcome.findings.input == outcome.input
        assert outcome.folder is not None
        assert outcome.input in (outcome.folder / "report.html").read_text()


def test_a_series_that_cannot_be_prepared_leaves_the_others_alone(tmp_path, monkeypatch) -> None:
    write_phantom_study(tmp_path / "study", seed=5)
    prepare = run.prepare_series
    errors = [MemoryError(), ValueError("Zyxwvut")]

    def fail_twice(series, *arguments):
        if errors:
            raise errors.pop(0)
        return prepare(series, *arguments)

    monkeypatch.setattr(run, "prepare_series", fail_twice)
    (outcome,) = predict_studies([tmp_path / "study"], PredictOptions(scores_anyway=True, out=tmp_path / "out"))
    assert outcome.status == "done"
    assert outcome.findings is not None
    details = {entry.detail for entry in outcome.findings.series if entry.reason == "unreadable"}
    assert "it needs more memory than there is" in details
    assert "preparing failed in a way nobody foresaw (ValueError); please report it" in details
