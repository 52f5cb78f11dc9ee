"""Simulated studies as tokens: those of their DICOM files, made once, remade when what decides them has changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from prima.model.engine import Engine, PreparedStudy
from prima.predict.sources import find_studies
from prima.simulate.files.dicom_files import write_dicom
from prima.simulate.study.simulate import simulate_study
from prima.study import Excluded, Reason
from prima.tokens.contract import OPEN
from prima.train.data.patch_file import patches_of_prepared, read_patches
from prima.train.data.token_folder import TokenFolder
from prima.train.tokenizer.dense import DenseConfig, mark_hidden
from prima.workflow.simulated import SimulatedData, SimulatedExample, make_patches, make_tokens
from prima.workflow.simulated import patches as patches_module
from prima.workflow.simulated import tokens as tokens_module

from .conftest import NUM_STUDIES

Examples = tuple[SimulatedExample, ...]


@pytest.fixture(autouse=True)
def simulated_once(examples: Examples, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Studies come from the examples that are at hand; the indices that were asked for."""
    asked: list[int] = []

    def example(_data: SimulatedData, index: int, *_: object) -> SimulatedExample:
        asked.append(index)
        return examples[index]

    for module in (tokens_module, patches_module):
        monkeypatch.setattr(module, "make_example", example)
    return asked


