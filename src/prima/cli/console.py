"""What verbs put on a terminal: bars and warnings on stderr, one outcome on stdout, the exit status."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import typer
from rich.console import Console
from rich.progress import Progress, TaskID

NUM_NAMED = 20


class Terminal:
    """A `workflow.watcher.Watcher` that draws bars and prints warnings, by one process of a run.

    Args:
        silent: for the other ranks of a distributed run.
    """

    def __init__(self, *, silent: bool = False) -> None:
        self.silent = silent
        self.err = Console(stderr=True, highlight=False, soft_wrap=True)
        self._bars = Progress(console=self.err, transient=True, disable=silent or not self.err.is_terminal)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def warn(self, text: str) -> None:
        """A line on stderr."""
        if not self.silent:
            self.err.print(text, style="yellow", markup=False)

    def count(self, task: str, done: int, total: int | None) -> None:
        """A bar for each kind of work."""
        if task not in self._tasks:
            self._tasks[task] = self._bars.add_task(task, total=total)
        self._bars.update(self._tasks[task], completed=done, total=total)


def name_few(err: Console, lines: Sequence[str], *, more: str = "") -> None:
    """The first lines, and how many there are beyond them."""
    for line in lines[:NUM_NAMED]:
        err.print(line, markup=False)
    if len(lines) > NUM_NAMED:
        err.print(f"and {len(lines) - NUM_NAMED} more{more}")


def printable(text: str) -> str:
    """The text without anything a terminal would obey.

    Example:
        >>> printable("red\\x1b[31m")
        'red [31m'
    """
    return "".join(letter if letter.isprintable() else " " for letter in text)


def shortened(text: str, length: int = 40) -> str:
    """The text, or its end when it is long.

    Example:
        >>> shortened("a/long/path", 5)
        '…path'
    """
    return text if len(text) <= length else f"…{text[1 - length :]}"


def warn_plainly(line: str) -> None:
    """A line on stderr as it is, whose escapes a terminal would obey made visible."""
    print(printable(line), file=sys.stderr)  # noqa: T201


def say(words: str, values: Mapping[str, Any], *, as_json: bool) -> None:
    """The outcome on stdout, in words or as one JSON object."""
    typer.echo(json.dumps(values) if as_json else words)


def leave(done: int, left_out: int) -> None:
    """End with status 3 when nothing was done, with 1 when something was left out.

    Raises:
        typer.Exit: in either case.
    """
    if not done:
        raise typer.Exit(3)
    if left_out:
        raise typer.Exit(1)
