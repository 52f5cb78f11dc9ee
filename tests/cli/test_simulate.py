"""Wrong wishes to `prima simulate` are one line and status 2, and leave nothing behind; --describe makes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from prima.cli.main import run

SYRINX = ["--only", "spine_syrinx"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-n", "0"], "0 studies"),
        (["-n", "-2"], "-2 studies"),
        (["-n", "many"], "valid int"),
        ([], "-n"),
        (["-n", "1", "--only", "gout"], "gout"),
        (["-n", "1", "--only", "normal"], "not a diagnosis"),
        (["-n", "1", "--normal", *SYRINX], "contradict"),
        (["-n", "1", "--normal", "--subtlety", "1"], "subtlety"),
        (["-n", "1", "--normal", "--bias", "rural=yes"], "bias"),
        (["-n", "1", *SYRINX, "--subtlety", "9"], "subtlety 9"),
        (["-n", "1", *SYRINX, "--subtlety", "2", "--bias", "sex=F"], "contradicts"),
        (["-n", "1", "--bias", "height=tall"], "expected one of"),
        (["-n", "1", "--bias", "sex=F:2"], "strength"),
        (["-n", "1", "--spacing", "3"], "--spacing"),
        (["-n", "1", "--scanner", "tricorder"], "unknown"),
        (["-n", "1", "--days", "0"], "0 days"),
        (["-n", "1", "--days", "-5"], "-5 days"),
        (["-n", "1", "--days", "99999999999"], "days"),
        (["-n", "1", "--start", "2024-02-30"], "2024-02-30"),
        (["-n", "1", "--start", "yesterday"], "yesterday"),
        (["-n", "1", "--start", "9999-12-31"], "9999-12-31"),
        (["-n", "1", "--drift", "2031-01-01"], "outside the plan"),
        (["-n", "1", "--drift", "2024-06-01", "--scanner", "avanto_1"], "contradict"),
        (["-n", "1", "--negatives", "-1"], "--negatives"),
        (["-n", "1", "--workers", "0"], "--workers"),
        (["-n", "1", "--writers", "me"], "--writers"),
    ],
)
@pytest.mark.parametrize("describe", [[], ["--describe"]])
def test_wrong_wishes_are_wrong_usage(
    words: list[str], says: str, describe: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["simulate", str(tmp_path / "out"), *words, *describe]) == 2
    output = capsys.readouterr()
    assert says in output.err
    assert output.out == ""
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_wrong_usage_and_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert run(["simulate", str(tmp_path), "-n", "1"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"prima: {tmp_path}: found files of something else")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_describe_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["-n", "40", "--negatives", "20", "--drift", "2024-03-01", "--describe"]
    assert run(["simulate", str(tmp_path / "out"), *words]) == 0
    output = capsys.readouterr().out
    assert "normal" in output
    assert "Negatives" in output
    assert "from 2024-03-01" in output
    assert not (tmp_path / "out").exists()