@pytest.fixture(scope="module")
def from_files(data: SimulatedData, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> list[PreparedStudy]:
    """The same studies written as DICOM, read and prepared as `prima predict` and `prima tokenize` do."""
    prepared = []
    for index in range(NUM_STUDIES):
        folder = tmp_path_factory.mktemp("dicom")
        spacing_mm = data.spacing_mm[index % len(data.spacing_mm)]
        write_dicom(simulate_study(data.case(index), spacing_mm=spacing_mm, with_excluded=True), folder)
        (source,) = find_studies(folder).studies
        prepared.append(engine.prepare(source.read(workers=1)))
    return prepared


def test_memory_and_files_give_the_same_tokens(
    data: SimulatedData, release: Path, engine: Engine, from_files: list[PreparedStudy], tmp_path: Path
) -> None:
    """Selection, gate, preparation and tokenizer: bit by bit, for a handful of studies."""
    made = make_tokens(data, release, tmp_path, num_studies=NUM_STUDIES, device="cpu", dtype="float32")
    assert (made.num_studies, made.num_missing, made.left_out) == (NUM_STUDIES, 0, {})
    folder = TokenFolder(made.folder)
    for prepared in from_files:
        expected = engine.tokens(prepared)
        example = folder.read(folder.study_uids.index(prepared.study_uid))
        assert (example.tokens.description, example.indication) == (expected.description, prepared.indication)
        assert len(expected.series) > 2
        for series, twin in zip(example.tokens.series, expected.series, strict=True):
            assert (series.name, series.plane, series.num_patches) == (twin.name, twin.plane, twin.num_patches)
            assert torch.equal(series.coordinates, twin.coordinates)
            assert torch.equal(series.latents, twin.latents)


def test_memory_and_files_give_the_same_patches(
    data: SimulatedData, from_files: list[PreparedStudy], tmp_path: Path
) -> None:
    assert make_patches(data, tmp_path, OPEN, num_studies=NUM_STUDIES) == NUM_STUDIES
    for index, prepared in enumerate(from_files):
        stored, expected = read_patches(tmp_path / "train" / f"{index:05d}.npz"), patches_of_prepared(prepared)
        np.testing.assert_array_equal(stored.voxels, expected.voxels)
        np.testing.assert_array_equal(stored.coordinates, expected.coordinates)
        assert (stored.names, stored.facts["study_uid"]) == (expected.names, prepared.study_uid)


def test_a_copy_has_other_latents_for_the_same_findings(
    data: SimulatedData, release: Path, examples: Examples, tmp_path: Path
) -> None:
    folder = TokenFolder(make_tokens(data, release, tmp_path, num_studies=NUM_STUDIES, device="cpu").folder)
    assert len(folder) == 2 * NUM_STUDIES
    for example in examples:
        uid = example.prepared.study_uid
        study, copy = (folder.read(folder.study_uids.index(name)) for name in (uid, f"{uid}.1"))
        assert study.patient == copy.patient
        np.testing.assert_array_equal(study.labels, copy.labels)
        expected = mark_hidden(example.patches, DenseConfig())
        assert study.dense is not None and copy.dense is not None and expected is not None
        np.testing.assert_array_equal(study.dense.share, expected.share)
        np.testing.assert_array_equal(copy.dense.token, expected.token)
        assert not torch.equal(study.tokens.series[0].latents, copy.tokens.series[0].latents)
        for series, twin in zip(study.tokens.series, copy.tokens.series, strict=True):
            assert series.num_tokens == twin.num_tokens


def test_what_is_there_is_kept_until_something_that_decides_it_has_changed(
    data: SimulatedData, release: Path, other_release: Path, simulated_once: list[int], tmp_path: Path
) -> None:
    options = {"num_studies": 2, "device": "cpu", "dtype": "float32"}
    make_tokens(data, release, tmp_path, **options)  # type: ignore[arg-type]
    make_tokens(data, release, tmp_path, **options)  # type: ignore[arg-type]
    assert simulated_once == [0, 1]
    make_tokens(data, release, tmp_path, **options | {"num_studies": 3})  # type: ignore[arg-type]
    assert simulated_once == [0, 1, 0, 1, 2]
    make_tokens(data, release, tmp_path, **options)  # type: ignore[arg-type]
    assert len(simulated_once) == 5  # fewer than there are: all stay
    make_tokens(data, other_release, tmp_path, **options)  # type: ignore[arg-type]
    make_tokens(replace(data, copies=0), other_release, tmp_path, **options)  # type: ignore[arg-type]
    assert len(simulated_once) == 9
    assert len(TokenFolder(tmp_path / "train")) == 2


def test_when_time_is_over_the_same_call_goes_on(
    data: SimulatedData, release: Path, simulated_once: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tokens_module, "STUDIES_PER_PART", 1)
    made = make_tokens(data, release, tmp_path, num_studies=3, device="cpu", minutes=0)
    assert (made.num_studies, made.num_missing) == (1, 2)
    assert len(TokenFolder(made.folder)) == 2
    made = make_tokens(data, release, tmp_path, num_studies=3, device="cpu")
    assert (made.num_studies, made.num_missing, simulated_once) == (3, 0, [0, 1, 2])
    assert len(TokenFolder(made.folder)) == 6


class Lines:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def warn(self, text: str) -> None:
        self.lines.append(text)

    def count(self, what: str, done: int, total: int | None) -> None:
        pass


def test_a_study_that_the_gate_refuses_is_left_out_with_its_reason(
    data: SimulatedData, release: Path, examples: Examples, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    refused = Excluded(series_uid="1.2", number=1, description="AX T1", reason=Reason.NOT_BRAIN, detail="noise")
    empty = replace(examples[1], prepared=replace(examples[1].prepared, series=(), excluded=(refused,)))
    known = (examples[0], empty, examples[2])
    for module in (tokens_module, patches_module):
        monkeypatch.setattr(module, "make_example", lambda _data, index, *_: known[index])
    watcher, uid = Lines(), empty.prepared.study_uid
    made = make_tokens(data, release, tmp_path, num_studies=3, device="cpu", watcher=watcher)
    assert (made.num_studies, made.num_missing, set(made.left_out)) == (2, 0, {uid})
    assert "noise" in made.left_out[uid]
    assert watcher.lines == [f"no tokens {uid}: {made.left_out[uid]}"]
    assert uid not in TokenFolder(made.folder).study_uids
    assert make_patches(data, tmp_path / "patches", OPEN, num_studies=3, watcher=watcher) == 2
    assert watcher.lines[1:] == ["study 1 of train has no patches: no series can be used"]
