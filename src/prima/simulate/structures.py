"""Structures drawn as solids in template space, after the layers: each takes the place of what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prima.simulate.case import Case

if TYPE_CHECKING:
    from prima.simulate.head import Head


def model_structures(head: Head, case: Case) -> None:
    """Draw them all."""
