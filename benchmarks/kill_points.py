"""kill -9 at many points of ingest, deidentify, label, curate and tokenize: nothing lost, doubled or half.

    python benchmarks/kill_points.py --scratch SCRATCH [--points 60] [--studies 6] [--result FILE]

A simulated hospital goes through the five verbs once undisturbed. Then, verb by verb, the same command is begun and
ended with SIGKILL at a random moment between its start and a little after the time it took undisturbed, as often as
its share of the points, and at last left to finish. Instances byte by byte, and the rows of every table that another
verb reads, must be those of the undisturbed run, and nothing may be left over.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import polars as pl

from prima.archive.store.layout import Archive
from prima.archive.store.schema import TABLES
from prima.archive.store.tables import scan

PRIMA = [sys.executable, "-m", "prima"]
# Of a row these tell the moment or the history of writing, not what was found.
HISTORY = ("revision", "received_at")


def main() -> None:
    """Kill, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--points", type=int, default=60)
    parser.add_argument("--studies", type=int, default=6)
    parser.add_argument("--result", type=Path)
    options = parser.parse_args()
    scratch: Path = options.scratch
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    run([*PRIMA, "simulate", str(scratch / "hospital"), "-n", str(options.studies), "--seed", "7"])
    key = scratch / "key"
    took: dict[str, float] = {}
    for verb in VERBS:
        begun = time.monotonic()
        run(command(verb, scratch, scratch / "whole", make_key=not key.exists()))
        took[verb] = time.monotonic() - begun
    chance = random.Random(1)
    rows = []
    for index, verb in enumerate(VERBS):
        points = options.points // len(VERBS) + (index < options.points % len(VERBS))
        hit = sum(
            killed(command(verb, scratch, scratch / "killed"), chance.uniform(0, 1.1 * took[verb]))
            for _ in range(points)
        )
        run(command(verb, scratch, scratch / "killed"))
        differences = compare(scratch / "whole", scratch / "killed")
        rows.append(f"| {verb} | {points} | {hit} | {took[verb]:.1f} | {', '.join(differences) or 'none'} |")
        if differences:
            raise SystemExit("\n".join(rows))
    lines = [
        f"# {date.today()}: kill -9 at {options.points} points",
        "",
        f"- {options.studies} simulated studies; Python {platform.python_version()}; load {os.getloadavg()[0]:.1f}",
        f"- `python benchmarks/kill_points.py --points {options.points} --studies {options.studies}`",
        "",
        "| verb | commands to be killed | still at work when they were | s undisturbed | differences at the end |",
        "|---|---:|---:|---:|---|",
        *rows,
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    if options.result:
        options.result.write_text(text, encoding="utf-8")


VERBS = ("ingest", "deidentify", "label", "curate", "tokenize")


def command(verb: str, scratch: Path, folder: Path, *, make_key: bool = False) -> list[str]:
    """The command line of a verb over the archive `folder`/a, whose copy without identities is `folder`/b."""
    archive, clean = str(folder / "a"), str(folder / "b")
    folder.mkdir(exist_ok=True)
    if verb == "ingest":
        hospital = scratch / "hospital"
        return [*PRIMA, verb, str(hospital / "studies"), str(hospital / "reports"), archive]
    if verb == "deidentify":
        key = ["--key", str(scratch / "key"), *(["--make-key"] if make_key else [])]
        return [*PRIMA, verb, archive, clean, *key]
    return [*PRIMA, verb, clean]


def run(words: list[str]) -> None:
    """Run a command to its end; refused inputs are no failure here."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(words[2:4])} ended with status {done.returncode}: {done.stderr[-500:]}")


def killed(words: list[str], after_s: float) -> bool:
    """Begin a command, end it after some time, and say whether it was still at work."""
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(after_s)
    at_work = child.poll() is None
    child.send_signal(signal.SIGKILL)
    child.wait()
    return at_work


def compare(whole: Path, other: Path) -> list[str]:
    """What differs between two runs, by name; only what both verbs have made so far is looked at."""
    differences = []
    for name in ("a", "b"):
        if (other / name).exists():
            first, second = (contents(folder / name) for folder in (whole, other))
            differences += [f"{name}/{part}" for part in second if first.get(part) != second[part]]
    return differences


def contents(root: Path) -> dict[str, object]:
    """Instances by content, rows without history, and what is left over."""
    archive = Archive.open(root)
    found: dict[str, object] = {
        "instances": {str(path.relative_to(root)): path.read_bytes() for path in root.glob("instances/*/*/*/*")},
        "left over": [path.name for folder in (archive.incoming, archive.pending) for path in folder.glob("*")],
    }
    for name in TABLES:
        if name != "folders":
            found[name] = rows_of(scan(archive, name).collect())
    tables = ("cohort/cohort.parquet", "labels/labels.parquet", "labels/studies.parquet", "reports/reports.parquet")
    for path in (*(root / table for table in tables), *root.glob("tokens/*/tokens.parquet")):
        if path.exists():
            found[str(path.relative_to(root))] = rows_of(pl.read_parquet(path))
    for path in root.glob("tokens/*/*.safetensors"):
        found[str(path.relative_to(root))] = path.read_bytes()
    return found


def rows_of(frame: pl.DataFrame) -> list[str]:
    """Rows in an order of their own."""
    return sorted(map(repr, frame.drop(*HISTORY, strict=False).rows()))


if __name__ == "__main__":
    main()
