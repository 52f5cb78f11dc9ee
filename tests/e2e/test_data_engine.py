"""The whole data engine as one script: what comes out, and that kill -9 at any point changes nothing of it."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from prima.archive.store.layout import Archive
from prima.archive.store.tables import scan
from prima.tokens.store import TokenStore

SCRIPT = Path(__file__).resolve().parents[2] / "runs" / "data_engine.sh"
STAGES = ("ingest", "deidentify", "label", "curate", "tokenize")
NUM_STUDIES = 5
# What says when something was done, or where, and so differs between two runs.
OF_THE_RUN = ("revision", "received_at", "source")


def start(out: Path, hospital: Path | None = None) -> subprocess.Popen[str]:
    """The script in a process group of its own."""
    environment = os.environ | {"PRIMA": str(Path(sys.executable).with_name("prima"))}
    if hospital is not None:
        environment["HOSPITAL"] = str(hospital)
    workers = "2" if hospital is None else "1"  # a process more at each of many starts takes longer than it saves
    command = ["bash", str(SCRIPT), str(out), str(NUM_STUDIES), "2", workers]
    with (out.parent / f"{out.name}.stderr").open("a") as errors:
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment, start_new_session=True
        )


def stages(process: subprocess.Popen[str]) -> Iterator[tuple[str, float]]:
    """The stages as they begin, and when; the end is one too."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("== "):
            yield line.split()[1], time.monotonic()
    yield "end", time.monotonic()


def run_through(out: Path, hospital: Path | None = None) -> dict[str, float]:
    """Run the script to its end: seconds of each stage."""
    with start(out, hospital) as process:
        begun = list(stages(process))
    assert process.returncode == 0, (out.parent / f"{out.name}.stderr").read_text()
    return {name: after - at for (name, at), (_, after) in pairwise(begun)}


@dataclass(frozen=True)
class Hospital:
    """The simulated export, and what the script made of it."""

    out: Path

    @property
    def export(self) -> Path:
        return self.out / "hospital"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Hospital:
    """The script, run once from nothing."""
    out = tmp_path_factory.mktemp("engine") / "out"
    run_through(out)
    return Hospital(out)


def rows(archive: Archive, name: str) -> list[dict[str, Any]]:
    table = scan(archive, name).drop(OF_THE_RUN, strict=False).collect()
    return table.sort(pl.all()).rows(named=True)


def test_from_an_export_to_tokens(made: Hospital) -> None:
    with_identities, clean = (Archive.open(made.out / name) for name in ("archive", "clean"))
    assert clean.deidentified
    assert not with_identities.deidentified
    assert len(rows(with_identities, "studies")) == len(rows(clean, "studies")) == NUM_STUDIES + 1
    cohort = pl.read_parquet(clean.cohort / "cohort.parquet")
    assert cohort.height == NUM_STUDIES + 1
    included = cohort.filter(status="included")
    assert included.height >= NUM_STUDIES - 1
    assert set(included["split"]) == {"train", "test"} or set(included["split"]) == {"train", "validation", "test"}
    assert cohort.filter(status="excluded")["reason"].null_count() == 0
    (folder,) = (clean.root / "tokens").iterdir()
    store = TokenStore(folder)
    assert set(store.study_uids) == set(included["study_uid"])
    tokens = pl.read_parquet(folder / "tokens.parquet").filter(status="used")
    assert tokens["num_tokens"].sum() == store.num_tokens


def test_no_identity_is_left(made: Hospital) -> None:
    before = Archive.open(made.out / "archive")
    identities = {str(row[name]).encode() for row in rows(before, "studies") for name in ("patient_id", "study_uid")}
    assert len(identities) > NUM_STUDIES
    for path in (made.out / "clean").rglob("*"):
        content = path.read_bytes() if path.is_file() and path.suffix != ".parquet" else b""
        assert not [one for one in identities if one in content or one in str(path).encode()], path


def small_export(made: Hospital, folder: Path) -> Path:
    """All studies but one with their three shortest series each, so that ten kills take a minute."""
    for kind, number in (("studies", NUM_STUDIES - 1), ("negatives", 1)):
        for study in sorted((made.export / kind).iterdir())[:number]:
            series: dict[str, list[Path]] = defaultdict(list)
            for path in sorted(study.rglob("*.dcm")):
                series[path.parent.name].append(path)
            for name in sorted(series, key=lambda name: (len(series[name]) < 12, len(series[name])))[:3]:
                place = folder / kind / study.name / name
                place.mkdir(parents=True)
                for path in series[name]:
                    os.link(path, place / path.name)
    shutil.copytree(made.export / "reports", folder / "reports")
    return folder


def contents(out: Path) -> dict[str, Any]:
    """Everything that two runs from the same export must share; the order of a table's rows is none of it."""
    found: dict[str, Any] = {}
    for name in ("archive", "clean"):
        archive = Archive.open(out / name)
        for table in ("studies", "series", "reports", "exclusions"):
            found[f"{name} {table}"] = rows(archive, table)
        for path in sorted(archive.root.rglob("*")):
            place = path.relative_to(out)
            if path.is_dir() or place.parts[1] == "catalogue" or path.name in {".lock", "archive.json", "flow.json"}:
                continue
            if path.suffix == ".parquet":
                table = pl.read_parquet(path).drop(OF_THE_RUN, strict=False)
                found[str(place)] = sorted(map(repr, table.iter_rows()))
            elif ".deidentify" not in place.parts:
                found[str(place)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def test_kill_9_at_ten_points_loses_and_doubles_nothing(made: Hospital, tmp_path: Path) -> None:
    hospital = small_export(made, tmp_path / "hospital")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    seconds = run_through(whole, hospital)
    assert list(seconds) == list(STAGES)
    assert pl.read_parquet(whole / "clean" / "cohort" / "cohort.parquet").filter(status="included").height >= 3
    broken.mkdir()
    shutil.copy(whole / "site.key", broken)
    draw = random.Random(4)
    for stage in (stage for stage in STAGES for _ in (1, 2)):
        kill_in(stage, draw.random() * seconds[stage], broken, hospital)
    run_through(broken, hospital)
    expected, found = contents(whole), contents(broken)
    assert sorted(found) == sorted(expected)
    assert [name for name in expected if found[name] != expected[name]] == []


def kill_in(stage: str, after_s: float, out: Path, hospital: Path) -> None:
    """Run until some time into a stage, then end every process at once, as a loss of power would.

    What was done by runs before makes a stage shorter, so one that is over too soon is begun again and ended earlier.
    """
    while True:
        with start(out, hospital) as process:
            for name, _ in stages(process):
                if name in {stage, "end"}:
                    break
            time.sleep(after_s)
            if name != "end" and process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                return
        after_s /= 2
