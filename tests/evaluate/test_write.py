"""What is written: every file whole, fit to be read, and safe whatever stood in the tables."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from prima.evaluate import Evaluation, Predictions, Resampling, Truth, evaluate
from prima.evaluate.evaluation import STATEMENT, Account
from prima.evaluate.write import COLUMNS, FILES, write_evaluation
from prima.study.ontology import DIAGNOSIS_NAMES

HOSTILE = 'a|b<script>alert("x")</script>\x1b[31m\n| c'


@pytest.fixture(scope="module")
def found() -> Evaluation:
    n, names = 300, DIAGNOSIS_NAMES
    stream = np.random.default_rng(0)
    labels = (stream.random((n, len(names))) < 0.08).astype(float)
    labels[:, 0] = 0
    scores = np.clip(stream.normal(0.3, 0.15, labels.shape) + 0.25 * labels, 0, 1)
    level = stream.integers(4, size=n)
    predictions = Predictions(
        names=names, scores=scores, probabilities=scores, called=(scores > 0.4).astype(float),
        priority_score=level / 3, priority=level, referral_names=("neurosurgery",), referral_scores=scores[:, 1:2],
    )  # fmt: skip
    truth = Truth(
        labels=labels, patients=[str(number // 2) for number in range(n)], priority=level,
        referrals=labels[:, 1:2], strata={HOSTILE: [HOSTILE] * 100 + ["b"] * 200},
    )  # fmt: skip
    account = Account(predictions=n, truth=n, matched=n, scored=n, refused={HOSTILE: 1}, no_truth=(HOSTILE,))
    return evaluate(
        predictions, truth, resampling=Resampling(replicates=100), against=predictions, account=account,
        releases=(HOSTILE,),
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(found: Evaluation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("evaluation") / "new" / "folder"
    write_evaluation(found, place)
    return place


def test_every_file_is_there_and_nothing_else(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == set(FILES)


def test_the_json_is_everything(found: Evaluation, folder: Path) -> None:
    read = json.loads((folder / "evaluation.json").read_text("utf-8"))
    assert read == json.loads(json.dumps(found.to_dict()))
    assert len(read["diagnoses"]) == 52
    assert read["diagnoses"][1]["decisions"]["sensitivity"] == found.diagnoses[1].sensitivity.value
    assert read["pooled"]["error"] == found.means.ece_pooled


def test_the_csv_has_a_row_for_each_label(found: Evaluation, folder: Path) -> None:
    with (folder / "evaluation.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(COLUMNS)
    assert [row["name"] for row in rows] == [*DIAGNOSIS_NAMES, "neurosurgery"]
    assert (rows[0]["auroc"], rows[0]["reason"]) == ("", "no positive study")
    assert float(rows[1]["auroc_low"]) == found.diagnoses[1].auroc.low


def test_the_page_is_markdown_that_nothing_breaks_out_of(folder: Path) -> None:
    text = (folder / "evaluation.md").read_text("utf-8")
    assert STATEMENT in text
    assert "<script" not in text
    assert "\x1b" not in text
    assert all(line.isprintable() for line in text.splitlines())
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in tables)
    assert "not evaluable: no positive study" in text


def test_the_figure_is_a_picture_of_every_diagnosis(found: Evaluation, folder: Path) -> None:
    root = ElementTree.fromstring((folder / "evaluation.svg").read_text("utf-8"))
    words = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert all(row.display in words for row in found.diagnoses)
    assert "not evaluable: no positive study" in words
    assert any(STATEMENT in word for word in words)
    width, height = (float(root.get(name, "0")) for name in ("width", "height"))
    for element in root.iter():
        for name in ("x", "x1", "x2", "cx"):
            assert 0 <= float((element.get(name) or "0").rstrip("%")) <= width
        for name in ("y", "y1", "y2", "cy"):
            assert 0 <= float((element.get(name) or "0").rstrip("%")) <= height


def test_a_model_without_probabilities_or_priority_has_a_figure_too(found: Evaluation, tmp_path: Path) -> None:
    bare = replace(found, pooled=None, pooled_by_level=None, priority=None, referral_means=None, referrals=())
    write_evaluation(bare, tmp_path)
    assert "no probabilities" in (tmp_path / "evaluation.svg").read_text("utf-8")


def test_a_disk_that_fills_leaves_what_was_there(
    found: Evaluation, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (folder / "evaluation.json").read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("prima.files.durable.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_evaluation(replace(found, studies=1), folder)
    assert (folder / "evaluation.json").read_bytes() == before
    assert {path.name for path in folder.iterdir()} == set(FILES)


def test_every_column_and_file_is_documented() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "evaluation.md"
    text = page.read_text(encoding="utf-8")
    rows = [f"| `{name}` | {words} |" for name, words in (COLUMNS | FILES).items()]
    assert not [row for row in rows if f"\n{row}\n" not in text]
