"""What `prima predict` shows: bars and a short list on a terminal, one line a study elsewhere."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from prima.cli.live import Live
from prima.cli.main import run
from prima.predict.run import Outcome, Progress
from prima.study import Finding, Findings, Priority, ReleaseStamp
from prima.study.findings import SeriesEntry


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def findings(status: str = "done") -> Findings:
    scores = {"glioma": 2.0, "stroke": -1.0, "edema": 0.5, **{f"other_{number}": 0.01 for number in range(9)}}
    return Findings(
        study_uid="1.2.3",
        description=None,
        status=status,  # type: ignore[arg-type]
        reason=None,
        release=ReleaseStamp(name="r", sha256="0" * 64, trained=False, calibrated=False, mode="image"),
        series=(),
        diagnoses=tuple(
            Finding(name=name, display=f"Of {name}", logit=logit, present=logit > 0) for name, logit in scores.items()
        ),
        priority=Priority(level="high", logits={"high": 1.0}),
        timings_s={"total": 4.25},
    )


def show(as_json: bool = False) -> None:
    with Live(as_json=as_json) as live:
        live.on_progress(Progress(step="read", where="a/study", completed=31))
        live.on_progress(Progress(step="encode", where="a/study", completed=120, total=2300))
        live.bars.progress.refresh()
        live.show(Outcome(status="done", where=Path("a/study"), findings=findings(), folder=Path("out/1.2.3")))
        live.show(Outcome(status="failed", where=Path("b"), message="cannot be read: No such file or directory"))
    live.close()


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make stdout and stderr one terminal; called in the test itself, since pytest sets both anew between phases."""
    stream = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show()
    output = capsys.readouterr()
    assert output.out == (
        "done     a/study: 0 of 0 series used, priority high, 4.2 s (untrained release: the numbers mean nothing); "
        "report: out/1.2.3/report.html\n"
    )
    assert output.err == "failed   b: cannot be read: No such file or directory\n1 done, 1 failed\n"


@pytest.mark.parametrize(
    ("statuses", "ends"),
    [(["unanswered"], 0), (["done", "unanswered"], 0), (["done"], 0), (["unanswered", "refused"], 1), (["refused"], 3)],
)
def test_a_study_that_was_read_and_not_answered_is_an_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], statuses: list[str], ends: int
) -> None:
    """Named with its reason, its input and its report; the exit status is that of a study that is done."""
    reason = "unlike the studies this release has seen: no findings are given"

    def predict_studies(*_: object) -> Iterator[Outcome]:
        for status in statuses:
            message = None if status == "done" else reason
            made = replace(findings(status), reason=message, input="a/study")
            yield Outcome(
                status=made.status, where=Path("a/study"), message=message, findings=made, folder=Path("out/1")
            )

    monkeypatch.setattr("prima.predict.run.predict_studies", predict_studies)
    assert run(["predict", "a/study", "--out", str(tmp_path)]) == ends
    problems = capsys.readouterr().err
    assert (f"unanswered a/study: {reason}; report: out/1/report.html\n" in problems) == ("unanswered" in statuses)
    assert ("1 done, 1 unanswered" in problems) == (statuses == ["done", "unanswered"])


def test_bars_and_ranked_findings_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = terminal(monkeypatch)
    show()
    text = stream.getvalue()
    assert "encoding a/study" in text
    assert "120/2300 tokens" in text
    assert "31 files" in text
    assert text.index("Of glioma") < text.index("Of edema") < text.index("and 6 more flagged")
    assert "Of stroke" not in text
    assert "out/1.2.3/report.html" in text


def test_a_call_of_several_says_which_study_of_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = terminal(monkeypatch)
    with Live(as_json=False) as live:
        live.on_progress(Progress(step="found", where="a", total=3))
        live.bars.progress.refresh()
        assert "study 1 of 3" in stream.getvalue()
        live.show(Outcome(status="done", where=Path("a"), findings=findings(), folder=Path("out/1.2.3")))
        live.bars.progress.refresh()
    assert "study 2 of 3" in stream.getvalue()
    assert re.search(r"(\d+:\d\d|--:--)\S* left", stream.getvalue().split("study 2 of 3")[1])


def test_a_single_study_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = terminal(monkeypatch)
    with Live(as_json=False) as live:
        live.on_progress(Progress(step="found", where="a", total=1))
        live.bars.progress.refresh()
    assert "study 1" not in stream.getvalue()


@pytest.mark.parametrize(("option", "lines"), [({"quiet": True}, 1), ({}, 3), ({"verbose": True}, 5)])
def test_quiet_says_what_went_wrong_and_verbose_each_series(
    capsys: pytest.CaptureFixture[str], option: dict[str, bool], lines: int
) -> None:
    series = SeriesEntry(
        series_uid="1.2.3.1", number=1, description="JANE DOE", part=None, status="used", reason=None, detail=None,
        num_slices=20, num_tokens=9, num_foreground=9,
    )  # fmt: skip
    localizer = replace(series, status="excluded", reason="localizer")
    made = replace(findings(), series=(series, localizer))
    with Live(as_json=False, **option) as live:
        live.show(Outcome(status="done", where=Path("a"), findings=made, folder=Path("out/1.2.3")))
        live.show(Outcome(status="failed", where=Path("b"), message="cannot be read"))
    live.close()
    output = capsys.readouterr()
    shown = output.out + output.err
    assert len(shown.splitlines()) == lines
    assert "failed   b: cannot be read" in shown
    assert ("series 2 of 2: excluded, localizer" in shown) == ("verbose" in option)
    assert "JANE" not in shown


def test_json_on_a_terminal_is_json_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = terminal(monkeypatch)
    problems = io.StringIO()
    monkeypatch.setattr(sys, "stderr", problems)
    show(as_json=True)
    (line,) = stream.getvalue().splitlines()
    assert line.startswith('{"schema": ')
    assert problems.getvalue() == "failed   b: cannot be read: No such file or directory\n"
