"""`prima train`: the four stages, from folders of patches and tokens to a release, and what is said of bad input."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from prima.archive.stages.tokenize import has_trained_tokenizer
from prima.cli.main import run
from prima.model.release.folder import load_release
from prima.model.release.manifest import TOKENIZER_FILE
from prima.model.release.stage_folder import read_part
from prima.model.release.untrained import TINY_SIZES, write_untrained_release
from prima.study.ontology import DIAGNOSIS_NAMES
from prima.train.engine.journal import read_journal

from ..train.made import MENINGIOMA, patch_source, token_source

STEPS = ("--recipe", "tiny", "--steps", "4", "--dtype", "float32", "--device", "cpu")


@pytest.fixture(scope="module")
def patches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return patch_source(tmp_path_factory.mktemp("patches"))


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return token_source(tmp_path_factory.mktemp("tokens"), width=64, train=24, validation=16)


@pytest.fixture(scope="module")
def trained(patches: Path, tokens: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose stages are all done."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert run(["train", "tokenizer", str(patches), str(folder), *STEPS, "--watts", "100"]) == 0
    assert run(["train", "names", str(tokens), str(folder), *STEPS]) == 0
    assert run(["train", "clip", str(tokens), str(folder), *STEPS, "--mode", "image"]) == 0
    assert run(["train", "heads", str(tokens), str(folder), "--recipe", "tiny", "--dtype", "float32"]) == 0
    return folder


def said(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    capsys.readouterr()
    status = run([str(one) for one in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_every_stage_leaves_what_a_release_is_made_of(trained: Path) -> None:
    for stage in ("tokenizer", "clip", "heads"):
        part = read_part(trained, stage)  # type: ignore[arg-type]
        assert part is not None
        assert part.record is not None
        assert part.record.simulated
        assert part.record.recipe["recipe"] == "tiny"
        assert part.record.num_patients == (4 if stage == "tokenizer" else 24)
    assert json.loads((trained / "mode.json").read_text()) == {"mode": "image"}
    assert len(read_journal(trained / "clip" / "journal.jsonl")) == 4
    measured = read_journal(trained / "clip" / "studies" / "journal.jsonl", "measure")[-1]["values"]
    clip = read_part(trained, "clip")
    assert clip is not None and clip.record is not None
    assert clip.record.measured == {
        f"validation {name}": value for name, value in measured.items() if value is not None
    }
    recipe = json.loads((trained / "clip" / "recipe.json").read_text())
    assert recipe["engine"]["num_steps"] == 4
    assert recipe["study"]["mode"] == "image"
    assert recipe["study"]["model"]["report"]["vocabulary"] > 256
    assert recipe["from_names"] is True
    assert (recipe["data"]["train"], recipe["data"]["validation"]) == (24, 16)


def test_the_tokens_of_the_run_are_those_of_the_release(trained: Path, tmp_path: Path) -> None:
    assert run(["release", "build", str(trained), "--out", str(tmp_path / "release")]) == 0
    made, for_tokens = (load_release(path).manifest for path in (tmp_path / "release", trained / "release"))
    assert made.files[TOKENIZER_FILE].sha256 == for_tokens.files[TOKENIZER_FILE].sha256
    assert made.contract == for_tokens.contract
    assert (made.trained, for_tokens.trained, made.mode) == (True, False, "image")
    assert has_trained_tokenizer(for_tokens)
    untrained = write_untrained_release(tmp_path / "untrained", TINY_SIZES, name="untrained")
    assert not has_trained_tokenizer(load_release(untrained).manifest)
    assert made.provenance["stages"]["tokenizer"]["watts"] == 100
    assert "synthetic" in (tmp_path / "release" / "MODEL_CARD.md").read_text().lower()


def test_heads_learn_a_finding_and_claim_nothing_of_others(trained: Path) -> None:
    part = read_part(trained, "heads")
    assert part is not None
    assert part.record is not None
    known = {head.name: head.calibration for head in part.config.diagnoses}  # type: ignore[union-attr]
    assert known[MENINGIOMA] is not None
    assert known[MENINGIOMA].target == "sensitivity=0.9"
    assert {name for name, one in known.items() if one is None} == set(DIAGNOSIS_NAMES) - {MENINGIOMA}
    assert part.record.measured["diagnosis heads measured"] == 1
    assert part.record.measured["diagnosis AUROC"] > 0.9


def test_the_same_line_again_trains_nothing_more(
    trained: Path, tokens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = Path(shutil.copytree(trained, tmp_path / "run"))
    before = load_file(trained / "clip" / "weights.safetensors")
    status, out, _ = said(capsys, "train", "clip", tokens, trained, *STEPS, "--mode", "image", "--json")
    assert status == 0
    assert json.loads(out)["step"] == 4
    after = load_file(trained / "clip" / "weights.safetensors")
    assert all(torch.equal(before[name], after[name]) for name in before)
    status, out, err = said(
        capsys, "train", "heads", tokens, trained, "--recipe", "tiny", "--dtype", "float32",
        "--target", "alerts=0.2", "--json",
    )  # fmt: skip
    assert status == 0
    assert json.loads(out)["target"] == "alerts=0.2"
    assert "heads have an empty class in training and stay without a probability" in err


def test_without_a_recipe_a_stage_goes_on_with_that_of_the_tokenizer(
    trained: Path, tokens: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = said(capsys, "train", "clip", tokens, trained, *STEPS[2:], "--mode", "image", "--json")
    assert (status, json.loads(out)["step"]) == (0, 4)


def test_one_phase_leaves_the_second_out(trained: Path, tokens: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(trained, folder, ignore=shutil.ignore_patterns("names", "clip", "heads", "features"))
    assert run(["train", "clip", str(tokens), str(folder), *STEPS, "--mode", "image", "--one-phase"]) == 0
    assert not (folder / "clip" / "studies").exists()
    part = read_part(folder, "clip")
    assert part is not None and part.record is not None
    measured = read_journal(folder / "clip" / "journal.jsonl", "measure")[-1]["values"]
    assert part.record.measured["validation retrieval@1"] == measured["retrieval@1"]


def test_another_seed_is_another_run(trained: Path, tokens: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = said(capsys, "train", "clip", tokens, trained, *STEPS, "--mode", "image", "--seed", "1")
    assert status == 2
    assert "found a run of another recipe" in err
    assert "seed" in err


def test_time_that_is_over_stops_and_goes_on(
    trained: Path, tokens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("contract.json", "mode.json"):
        shutil.copy(trained / name, tmp_path / name)
    line = ("train", "clip", tokens, tmp_path, *STEPS)
    status, out, _ = said(capsys, *line, "--minutes", "0", "--json")
    assert (status, json.loads(out)) == (0, {"status": "stopped", "step": 1, "num_steps": 4})
    status, _, err = said(capsys, "train", "heads", tokens, tmp_path, "--recipe", "tiny")
    assert status == 3
    assert "found no trained vision model" in err
    status, out, _ = said(capsys, *line, "--json")
    assert (status, json.loads(out)["step"]) == (0, 4)


@pytest.mark.parametrize("stage", ["tokenizer", "names", "clip"])
def test_a_dry_run_shows_the_recipe_and_its_cost(
    stage: str, trained: Path, patches: Path, tokens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("contract.json", "mode.json"):
        shutil.copy(trained / name, tmp_path / name)
    source = patches if stage == "tokenizer" else tokens
    before = sorted(tmp_path.rglob("*"))
    status, out, _ = said(capsys, "train", stage, source, tmp_path, *STEPS, "--dry-run", "--json")
    assert status == 0
    found: dict[str, Any] = json.loads(out)
    assert found["recipe"]["engine"]["num_steps"] == found["estimate"]["num_steps"] == 4
    assert found["estimate"]["num_parameters"] == sum(found["estimate"]["parameters"].values()) > 1000
    assert found["estimate"]["memory_bytes"] > 0
    assert found["estimate"]["seconds"] > 0
    assert sorted(tmp_path.rglob("*")) == before
    if stage == "clip":
        status, out, _ = said(capsys, "train", stage, source, tmp_path, *STEPS, "--dry-run")
        assert status == 0
        assert "parameters of vision" in out
        assert "at this device's peak" in out


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["train", "clip", "{tokens}", "{run}", "--recipe", "huge"], 2, "--recipe: found 'huge', expected one of tiny"),
        (["train", "clip", "{tokens}", "{empty}", "--recipe", "tiny"], 3, "run prima train tokenizer first"),
        (["train", "clip", "{empty}", "{run}", "--recipe", "tiny"], 3, "found no archive and no folders train/"),
        (["train", "clip", "{tokens}", "{run}", "--recipe", "um220k"], 2, "found a tokenizer of another contract"),
        (["train", "clip", "{tokens}", "{run}", "--recipe", "demo"], 2, "found no masks, expected them for the recipe"),
        (["train", "clip", "{tokens}", "{run}", "--recipe", "demo_reports"], 2, "by the tokenizer of tiny, expected"),
        (["train", "tokenizer", "{patches}", "{new}", "--recipe", "demo"], 2, "found no masks, expected them"),
        (["train", "tokenizer", "{empty}", "{new}", "--recipe", "tiny"], 3, "found no archive and no folder train/"),
        (["train", "clip", "{tokens}", "{run}", *STEPS, "--epochs", "1"], 2, "found both, expected one of them"),
        (["train", "heads", "{tokens}", "{empty}"], 3, "found no trained vision model"),
        (["train", "heads", "{tokens}", "{run}", "--target", "luck=1"], 2, "target: found 'luck=1'"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: list[str], status: int, message: str,
    trained: Path, patches: Path, tokens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "empty").mkdir()
    places = {"tokens": tokens, "patches": patches, "run": trained}
    places |= {"empty": tmp_path / "empty", "new": tmp_path / "new"}
    found, _, err = said(capsys, *(one.format(**places) for one in arguments))
    assert found == status
    assert message in " ".join(err.split())
    assert len([line for line in err.splitlines() if line.startswith("prima: ")]) == 1


def test_a_patient_on_both_sides_is_refused(
    trained: Path, tokens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tokens / "train", tmp_path / "train")
    shutil.copytree(tokens / "train", tmp_path / "validation")
    status, _, err = said(capsys, "train", "clip", tmp_path, trained, *STEPS)
    assert status == 2
    assert "found 24 patients on both sides, expected each on one" in err


def test_damaged_tokens_stop_the_run_by_name(
    trained: Path, tokens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tokens, tmp_path / "tokens")
    path = tmp_path / "tokens" / "train" / "000.tokens"
    data = np.frombuffer(path.read_bytes(), np.uint8).copy()
    data[len(data) // 2 :: 50] ^= 255
    path.write_bytes(data.tobytes())
    for name in ("contract.json", "mode.json"):
        shutil.copy(trained / name, tmp_path / name)
    status, _, err = said(capsys, "train", "clip", tmp_path / "tokens", tmp_path, *STEPS)
    assert status == 3
    assert "000.tokens" in err
    assert not (tmp_path / "clip" / "weights.safetensors").exists()


class TestLabelsOfTheSite:
    def line(self, trained: Path, tokens: Path, tmp_path: Path, table: str) -> tuple[str | Path, ...]:
        place = tmp_path / "run"
        if not place.exists():
            shutil.copytree(trained, place)
        (tmp_path / "labels.csv").write_text(table)
        return ("train", "heads", tokens, place, "--recipe", "tiny", "--labels", tmp_path / "labels.csv", "--json")

    def test_they_take_the_place_of_the_others(
        self, trained: Path, tokens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        rows = [(f"1.2.5.{number}", number % 2) for number in range(24)]
        rows += [(f"1.2.10.{number}", number % 2) for number in range(10)]
        table = "study_uid,spine_syrinx,priority\n" + "".join(f"{uid},{one},low\n" for uid, one in rows)
        status, out, err = said(capsys, *self.line(trained, tokens, tmp_path, table))
        assert status == 0
        found = json.loads(out)
        assert MENINGIOMA in found["unlearnt"]
        assert "spine_syrinx" not in found["unlearnt"]
        assert found["calibrated"] == 1
        assert "no column for 51 diagnoses" in err
        part = read_part(tmp_path / "run", "heads")
        assert part is not None
        assert part.record is not None
        assert part.record.num_studies == 24

    @pytest.mark.parametrize(
        ("table", "message"),
        [
            ("study_uid,spine_syrinx\n9.9.9,1\n", "found labels of 1 studies without tokens on either side"),
            ("study_uid,toothache\n1.2.5.1,1\n", "found no column of a diagnosis, expected some, such as"),
            ("study_uid,spine_syrinx\n1.2.5.1,perhaps\n", "expected true, false or nothing"),
            ("study_uid,spine_syrinx\n1.2.5.1,1\n1.2.5.1,0\n", "more than one row"),
            ("study_uid,spine_syrinx\n1.2.5.1,1\n", "found no study of the validation side"),
            ("spine_syrinx\n1\n", "missing column study_uid"),
        ],
    )
    def test_what_is_wrong_with_them_is_one_line(
        self, table: str, message: str, trained: Path, tokens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        status, _, err = said(capsys, *self.line(trained, tokens, tmp_path, table))
        assert status == 2
        assert message in " ".join(err.split())


def test_heads_of_a_release(trained: Path, tokens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    assert run(["release", "build", str(trained), "--out", str(first)]) == 0
    line = ("train", "heads", tokens, tmp_path / "run", "--from", first, "--recipe", "tiny", "--seed", "5", "--json")
    status, out, _ = said(capsys, *line)
    assert (status, json.loads(out)["status"]) == (0, "done")
    assert run(["release", "build", str(first), str(tmp_path / "run"), "--out", str(again)]) == 0
    one, other = load_release(first).manifest, load_release(again).manifest
    assert one.files["vision.safetensors"] == other.files["vision.safetensors"]
    assert one.files[one.mlps[0]] != other.files[other.mlps[0]]


RECIPE = """
from dataclasses import replace

