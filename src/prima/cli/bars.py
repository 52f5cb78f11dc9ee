"""Progress bars of `prima predict`: one for each step, with how far it is."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.text import Text


def step_bars(console: Console, *, hidden: bool) -> Progress:
    """Bars that vanish at the end; each task has a `unit`."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        CountColumn(),
        console=console,
        transient=True,
        disable=hidden,
    )


class CountColumn(ProgressColumn):
    """How far a step is: `120/2300 tokens`, or `120 files` where the end is not known."""

    def render(self, task: Task) -> Text:
        unit = task.fields["unit"]
        if not unit:
            return Text("")
        of = f"/{task.total:.0f}" if task.total else ""
        return Text(f"{task.completed:.0f}{of} {unit}", style="progress.percentage")
