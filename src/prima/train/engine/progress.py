"""What a run shows while it trains: one live line on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

SECONDS_BETWEEN_LINES = 15.0
SHOWN_MEASURES = ("loss", "retrieval@1", "retrieval@5")


class TrainingProgress:
    """Shows steps on stderr; the first rank's alone.

    Args:
        num_steps: of the whole run.
        first_step: updates already made.
        shown: whether to show anything.
    """

    def __init__(self, *, num_steps: int, first_step: int, shown: bool) -> None:
        self.num_steps = num_steps
        self.shown = shown
        self._first_step = first_step
        self._start = time.monotonic()
        self._last_line = self._start
        self._measured: dict[str, float] = {}
        self._bars = _bars() if shown and sys.stderr.isatty() else None
        self._row = None if self._bars is None else self._bars.add_task("starting", total=num_steps)

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def on_step(self, line: Mapping[str, Any]) -> None:
        """Show a step, given its line of the journal."""
        if not self.shown:
            return
        step = int(line["step"])
        left = (time.monotonic() - self._start) / max(step - self._first_step, 1) * (self.num_steps - step)
        words = describe(line, self._measured, seconds_left=left)
        if self._bars is not None:
            self._bars.update(self._row, completed=step, description=words)
        elif time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES or step == self.num_steps:
            self._last_line = time.monotonic()
            self.say(f"step {step}/{self.num_steps} {words}")

    def on_measure(self, step: int, values: Mapping[str, float]) -> None:
        """Show what was measured on the validation studies."""
        self._measured = {name: values[name] for name in SHOWN_MEASURES if name in values}
        if self.shown:
            self.say(f"step {step}: " + ", ".join(f"{name} {value:.4g}" for name, value in values.items()))

    def say(self, text: str) -> None:
        """A line of its own."""
        if self._bars is not None:
            self._bars.console.print(text, markup=False, highlight=False)
        elif self.shown:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()


def describe(line: Mapping[str, Any], measured: Mapping[str, float], *, seconds_left: float) -> str:
    """One step in words.

    Example:
        >>> line = {"loss": 2.5, "tokens_per_second": 5300.4, "mfu": 0.314, "idle": 0.02}
        >>> describe(line, {"retrieval@1": 0.25}, seconds_left=3700)
        'loss 2.5 · 5,300 tokens/s · MFU 31 % · idle 2 % · retrieval@1 0.25 · 1:01:40 left'
    """
    words = [f"loss {line['loss']:.4g}", f"{line['tokens_per_second']:,.0f} tokens/s"]
    if line.get("mfu") is not None:
        words.append(f"MFU {line['mfu']:.0%}".replace("%", " %"))
    words.append(f"idle {line['idle']:.0%}".replace("%", " %"))
    words += [f"{'validation loss' if name == 'loss' else name} {value:.3g}" for name, value in measured.items()]
    minutes, seconds = divmod(int(seconds_left), 60)
    return " · ".join([*words, f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d} left"])


def _bars() -> Any:
    with suppress(ImportError):  # a bare GPU machine may lack it
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        return Progress(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False),
            console=Console(stderr=True),
            transient=True,
        )
    return None
