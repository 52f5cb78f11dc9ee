"""What is not installed is asked for by name, and every extra that a message names exists."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from prima.errors import MissingDependencyError
from prima.files.optional import Extra, require

ROOT = Path(__file__).resolve().parents[2]


def test_every_extra_is_one_of_the_distribution() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(get_args(Extra)) <= extras.keys()
    assert set(get_args(Extra)) >= extras.keys() - {"all", "dev", "docs"}


@pytest.mark.parametrize(
    ("module", "options", "line"),
    [
        ("absent_one", {}, "the test needs absent_one: pip install absent_one"),
        ("absent_one.part", {"extra": "ray"}, r"the test needs absent_one: pip install 'openprima\[ray\]'"),
        ("json.absent_one", {"package": "other"}, "the test needs other: pip install other"),
    ],
)
def test_what_is_missing_and_how_to_get_it(module: str, options: dict[str, str], line: str) -> None:
    with pytest.raises(MissingDependencyError, match=f"^{line}$"):
        require(module, "the test", **options)  # type: ignore[arg-type]


def test_a_package_that_is_there_and_broken_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "half_there.py").write_text("import no_such_thing")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        MissingDependencyError, match=r"cannot be imported \(No module named 'no_such_thing'\): pip inst"
    ):
        require("half_there", "the test")
    assert "half_there" not in sys.modules
