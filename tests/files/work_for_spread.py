"""Work that tests hand to other processes, which must be able to import it."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from prima.errors import UnreadableError


def squares(batch: Sequence[int]) -> list[int]:
    """The squares of numbers."""
    return [number**2 for number in batch]


@dataclass(frozen=True)
class DeadlySquares:
    """Ends its process at a number, as a broken decoder does."""

    deadly: int
    caller: int

    def __call__(self, batch: Sequence[int]) -> list[int]:
        for number in batch:
            if number == self.deadly and os.getpid() != self.caller:
                os.kill(os.getpid(), signal.SIGKILL)
        return squares(batch)


def complain(batch: Sequence[int]) -> list[int]:
    """Raises what a reader raises."""
    raise UnreadableError(f"found {len(batch)} numbers")


def die(batch: Sequence[int]) -> list[int]:
    """Ends its process whatever it is given."""
    os.kill(os.getpid(), signal.SIGKILL)
    return squares(batch)
