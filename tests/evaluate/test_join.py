"""Tables in, arrays out, and an account of every row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from prima.errors import UnreadableError, UsageError
from prima.evaluate import Resampling, evaluate
from prima.evaluate.join import match_tables
from prima.evaluate.summary import account_lines

DX = "tumor_adult_meningioma"
OTHER = "spine_syrinx"


def write(path: Path, columns: dict[str, Any]) -> Path:
    frame = pl.DataFrame(columns)
    if path.suffix == ".csv":
        frame.write_csv(path)
    else:
        frame.write_parquet(path)
    return path


def predictions(**change: Any) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "study_uid": ["1.1", "1.2", "1.3", "1.4"],
        "release": ["demo"] * 4,
        "status": ["done", "done", "refused", "done"],
        "reason": [None, None, "not a brain", None],
        DX: [0.9, 0.2, 0.5, 0.1],
        f"{DX}__logit": [2.0, -1.0, 0.0, -2.0],
        f"{DX}__present": [True, False, True, None],
        "priority": ["high", "none", "low", None],
        "priority_score": [0.9, 0.1, 0.2, 0.3],
        "referral_neurosurgery": [0.8, 0.1, 0.2, 0.3],
    }
    return {name: column for name, column in (columns | change).items() if column is not None}


def truth(**change: Any) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "study_uid": ["1.4", "1.3", "1.2", "1.1"],
        "patient": ["b", "b", "a", "a"],
        "scanner": ["x", "x", "y", None],
        DX: [False, True, False, True],
        OTHER: [False, False, True, True],
        "priority": ["none", "low", "none", "high"],
        "referral_neurosurgery": [False, False, None, True],
    }
    return {name: column for name, column in (columns | change).items() if column is not None}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_rows_meet_by_study(tmp_path: Path, suffix: str) -> None:
    found = match_tables(
        write(tmp_path / f"p{suffix}", predictions()), write(tmp_path / f"t{suffix}", truth()), by=["scanner"]
    )
    predicted, true = found.predictions, found.truth
    assert predicted.names == (DX,)
    np.testing.assert_array_equal(predicted.scores[:, 0], [0.9, 0.2, np.nan, 0.1])
    assert predicted.called is not None
    np.testing.assert_array_equal(predicted.called[:, 0], [1, 0, np.nan, np.nan])
    np.testing.assert_array_equal(true.labels[:, 0], [1, 0, 1, 0])
    assert list(true.patients) == ["a", "a", "b", "b"]
    assert predicted.priority is not None
    assert true.priority is not None
    assert (predicted.priority.tolist(), true.priority.tolist()) == ([3, 0, -1, -1], [3, 0, 1, 0])
    assert predicted.referral_names == ("neurosurgery",)
    assert true.referrals is not None
    np.testing.assert_array_equal(true.referrals[:, 0], [1, np.nan, 0, 0])
    assert true.strata == {"scanner": ["unknown", "y", "x", "x"]}
    account = found.account
    assert (account.matched, account.scored, account.refused) == (4, 3, {"not a brain": 1})
    assert account.not_predicted == (OTHER,)
    assert found.releases == ("demo",)


@pytest.mark.parametrize("status", ["unanswered", "refused", "failed"])
def test_a_study_that_is_not_done_has_no_numbers_and_is_counted_by_its_reason(tmp_path: Path, status: str) -> None:
    """Even where its row holds some: scores that were asked for nonetheless, say."""
    table = predictions(status=["done", "done", status, "done"], reason=[None, None, "unlike the studies seen", None])
    found = match_tables(write(tmp_path / "p.csv", table), write(tmp_path / "t.csv", truth()))
    assert found.predictions.called is not None and found.predictions.priority is not None
    assert np.isnan([found.predictions.scores[2, 0], found.predictions.called[2, 0]]).all()
    assert found.predictions.priority[2] == -1
    counts = {name: getattr(found.account, name) for name in ("unanswered", "refused", "failed")}
    assert counts == {name: {"unlike the studies seen": 1} if name == status else {} for name in counts}
    assert found.account.scored == 3
    evaluation = evaluate(found.predictions, found.truth, account=found.account, resampling=Resampling(replicates=100))
    share = " (25.0% of the matched)" if status == "unanswered" else ""
    assert (f"  {status}", f"1 unlike the studies seen{share}") in list(account_lines(evaluation))
    assert evaluation.to_dict()["account"][status] == {"unlike the studies seen": 1}


def test_scores_of_unfamiliar_studies_count_where_they_were_asked_for_and_that_is_said(tmp_path: Path) -> None:
    table = predictions(status=["done"] * 4, familiarity=[1.0, 3.0, None, 1.2], familiarity_limit=[2.0, 2.0, None, 2.0])
    found = match_tables(write(tmp_path / "p.csv", table), write(tmp_path / "t.csv", truth()))
    assert found.account.scored == 4
    (note,) = [note for note in found.account.notes if "unlike" in note]
    assert note.startswith("1 of the scored studies are unlike those the release has seen")


def test_every_row_without_a_partner_is_named(tmp_path: Path) -> None:
    found = match_tables(
        write(tmp_path / "p.csv", predictions(study_uid=["1.1", "1.2", "1.3", "9.9"])),
        write(tmp_path / "t.csv", truth()),
    )
    assert found.account.no_truth == ("9.9",)
    assert found.account.no_prediction == ("1.4",)
    assert found.predictions.num_studies == 3


def test_an_uncalibrated_model_is_ranked_by_its_logits(tmp_path: Path) -> None:
    empty = pl.Series([None] * 4, dtype=pl.Float64)
    found = match_tables(write(tmp_path / "p.parquet", predictions(**{DX: empty})), write(tmp_path / "t.csv", truth()))
    assert found.predictions.probabilities is None
    assert found.predictions.ranked_by == {DX: "logit"}
    np.testing.assert_array_equal(found.predictions.scores[:, 0], [2, -1, np.nan, -2])


def test_without_a_score_the_priority_is_the_mean_level(tmp_path: Path) -> None:
    shares = {"priority_none": [0.0, 1.0, 0.2, 0.5], "priority_low": [0.0, 0.0, 0.2, 0.0]}
    shares |= {"priority_medium": [0.0, 0.0, 0.2, 0.5], "priority_high": [1.0, 0.0, 0.4, 0.0]}
    found = match_tables(
        write(tmp_path / "p.csv", predictions(priority_score=None, **shares)), write(tmp_path / "t.csv", truth())
    )
    score = found.predictions.priority_score
    assert score is not None
    np.testing.assert_allclose(score, [1, 0, np.nan, 1 / 3])


def test_the_archives_table_has_no_patients_and_that_is_said(tmp_path: Path) -> None:
    found = match_tables(write(tmp_path / "p.csv", predictions()), write(tmp_path / "t.csv", truth(patient=None)))
    assert list(found.truth.patients) == ["1.1", "1.2", "1.3", "1.4"]
    assert any("every study counts as a patient" in note for note in found.account.notes)


def test_what_the_truth_lacks_beside_diagnoses_is_said(tmp_path: Path) -> None:
    lacking = truth(priority=None, referral_neurosurgery=None)
    notes = match_tables(write(tmp_path / "p.csv", predictions()), write(tmp_path / "t.csv", lacking)).account.notes
    assert len(notes) == 2
    assert "neurosurgery" in notes[0]
    assert "priority" in notes[1]


def test_lesions_stand_for_what_follows_from_them(tmp_path: Path) -> None:
    names = ("tumor_adult_glioma", "tumor_adult_high_grade_glioma")
    uids = ["1.1", "1.2", "1.3", "1.4"]
    predicted = write(
        tmp_path / "p.csv", {"study_uid": uids, names[0]: [0.9, 0.8, 0.1, 0.2], names[1]: [0.9, 0.8, 0.1, 0.2]}
    )
    true = write(tmp_path / "t.csv", {"study_uid": uids, names[0]: [1, 1, 0, 1], names[1]: [1, 1, 0, 0]})
    lesions = write(
        tmp_path / "l.csv",
        {
            "study_uid": ["1.1", "1.1", "1.2", "1.3", "7.7"],
            "diagnosis": [names[1], names[1], names[1], "spine_syrinx", names[1]],
            "subtlety": [3, 2, 3, 1, 1],
        },
    )
    found = match_tables(predicted, true, lesions=lesions)
    assert found.truth.subtlety is not None
    assert found.truth.subtlety.tolist() == [[2, 2], [3, 3], [0, 0], [0, 0]]
    assert any("1 true labels have no lesion" in note for note in found.account.notes)


def test_a_number_divides_into_thirds(tmp_path: Path) -> None:
    n = 30
    uids = [str(index) for index in range(n)]
    predicted = write(tmp_path / "p.csv", {"study_uid": uids, DX: [0.5] * n})
    true = write(tmp_path / "t.csv", {"study_uid": uids, DX: [age % 2 for age in range(n)], "age": [*range(n)]})
    words = match_tables(predicted, true, by=["age"]).truth.strata["age"]
    assert sorted(set(words)) == ["1 up to 9", "2 up to 19", "3 above 19"]
    assert [words.count(word) for word in sorted(set(words))] == [10, 10, 10]
    with pytest.raises(UsageError, match="30 values"):
        match_tables(predicted, true, by=["study_uid"])


@pytest.mark.parametrize(
    ("predicted", "true", "words"),
    [
        ({}, {DX: None}, rf"t.csv: missing column {DX}; name the diagnoses that it has with --only"),
        ({"study_uid": ["1.1", "1.1", "1.2", "1.3"]}, {}, "p.csv: study 1.1 stands in more than one row"),
        ({}, {"study_uid": ["1.1", "1.2", "1.2", "1.3"]}, "t.csv: study 1.2 stands in more than one row"),
        ({"study_uid": ["a", "b", "c", "d"]}, {}, "none of its 4 studies is in"),
        ({"study_uid": None}, {}, "p.csv: missing column study_uid"),
        ({DX: None, f"{DX}__logit": None}, {}, "no column of a diagnosis"),
        ({DX: [0.1, 1.5, 0.1, 0.1]}, {}, rf"p.csv: column {DX}, row 2: expected 0 to 1"),
        ({DX: ["0.1", "low", "0.1", "0.1"]}, {}, rf"column {DX}, row 2"),
        (
            {"status": ["done", "lost", "done", "done"]},
            {},
            "column status, row 2: expected one of done, unanswered, refused, failed",
        ),
        ({"priority": ["urgent", "none", "low", "low"]}, {}, "column priority, row 1: expected one of none, low"),
        ({}, {DX: [0, 1, 2, 0]}, rf"t.csv: column {DX}, row 3: expected true, false or nothing"),
    ],
)
def test_a_bad_table_is_one_line(tmp_path: Path, predicted: dict[str, Any], true: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        match_tables(write(tmp_path / "p.csv", predictions(**predicted)), write(tmp_path / "t.csv", truth(**true)))
    assert "\n" not in str(caught.value)


def test_options_that_name_nothing(tmp_path: Path) -> None:
    predicted, true = write(tmp_path / "p.csv", predictions()), write(tmp_path / "t.csv", truth())
    with pytest.raises(UsageError, match="--by shoe_size: neither"):
        match_tables(predicted, true, by=["shoe_size"])
    with pytest.raises(UsageError, match="--only spine_syrinx"):
        match_tables(predicted, true, only=[OTHER])
    bad = {"study_uid": ["1.1"], "diagnosis": [DX], "subtlety": [4]}
    with pytest.raises(UsageError, match="row 1: expected 1, 2 or 3"):
        match_tables(predicted, true, lesions=write(tmp_path / "l.csv", bad))
    with pytest.raises(UsageError, match="no lesion belongs"):
        match_tables(predicted, true, lesions=write(tmp_path / "l.csv", bad | {"study_uid": ["5"], "subtlety": [2]}))
    strangers = write(tmp_path / "other.csv", predictions(study_uid=["a", "b", "c", "d"]))
    with pytest.raises(UsageError, match="none of its studies"):
        match_tables(predicted, true, against=strangers)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    true = write(tmp_path / "t.csv", truth())
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(UnreadableError, match="not a readable parquet table"):
        match_tables(tmp_path / "broken.parquet", true)
    with pytest.raises(UnreadableError, match="no such file"):
        match_tables(tmp_path / "absent.csv", true)
    with pytest.raises(UsageError, match="expected a table as"):
        match_tables(tmp_path / "table.xlsx", true)
