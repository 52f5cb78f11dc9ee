"""Stages: done once, whatever happens between; the same bytes whoever does the work."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from prima.archive.stages.run import StageProgress, StageWorkers
from prima.archive.stages.stage import Row
from prima.errors import ArchiveError, PeerError, UsageError

from .squares import Squares, run

PROGRAM = Path(__file__).with_name("squares.py")
HERE = StageWorkers()


@pytest.fixture
def stage(tmp_path: Path) -> Squares:
    """Eight studies, 1 to 8."""
    numbers = tmp_path / "numbers"
    numbers.mkdir()
    for number in range(1, 9):
        (numbers / f"1.2.{number}").write_text(str(number))
    return Squares(numbers=numbers)


def journal(stage: Squares) -> list[str]:
    """The studies that were worked on since the last look."""
    path = stage.numbers / "journal"
    found = path.read_text().split() if path.exists() else []
    path.unlink(missing_ok=True)
    return found


def squares(rows: list[Row]) -> dict[str, str | None]:
    return {row["study_uid"]: row["square"] for row in rows}


def made(folder: Path) -> dict[str, bytes]:
    """Everything a stage leaves behind, but for its lock."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def program(stage: Squares, folder: Path, processes: int, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROGRAM), str(stage.numbers), str(folder), str(processes), *more]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_study_once_and_again_nothing(tmp_path: Path, stage: Squares) -> None:
    folder = tmp_path / "out"
    progress: list[StageProgress] = []
    rows = run(stage, folder, HERE, on_progress=progress.append)
    assert squares(rows) == {f"1.2.{number}": str(number**2) for number in range(1, 9)}
    assert [one.done for one in progress] == [0, 3, 6, 8]
    assert sorted(journal(stage)) == sorted(stage.inputs())
    before = made(folder)
    assert run(stage, folder, HERE) == rows
    assert journal(stage) == []
    assert made(folder) == before


def test_new_studies_make_new_partitions(tmp_path: Path, stage: Squares) -> None:
    folder = tmp_path / "out"
    run(stage, folder, HERE)
    before = made(folder)
    journal(stage)
    (stage.numbers / "1.2.0").write_text("10")
    rows = run(stage, folder, HERE)
    assert squares(rows)["1.2.0"] == "100"
    assert journal(stage) == ["1.2.0"]
    after = made(folder)
    assert {name: after[name] for name in before if name != "partitions.parquet"} == {
        name: content for name, content in before.items() if name != "partitions.parquet"
    }
    assert after["00000003.sum"] == b"10"


def test_a_changed_input_other_means_or_a_lost_file_are_done_again(tmp_path: Path, stage: Squares) -> None:
    folder = tmp_path / "out"
    run(stage, folder, HERE)
    journal(stage)
    (stage.numbers / "1.2.5").write_text("50")
    assert squares(run(stage, folder, HERE))["1.2.5"] == "2500"
    assert journal(stage) == ["1.2.4", "1.2.5", "1.2.6"]
    (folder / "00000002.sum").unlink()
    run(stage, folder, HERE)
    assert journal(stage) == ["1.2.7", "1.2.8"]
    other = Squares(numbers=stage.numbers, fingerprint="squares 2")
    assert {row["made_by"] for row in run(other, folder, HERE)} == {"squares 2"}
    assert len(journal(stage)) == 8


def test_a_study_that_is_no_longer_there_leaves_the_results(tmp_path: Path, stage: Squares) -> None:
    folder = tmp_path / "out"
    run(stage, folder, HERE)
    for name in ("1.2.1", "1.2.7", "1.2.8"):
        (stage.numbers / name).unlink()
    assert sorted(squares(run(stage, folder, HERE))) == ["1.2.2", "1.2.3", "1.2.4", "1.2.5", "1.2.6"]
    assert not (folder / "00000002.sum").exists()
    journal(stage)
    run(stage, folder, HERE)
    assert journal(stage) == []


def test_what_failed_is_kept_and_retried_on_request(tmp_path: Path, stage: Squares) -> None:
    (stage.numbers / "1.2.2").write_text("two")
    folder = tmp_path / "out"
    rows = run(stage, folder, HERE)
    assert [(row["study_uid"], row["reason"]) for row in rows if row["status"] == "failed"] == [("1.2.2", "no_number")]
    journal(stage)
    run(stage, folder, HERE)
    assert journal(stage) == []
    run(stage, folder, HERE, retry=True)
    assert journal(stage) == ["1.2.1", "1.2.2", "1.2.3"]


def test_a_dropped_row_is_an_error(tmp_path: Path, stage: Squares) -> None:
    (stage.numbers / "1.2.2").write_text("drop")
    with pytest.raises(RuntimeError, match="rows of 2 studies, expected 3"):
        run(stage, tmp_path / "out", HERE)


def test_a_full_disk_is_one_line_and_what_was_made_is_kept(tmp_path: Path, stage: Squares) -> None:
    (stage.numbers / "1.2.5").write_text("full")
    folder = tmp_path / "out"
    with pytest.raises(ArchiveError, match=r"no space left .* run it again"):
        run(stage, folder, HERE)
    assert sorted(path.name for path in folder.rglob("*.sum")) == ["00000000.sum"]
    assert list((folder / "staging").iterdir()) == []
    (stage.numbers / "1.2.5").write_text("5")
    assert len(run(stage, folder, HERE)) == 8


def test_one_at_a_time(tmp_path: Path, stage: Squares) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ArchiveError, match="being written"):
            run(stage, folder, HERE)


