"""Fixtures that many tests share."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

# Test processes share the cores. With as many threads each as there are cores, they wait for each other: three times
# the work for the same tests on two cores. Set before torch is imported; the commands that tests start inherit it.
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if WORKERS > 1:
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // WORKERS)))

# What simulates, trains, or starts commands and servers, the longest first. `make test` begins with it, so that no
# worker is left with a long file at the end; `make quick` leaves it out.
SLOW = (
    "e2e",
    "parity",
    "simulate",
    "workflow/simulated",
    "archive/stages",
    "archive/ingest",
    "test_docs_commands.py",
    "test_docs_python.py",
    "cli",
    "dicom/network",
    "dicom/deidentify",
    "train/engine/test_gloo.py",
    "train/engine/test_resume.py",
    "train/engine/test_gather.py",
    "dicom/test_real_data.py",
    "dicom/test_peer.py",
    "model/packaging",
    "model/gate",
    "fuzz",
)

# How long an example takes is the machine's affair.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@cache
def place_in_slow(path: Path) -> int:
    """Where SLOW has a test file, or the length of SLOW."""
    here = Path(__file__).resolve().parent
    return next((index for index, name in enumerate(SLOW) if path.is_relative_to(here / name)), len(SLOW))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow, and put it first; the tests of a file stay together and in order."""
    items.sort(key=lambda item: place_in_slow(item.path))
    for item in items:
        if place_in_slow(item.path) < len(SLOW):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared data: PRIMA_SHARED, or `shared` beside or inside the checkout.

    Skips where it is absent (a stranger's clone has none), and fails instead when PRIMA_REQUIRE_SHARED is 1.
    """
    checkout = Path(__file__).resolve().parents[1]
    told = os.environ.get("PRIMA_SHARED")
    places = [Path(told)] if told else [checkout.parent / "shared", checkout / "shared"]
    for place in places:
        if (place / "data").is_dir():
            return place
    message = "shared data is absent: set PRIMA_SHARED to the folder that holds data/real and data/golden"
    if os.environ.get("PRIMA_REQUIRE_SHARED") == "1":
        pytest.fail(message)
    pytest.skip(message)
