"""Who is told how far long work is; a terminal, a service or nobody."""

from __future__ import annotations

from typing import Protocol


class Watcher(Protocol):
    """Is told of progress and of what a user should know; a call returns at once."""

    def warn(self, text: str) -> None:
        """One line that a user should read."""
        ...

    def count(self, task: str, done: int, total: int | None) -> None:
        """So many of how many are done; the total is None while it is not known."""
        ...


class Nobody:
    """A watcher that looks away."""

    def warn(self, text: str) -> None:
        """Nothing happens."""

    def count(self, task: str, done: int, total: int | None) -> None:
        """Nothing happens."""


NOBODY = Nobody()


def warn_of_few(watcher: Watcher, lines: list[str], *, most: int, ending: str = "") -> None:
    """Tell the first lines, and how many more there are."""
    for line in lines[:most]:
        watcher.warn(line)
    if len(lines) > most:
        watcher.warn(f"and {len(lines) - most} more{ending}")