def test_a_process_that_dies_leaves_nothing_half_and_the_next_goes_on(tmp_path: Path, stage: Squares) -> None:
    (stage.numbers / "1.2.5").write_text("crash")
    folder = tmp_path / "out"
    assert program(stage, folder, 0).returncode == -9
    assert (folder / "staging" / "00000001.study").read_text() == "1.2.5"
    (stage.numbers / "1.2.5").write_text("5")
    journal(stage)
    rows = run(stage, folder, HERE)
    assert "1.2.1" not in journal(stage)
    whole = tmp_path / "whole"
    assert run(stage, whole, HERE) == rows
    assert made(whole) == made(folder)


@pytest.mark.parametrize("processes", [1, 2])
def test_processes_make_the_same_bytes_and_survive_a_crash(tmp_path: Path, stage: Squares, processes: int) -> None:
    run(stage, tmp_path / "here", HERE)
    done = program(stage, tmp_path / "processes", processes)
    assert done.returncode == 0, done.stderr
    assert made(tmp_path / "processes") == made(tmp_path / "here")
    (stage.numbers / "1.2.2").write_text("crash")
    (stage.numbers / "1.2.4").write_text("crash")
    crashed = program(stage, tmp_path / "crashed", processes)
    assert crashed.returncode == 0, crashed.stderr
    given_up = [line.split()[0] for line in crashed.stdout.splitlines() if line.endswith("given_up")]
    assert given_up == ["1.2.2", "1.2.4"]
    assert len(crashed.stdout.splitlines()) == 8


def test_workers_leave_with_the_process_that_began_them(tmp_path: Path, stage: Squares) -> None:
    os.mkfifo(stage.numbers / "1.2.9")  # whoever reads it waits
    command = [sys.executable, "-c", WAITING.format(tests=str(PROGRAM.parent), numbers=str(stage.numbers))]
    with subprocess.Popen([*command, str(tmp_path / "out")], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        worker = int(process.stdout.readline())
        assert Path(f"/proc/{worker}").exists()
        process.kill()
        process.wait()
        assert process.stdout.read() == ""  # the worker held the other end of it, and is gone


WAITING = """
import multiprocessing, sys, threading, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from squares import Squares
from prima.archive.stages.run import StageWorkers, run_stage

def tell():
    while not (Path(sys.argv[1]) / "staging" / "00000000.study").exists():
        time.sleep(0.01)
    print(multiprocessing.active_children()[0].pid, flush=True)

if __name__ == "__main__":
    threading.Thread(target=tell, daemon=True).start()
    stage = Squares(numbers=Path({numbers!r}))
    known = {{"1.2.9": ""}}
    run_stage(stage, "square", Path(sys.argv[1]), known, known, workers=StageWorkers(processes=1))
"""


@pytest.mark.parametrize(
    ("address", "error", "words"),
    [("nonsense", UsageError, "expected local, auto"), ("127.0.0.1:1", PeerError, "is the cluster's head running")],
)
def test_a_ray_that_is_not_there_is_one_line(
    tmp_path: Path, stage: Squares, address: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        run(stage, tmp_path / "out", StageWorkers(processes=None, ray=address))


def test_a_local_ray_listens_on_the_loopback_only(tmp_path: Path, stage: Squares) -> None:
    pytest.importorskip("ray")
    waiting = stage.numbers / "1.2.9"
    os.mkfifo(waiting)
    command = [sys.executable, str(PROGRAM), str(stage.numbers), str(tmp_path / "out"), "2", "--ray"]
    environment = os.environ | {"PRIMA_MARK": str(tmp_path)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        handle = os.open(waiting, os.O_WRONLY)  # the planner looks at its input and goes on; the worker waits
        os.write(handle, b"9")
        os.close(handle)
        note = tmp_path / "out" / "staging" / "00000002.study"
        while process.poll() is None and not (note.exists() and note.read_text() == "1.2.9"):
            time.sleep(0.05)
        listening = listening_of(f"PRIMA_MARK={tmp_path}")
        process.kill()
    assert len(listening) > 3
    assert [address for address in listening if address not in LOOPBACK] == []


LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


def listening_of(mark: str) -> list[str]:
    """Addresses, as /proc/net has them, on which processes that inherited a mark listen."""
    inodes = set()
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark.encode() in (place / "environ").read_bytes():
                links = [str(one.readlink()) for one in (place / "fd").iterdir()]
                inodes.update(link.removeprefix("socket:[").rstrip("]") for link in links)
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path("/proc/net", name).read_text().splitlines()[1:]]
    return [row[1].split(":")[0] for row in rows if row[3] == "0A" and row[9] in inodes]


def test_ray_makes_the_same_bytes(tmp_path: Path, stage: Squares) -> None:
    pytest.importorskip("ray")
    run(stage, tmp_path / "here", HERE)
    done = program(stage, tmp_path / "ray", 2, "--ray")
    assert done.returncode == 0, done.stderr
    assert made(tmp_path / "ray") == made(tmp_path / "here")


@pytest.mark.parametrize("damage", [b"", b"no table", None])
@pytest.mark.parametrize("place", ["parts/00000001.parquet", "partitions.parquet"])
def test_a_damaged_part_is_told_and_made_again(
    place: str, damage: bytes | None, tmp_path: Path, stage: Squares
) -> None:
    folder = tmp_path / "out"
    rows = run(stage, folder, HERE)
    before = made(folder)
    journal(stage)
    path = folder / place
    path.write_bytes(path.read_bytes()[:-20] if damage is None else damage)
    progress: list[StageProgress] = []
    assert run(stage, folder, HERE, on_progress=progress.append) == rows
    assert [one.damaged for one in progress if one.damaged] == [(place,)]
    assert sorted(journal(stage)) == (["1.2.4", "1.2.5", "1.2.6"] if place.startswith("parts") else [])
    if place.startswith("parts"):
        assert made(folder) == before
    again: list[StageProgress] = []
    run(stage, folder, HERE, on_progress=again.append)
    assert not any(one.damaged for one in again)
