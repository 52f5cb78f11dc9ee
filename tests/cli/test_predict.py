"""`prima predict` over made-up studies with the packaged release: exit statuses, JSON, the same numbers each time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import torch
from pydicom import dcmread
from safetensors.torch import load_file

from prima.cli import main as cli
from prima.model.release.folder import ReleaseWriter, load_release, packaged_release
from prima.model.release.manifest import TOKENIZER_FILE, VISION_FILE
from prima.simulate.phantom.write import write_phantom_study
from prima.study.findings import DEMONSTRATION

SCHEMA = json.loads(files("prima.study").joinpath("findings.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a call ended: its status, the findings printed, the lines of stderr, and the folder of results."""

    status: int
    findings: list[dict[str, Any]]
    problems: list[str]
    out: Path


Predict = Callable[..., Ended]


@pytest.fixture
def predict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Predict:
    """Run `prima predict --json` in float32; every line printed and every file written follows the schema.

    The phantom is unlike the studies that the packaged release has seen: scores are asked for nonetheless.
    """

    def run(*arguments: object, out: str = "out", anyway: bool = True) -> Ended:
        folder = tmp_path / out
        words = [
            *(["--scores-anyway"] if anyway and arguments else []),
            *map(str, arguments),
            "--out",
            str(folder),
            "--dtype",
            "float32",
            "--device",
            "cpu",
            "--json",
        ]
        status = cli.run(["predict", *words])
        output = capsys.readouterr()
        findings = [json.loads(line) for line in output.out.splitlines()]
        written = {path.parent.name: json.loads(path.read_text("utf-8")) for path in folder.glob("*/findings.json")}
        for one in findings:
            VALIDATOR.validate(one)
            assert written[one["study"]["study_uid"]] == one
            assert (folder / one["study"]["study_uid"] / "report.html").is_file()
        return Ended(status=status, findings=findings, problems=output.err.splitlines(), out=folder)

    return run


def keep_series(study: Path, numbers: set[int]) -> Path:
    """Remove the other series of a phantom."""
    for folder in study.iterdir():
        if int(folder.name.rpartition("_")[2]) not in numbers:
            shutil.rmtree(folder)
    return study


