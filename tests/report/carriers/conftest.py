"""What a carrier's bytes give: reports, or problems."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from prima.report.carriers.files import read_reports
from prima.report.report import Problem, Report

CASES = Path(__file__).parent.parent / "cases"


@pytest.fixture
def case() -> Callable[..., list[Report | Problem]]:
    """Reads a case of `tests/report/cases`."""

    def read(name: str, *, day_first: bool | None = None) -> list[Report | Problem]:
        return list(read_reports([CASES / name], day_first=day_first))

    return read


@pytest.fixture
def labels() -> Callable[[str], dict[str, str]]:
    """Short name of a diagnosis → assertion, as the rules read a text."""
    from prima.report.label import RuleLabeller

    labeller = RuleLabeller()
    return lambda text: {name: label.assertion for name, label in labeller.label(text).labels.items()}