from prima.train import Recipe, demo_reports
from prima.train.recipes import tiny


def ours() -> Recipe:
    base = tiny()
    return replace(base, name="ours", names=replace(base.names, hidden=48), target="ppv=0.5")


def image_only() -> Recipe:
    base = demo_reports()
    return replace(base, name="ours_image_only", study=replace(base.study, mode="image"))


def number():
    return 7
"""


@pytest.fixture
def site_recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of recipes in the current directory, which is forgotten afterwards."""
    (tmp_path / "site_recipes.py").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "site_recipes", raising=False)


@pytest.mark.usefixtures("site_recipes")
def test_a_recipe_by_import_path_trains(
    tokens: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(trained / "tokenizer", folder / "tokenizer")
    shutil.copytree(trained / "release", folder / "release")
    for card in trained.glob("*.json"):
        shutil.copy(card, folder)
    line = ("train", "names", tokens, folder, *STEPS[2:], "--recipe", "site_recipes:ours")
    status, out, _ = said(capsys, *line, "--dry-run", "--json")
    assert status == 0
    assert json.loads(out)["recipe"]["recipe"] == "ours"
    assert not (folder / "names").exists()
    assert said(capsys, *line)[0] == 0
    saved = json.loads((folder / "names" / "recipe.json").read_text())
    assert (saved["recipe"], saved["names"]["hidden"], saved["engine"]["num_steps"]) == ("ours", 48, 4)
    assert len(read_journal(folder / "names" / "journal.jsonl")) == 4
    assert str(tmp_path) not in sys.path


@pytest.mark.usefixtures("site_recipes")
@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("absent", "found 'absent', expected one of tiny"),
        ("absent_module:ours", "found no module 'absent_module'"),
        ("site_recipes:absent", "found no function 'absent' in 'site_recipes'"),
        ("site_recipes:number", "the function returns a int, expected a Recipe"),
        ("site_recipes:", "expected package.module:function"),
    ],
)
def test_a_wrong_recipe_is_one_line(
    tokens: Path, trained: Path, recipe: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = said(capsys, "train", "clip", tokens, trained, "--dry-run", "--recipe", recipe)
    assert status == 2
    assert err.startswith("prima: --recipe")
    assert err.count("\n") == 1
    assert message in err
