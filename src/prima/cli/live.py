"""What `prima predict` shows while it works: a progress bar on a terminal, plain lines elsewhere, JSON on request.

Results go to stdout, progress and problems to stderr.
"""

from __future__ import annotations

import json
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from prima.predict.run import Outcome, Progress

STEPS = {"hash": "checking", "read": "reading", "encode": "computing", "done": "done"}


class Live:
    """A terminal that shows outcomes as they come.

    Args:
        as_json: print one findings object a line on stdout, and nothing else there.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.out = Console(highlight=False, soft_wrap=True)
        self.err = Console(stderr=True, highlight=False, soft_wrap=True)
        self.bar = Bar(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=self.err,
            transient=True,
            disable=not self.err.is_terminal,
        )
        self.task = self.bar.add_task("starting", total=None)

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def on_progress(self, progress: Progress) -> None:
        """Show what is happening now."""
        count = f" ({progress.completed} files)" if progress.completed else ""
        share = f" {progress.completed} of {progress.total} tokens" if progress.total else count
        self.bar.update(self.task, description=f"{STEPS[progress.step]} {printable(progress.where)}{share}")

    def show(self, outcome: Outcome) -> None:
        """Show how one study or input ended."""
        if outcome.findings is not None and self.as_json:
            print(json.dumps(outcome.findings.to_json(), allow_nan=False), flush=True)  # noqa: T201
        if outcome.status == "done" and outcome.findings is not None:
            if not self.as_json:
                self._done(outcome)
        else:
            word = "refused" if outcome.status == "refused" else "failed "
            where = outcome.findings.study_uid if outcome.findings else outcome.where
            line = f"{word}  {printable(str(where))}: {printable(outcome.message or '')}"
            self.err.print(Text(line, style="yellow" if outcome.status == "refused" else "red"))

    def _done(self, outcome: Outcome) -> None:
        assert outcome.findings is not None
        findings = outcome.findings
        used = sum(entry.status == "used" for entry in findings.series)
        priority = f", priority {findings.priority.level}" if findings.priority else ""
        untrained = "" if findings.release.trained else "  (untrained release: the numbers mean nothing)"
        seconds = findings.timings_s["total"]
        self.out.print(Text.assemble(("done", "green"), f"     {findings.study_uid}: {used} of {len(findings.series)} "
                                     f"series used{priority}, {seconds:.1f} s{untrained}"))  # fmt: skip
        self.out.print(Text(f"         {outcome.folder}/report.html", style="dim"))

    def close(self, counts: dict[str, int]) -> None:
        """The last line: how many ended how."""
        if not self.as_json and sum(counts.values()) > 1:
            self.err.print(", ".join(f"{number} {word}" for word, number in counts.items() if number))


def printable(text: str) -> str:
    """The text without anything a terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