@pytest.fixture(scope="session")
def studies(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three small studies, of different people and different series."""
    root = tmp_path_factory.mktemp("studies")
    result = []
    for seed, numbers in enumerate(({2, 3}, {3, 5}, {4})):
        write_phantom_study(root / f"study{seed}", seed=seed)
        result.append(keep_series(root / f"study{seed}", numbers))
    return result


@pytest.fixture(scope="session")
def localizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of which nothing can be used."""
    study = tmp_path_factory.mktemp("localizer")
    write_phantom_study(study, seed=9)
    return keep_series(study, {1})


def said(findings: dict[str, Any]) -> dict[str, Any]:
    """Everything but the clock."""
    return {key: value for key, value in findings.items() if key != "timings_s"}


def logits(findings: dict[str, Any]) -> list[float]:
    return [finding["logit"] for kind in ("diagnoses", "referrals") for finding in findings[kind]]


def test_a_whole_study(predict: Predict, tmp_path: Path) -> None:
    """All eight series of the phantom: each ends as used, or excluded with a reason."""
    write_phantom_study(tmp_path / "study")
    ended = predict(tmp_path / "study")
    (findings,) = ended.findings
    assert (ended.status, findings["status"], findings["reason"]) == (0, "done", None)
    assert len(findings["diagnoses"]) == 52 and findings["referrals"]
    assert {one["present"] for one in (*findings["diagnoses"], *findings["referrals"])} == {None}
    assert findings["priority"] is None
    assert findings["familiarity"]["distance"] > findings["familiarity"]["limit"]
    assert all((one["distance"] is not None) == (one["status"] == "used") for one in findings["series"])
    assert findings["release"]["trained"] is True and findings["release"]["mode"] == "image+names+indication"
    ends = {(one["number"], one["part"]): (one["status"], one["reason"]) for one in findings["series"]}
    assert ends[1, None] == ("excluded", "localizer")
    assert {reason for status, reason in ends.values() if status == "used"} == {None}
    assert {number for (number, _), (status, _) in ends.items() if status == "used"} >= {2, 3, 4, 5, 7, 8}
    for one in findings["series"]:
        assert (one["num_foreground"] > 0) == (one["status"] == "used")
        assert one["num_foreground"] <= one["num_tokens"]


def test_status_0_and_the_same_numbers_again(predict: Predict, studies: list[Path]) -> None:
    first, again = predict(studies[0]), predict(studies[0], out="again")
    assert (first.status, again.status) == (0, 0)
    assert [said(one) for one in first.findings] == [said(one) for one in again.findings]


def test_an_unfamiliar_study_is_an_outcome_without_findings(predict: Predict, studies: list[Path]) -> None:
    ended = predict(studies[0], anyway=False)
    (findings,) = ended.findings
    assert (ended.status, findings["status"]) == (0, "unanswered")
    assert findings["diagnoses"] == findings["referrals"] == [] and findings["priority"] is None
    (line,) = ended.problems
    assert "unlike the studies this release has seen: no findings are given; report: " in line
    assert "unlike the studies this release has seen" in (ended.out / "index.html").read_text().lower()


def test_many_studies_in_one_call_are_each_as_alone(predict: Predict, studies: list[Path], localizer: Path) -> None:
    """Also in another order, and with a refused one between them."""
    alone = {}
    for study in (*studies, localizer):
        for one in predict(study).findings:
            alone[one["study"]["study_uid"]] = said(one)
    assert len(alone) == 4
    for out, order in (("there", [*studies, localizer]), ("back", [studies[2], localizer, studies[1], studies[0]])):
        ended = predict(*order, out=out)
        assert ended.status == 1
        assert {one["study"]["study_uid"]: said(one) for one in ended.findings} == alone


def test_a_folder_of_several_studies(predict: Predict, studies: list[Path]) -> None:
    ended = predict(studies[0].parent)
    assert ended.status == 0
    assert len(ended.findings) == 3


def test_status_1_names_what_was_refused(
    predict: Predict, studies: list[Path], localizer: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    ended = predict(localizer, tmp_path / "empty", studies[2], tmp_path / "absent")
    assert ended.status == 1
    assert [one["status"] for one in ended.findings] == ["refused", "done"]
    refused = ended.findings[0]
    assert refused["reason"].startswith("no series can be used (")
    assert refused["diagnoses"] == refused["referrals"] == [] and refused["priority"] is None
    assert {one["reason"] for one in refused["series"]} == {"localizer"}
    for path in (localizer, tmp_path / "empty", tmp_path / "absent"):
        assert len([line for line in ended.problems if f" {path}: " in line]) == 1


def test_status_2_for_wrong_usage(predict: Predict, studies: list[Path], tmp_path: Path) -> None:
    assert predict().status == 2
    assert predict(studies[0], "--min-slices", 0).status == 2
    if not torch.cuda.is_available():
        assert cli.run(["predict", str(studies[0]), "--device", "cuda", "--out", str(tmp_path / "out")]) == 2


def test_status_3_when_nothing_could_be_done(predict: Predict, localizer: Path, tmp_path: Path) -> None:
    assert predict(tmp_path / "absent").status == 3
    ended = predict(localizer)
    assert ended.status == 3
    assert [one["status"] for one in ended.findings] == ["refused"]
    assert predict(localizer, "--release", tmp_path / "absent").status == 3


def test_a_study_given_twice_is_predicted_once(predict: Predict, studies: list[Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(studies[2], copy)
    ended = predict(studies[2], copy, studies[0])
    assert ended.status == 1
    assert len(ended.findings) == 2 and {one["status"] for one in ended.findings} == {"done"}
    (line,) = ended.problems
    uid = ended.findings[0]["study"]["study_uid"]
    assert line == f"failed   {copy}: study {uid} was given before in this call; give its parts as one folder"


def test_image_only_withholds_all_text(predict: Predict, studies: list[Path], tmp_path: Path) -> None:
    """The logits move, and no text moves them any more: neither an option's nor the headers'."""
    named = predict(studies[2]).findings[0]
    renamed = tmp_path / "renamed"
    shutil.copytree(studies[2], renamed)
    for path in renamed.rglob("*.dcm"):
        dataset = dcmread(path)
        dataset.SeriesDescription, dataset.ProtocolName = "AX T2 brain tumour", "tumour protocol"
        dataset.save_as(path)
    blind, told, other = (
        predict(*arguments, "--image-only", out=str(number)).findings[0]
        for number, arguments in enumerate(
            [(studies[2],), (studies[2], "--study-description", "tumour follow-up"), (renamed,)]
        )
    )
    assert named["release"]["mode"] == "image+names+indication"
    assert {one["release"]["mode"] for one in (blind, told, other)} == {"image"}
    assert logits(blind) == logits(told) == logits(other)
    assert np.abs(np.subtract(logits(named), logits(blind))).max() > 1e-4


def test_the_study_description_counts(predict: Predict, studies: list[Path]) -> None:
    one, other = (predict(studies[2], "--study-description", text).findings[0] for text in ("MRI", "MRI BRAIN"))
    assert (one["study"]["description"], other["study"]["description"]) == ("MRI", "MRI BRAIN")
    assert logits(one) != logits(other)


@pytest.mark.parametrize("file", [TOKENIZER_FILE, VISION_FILE, "heads/000.safetensors"])
def test_weights_that_are_not_numbers_give_no_finding(
    predict: Predict, studies: list[Path], tmp_path: Path, file: str
) -> None:
    """A release whose hashes are right and whose weights are not: refused, and never a probability."""
    source = load_release(packaged_release())
    writer = ReleaseWriter(folder=tmp_path / "release")
    for name in source.manifest.files:
        if name.endswith(".safetensors"):
            tensors = load_file(source.folder / name)
            if name == file:
                tensors = {key: torch.full_like(tensor, torch.nan) for key, tensor in tensors.items()}
            writer.add_tensors(name, tensors)
    writer.finish(source.manifest)
    ended = predict(studies[2], "--release", tmp_path / "release")
    (findings,) = ended.findings
    assert ended.status == 3
    assert findings["status"] == "refused" and "is not finite" in findings["reason"]
    assert findings["diagnoses"] == findings["referrals"] == [] and findings["priority"] is None


def test_an_altered_release_is_named(predict: Predict, studies: list[Path], tmp_path: Path) -> None:
    shutil.copytree(packaged_release(), tmp_path / "release")
    weights = tmp_path / "release" / VISION_FILE
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 4
    weights.write_bytes(data)
    ended = predict(studies[2], "--release", tmp_path / "release", "--verify")
    assert (ended.status, ended.findings) == (3, [])
    (line,) = ended.problems
    assert f"{VISION_FILE}: found sha256" in line


def test_without_json_the_summary_is_on_stdout(
    studies: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["predict", str(studies[2]), "--scores-anyway", "--out", str(tmp_path / "out")]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    words = " ".join(output.out.split())
    assert "1 of 1 series used" in words and DEMONSTRATION in words
