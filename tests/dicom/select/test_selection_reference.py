"""The reference page of selection lists what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from prima.dicom.select import select
from prima.study import Reason

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "selection.md"


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_listed(reason: Reason) -> None:
    assert f"| `{reason}` |" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "sentence",
    [
        f"fewer than {select.MIN_SLICES} distinct slice positions",
        f"{select.MIN_TENSOR_DIRECTIONS} or more gradient directions",
        f"{select.MIN_DYNAMIC_TIME_POINTS} or more time points",
        f"echo-planar series of {select.MIN_TIME_SERIES} or more time points",
        f"at most {select.MAX_FUNCTIONAL_MATRIX} × {select.MAX_FUNCTIONAL_MATRIX}",
        f"three planes of at most {select.MAX_LOCALIZER_SLICES[3]} images",
        f"two planes of at most {select.MAX_LOCALIZER_SLICES[2]}",
    ],
)
def test_numbers_are_those_of_the_code(sentence: str) -> None:
    assert sentence in " ".join(PAGE.read_text(encoding="utf-8").split())
