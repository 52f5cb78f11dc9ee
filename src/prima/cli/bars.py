"""Progress bars of `prima predict`: one for each step, with how far it is, and one over all studies of a call."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

from prima.cli.console import printable, shortened
from prima.predict.run import Progress

STUDIES = "studies"
STEPS = {"found": "", "start": "starting", "hash": "checking the release", "read": "reading", "encode": "encoding"}
UNITS = {"found": STUDIES, "read": "files", "encode": "tokens"}


class StepBars:
    """Bars that vanish at the end.

    Args:
        console: where they are drawn.
        hidden: draw nothing.
    """

    def __init__(self, console: Console, *, hidden: bool) -> None:
        columns = (BarColumn(bar_width=24), CountColumn(), TimeLeftColumn())
        text = TextColumn("{task.description}", markup=False)
        self.progress = Bars(SpinnerColumn(), text, *columns, console=console, transient=True, disable=hidden)
        self.tasks = {
            step: self.progress.add_task(words, total=None, visible=step == "start", unit=UNITS.get(step, ""))
            for step, words in STEPS.items()
        }
        self.num_ended = self.num_studies = 0

    def show(self, progress: Progress) -> None:
        """Show what is happening now; reading and encoding go on at the same time."""
        update = self.progress.update
        update(self.tasks["start"], visible=False)
        if progress.step == "found":
            self.num_studies = progress.total
            self._show_studies()
        elif progress.step == "done":
            update(self.tasks["encode"], visible=False)
        else:
            update(
                self.tasks[progress.step],
                description=f"{STEPS[progress.step]} {shortened(printable(progress.where))}",
                completed=progress.completed,
                total=progress.total or None,
                visible=not progress.total or progress.completed < progress.total,
            )
            if progress.step != "hash":
                update(self.tasks["hash"], visible=False)

    def end_study(self) -> None:
        """A study, or an input without any, has ended."""
        self.num_ended += 1
        self._show_studies()

    def _show_studies(self) -> None:
        num, ended = self.num_studies, self.num_ended
        words = f"study {min(ended + 1, num)} of {num}"
        self.progress.update(
            self.tasks["found"], description=words, completed=ended, total=num or None, visible=num > 1
        )


class TimeLeftColumn(TimeRemainingColumn):
    """Time left of the bar over all studies, once a study has ended."""

    def render(self, task: Task) -> Text:
        if task.fields["unit"] != STUDIES or not task.completed:
            return Text("")
        return Text.assemble(super().render(task), " left")


class CountColumn(ProgressColumn):
    """How far a step is: `120/2300 tokens`, or `120 files` where the end is not known."""

    def render(self, task: Task) -> Text:
        unit = task.fields["unit"]
        if unit in ("", STUDIES):
            return Text("")
        of = f"/{task.total:.0f}" if task.total else ""
        return Text(f"{task.completed:.0f}{of} {unit}", style="progress.percentage")
