"""What `prima predict` shows while it works: bars on a terminal, plain lines elsewhere, JSON on request.

Results go to stdout, progress and problems to stderr. Where both are one terminal, everything goes through the console
that draws the bars, so that neither writes over the other.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from prima.cli.bars import StepBars
from prima.cli.console import printable
from prima.cli.findings_lines import highest_findings, series_lines, summary_of
from prima.predict.run import Outcome, Progress

COLOURS = {"done": "green", "unanswered": "yellow", "refused": "yellow", "failed": "red"}


class Live:
    """A terminal, file or pipe that shows outcomes as they come.

    Args:
        as_json: print one findings object a line on stdout, and nothing else there.
        quiet: neither bars nor lines of studies that are done; what went wrong is said.
        verbose: also what became of each series.
    """

    def __init__(self, *, as_json: bool, quiet: bool = False, verbose: bool = False) -> None:
        self.as_json, self.quiet, self.verbose = as_json, quiet, verbose
        self.err = Console(stderr=True, highlight=False, soft_wrap=True)
        self.on_terminal = self.err.is_terminal and sys.stdout.isatty() and not as_json
        self.out = self.err if self.on_terminal else Console(highlight=False, soft_wrap=True)
        self.counts: Counter[str] = Counter()
        self.bars = StepBars(self.err, hidden=quiet or not self.err.is_terminal or (as_json and sys.stdout.isatty()))

    def __enter__(self) -> Self:
        self.bars.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.progress.stop()

    def on_progress(self, progress: Progress) -> None:
        """Show what is happening now."""
        self.bars.show(progress)

    def show(self, outcome: Outcome) -> None:
        """Show how one study or input ended."""
        self.counts[outcome.status] += 1
        self.bars.end_study()
        if outcome.findings is not None and self.as_json:
            print(json.dumps(outcome.findings.to_dict(), allow_nan=False), flush=True)  # noqa: T201
        where = printable(str(outcome.where))
        if outcome.status != "done" or outcome.findings is None:
            report = f"; report: {printable(str(outcome.folder))}/report.html" if outcome.folder else ""
            line = f"{outcome.status:8} {where}: {printable(outcome.message or '')}{report}"
            self.err.print(Text(line, style=COLOURS[outcome.status]))
        elif not self.as_json and not self.quiet:
            report = f"{printable(str(outcome.folder))}/report.html"
            summary = summary_of(outcome.findings)
            if self.on_terminal:
                self.out.print(Text.assemble(("done     ", "green"), (where, "bold"), f": {summary}"))
                self.out.print(Padding(highest_findings(outcome.findings), (0, 0, 0, 9)), soft_wrap=False)
                self.out.print(Text.assemble((" " * 9 + "report  ", "dim"), report))
            else:
                self.out.print(Text(f"done     {where}: {summary}; report: {report}"))

        if self.verbose and outcome.findings is not None:
            for line in series_lines(outcome.findings):
                self.err.print(Text(line, style="dim"))

    def say(self, line: str) -> None:
        """One plain line that is no result."""
        self.err.print(Text(printable(line)))

    def close(self) -> None:
        """The last line: how many ended how."""
        if not self.as_json and not self.quiet and self.counts.total() > 1:
            self.err.print(", ".join(f"{self.counts[word]} {word}" for word in COLOURS if self.counts[word]))
