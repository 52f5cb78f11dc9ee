"""Both error rates of input gates, on made kinds and on folders of real series, before and after.

    python benchmarks/gate.py made WORK/test EARLIER LATER    views of runs/train_gate.py, a line for each subkind
    python benchmarks/gate.py real DATA EARLIER LATER    DATA holds real/, real_labelled/ and negatives/

A gate is a folder with gate.json and gate.safetensors. What must be used and what not: of real/ as its expected.csv
says (refused: what it calls `not_brain`, and every folder named NEGATIVE or PHANTOM), all of real_labelled/,
none of negatives/. The margin of a series is its probability of a brain less the threshold: the network admits what has
a positive one. `real` says what the network alone does, and what the gate does that asks the values first.
"""

from __future__ import annotations

import argparse
import csv
import fnmatch
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from prima.model.gate.admit import Gate, Verdict, load_gate
from prima.model.gate.network import KINDS
from prima.model.gate.values import value_facts
from prima.predict.sources import find_studies
from prima.study import Series
from prima.train.gate.fit import kind_shares

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from runs.train_gate import views_in

LOCATIONS = ("real", "real_labelled", "negatives")


@dataclass(frozen=True, kw_only=True)
class RealSeries:
    """A series as it must end: used, or refused by what its voxels show; None where its header decides alone."""

    location: str
    folder: str
    name: str
    series: Series
    must_be_used: bool | None


def real_series(data: Path) -> Iterator[RealSeries]:
    """Every series of the three folders that can be decoded, whatever its headers say."""
    with (data / "real" / "expected.csv").open(newline="") as file:
        expected = list(csv.DictReader(file))
    for location in LOCATIONS:
        for place in sorted(path for path in (data / location).iterdir() if path.is_dir()):
            for source in find_studies(place, keep_all=True).studies:
                for series in source.read().series:
                    name = str(series.description if series.number is None else series.number)
                    where = source.where.relative_to(place).as_posix()
                    rows = [
                        row for row in expected if row["folder"] == place.name and _is(row["series"], where, series)
                    ]
                    must: bool | None = location == "real_labelled"
                    if location == "real":
                        must = _must(rows, place.name)
                    yield RealSeries(location=location, folder=place.name, name=name, series=series, must_be_used=must)


def _is(expected: str, where: str, series: Series) -> bool:
    if expected.endswith(".nii.gz"):
        name = f"{series.description}.nii.gz"
        return fnmatch.fnmatch(name if where == "." else f"{where}/{name}", expected)
    return series.number == (int(expected) if expected else None)


def _must(rows: list[dict[str, str]], folder: str) -> bool | None:
    if any(row["status"] == "used" for row in rows):
        return True
    no_brain = folder.startswith("NEGATIVE") or folder.endswith("PHANTOM")
    return False if no_brain or any(row["reason"] == "not_brain" for row in rows) else None


def _outcome(verdict: Verdict) -> str:
    return "kept" if verdict.admitted else verdict.kind


def show_real(data: Path, gates: list[Gate]) -> None:
    """A line for each series, then the error rates of each folder."""
    columns = " | ".join(f"gate {number}: brain | margin | with values" for number in range(1, len(gates) + 1))
    print(f"| set | folder | series | must be | {columns} | detail mm | at highest | equal next |")
    print(f"|---|---|---|---|{'---:|---:|---|' * len(gates)}---:|---:|---:|")
    wrong: dict[tuple[str, str], list[list[bool]]] = {}
    for found in real_series(data):
        facts = value_facts(found.series.volume)
        verdicts = [(gate.look(found.series.volume), gate.judge(found.series.volume)) for gate in gates]
        must = {True: "used", False: "refused", None: "(header)"}[found.must_be_used]
        cells = " | ".join(
            f"{alone.brain:.3f} {_outcome(alone)} | {alone.brain - gate.file.threshold:+.3f} | {_outcome(whole)}"
            for (alone, whole), gate in zip(verdicts, gates, strict=True)
        )
        detail = "" if facts.detail_mm is None else f"{facts.detail_mm:.1f}"
        cells += f" | {detail} | {facts.at_high:.3f} | {facts.flat:.2f}"
        print(f"| {found.location} | {found.folder} | {found.name[:40]} | {must} | {cells} |", flush=True)
        if found.must_be_used is not None:
            errors = [one.admitted != found.must_be_used for pair in verdicts for one in pair]
            wrong.setdefault((found.location, must), []).append(errors)
    print(f"\n| set | must be | series |{' alone: wrong | with values: wrong |' * len(gates)}")
    print(f"|---|---|---:|{'---:|---:|' * len(gates)}")
    for (location, must), errors_of in wrong.items():
        counts = " | ".join(str(count) for count in np.sum(errors_of, axis=0))
        print(f"| {location} | {must} | {len(errors_of)} | {counts} |")


def show_made(folder: Path, gates: list[Gate]) -> None:
    """A line for each kind and subkind: how many are wrong, and the middle and the worst margin."""
    views = views_in(folder)
    margins = [kind_shares(gate.network, views)[:, 0] - gate.file.threshold for gate in gates]
    cells = " | ".join(f"gate {number}: wrong | median | worst" for number in range(1, len(gates) + 1))
    print(f"| kind | subkind | views | {cells} |\n|---|---|---:|{'---:|---:|---:|' * len(gates)}")
    groups = [
        (kind, str(subkind), (views.kinds == number) & (views.subkinds == subkind))
        for number, kind in enumerate(KINDS)
        for subkind in np.unique(views.subkinds[views.kinds == number])
    ]
    groups += [("all", "brains", views.kinds == 0), ("all", "others", views.kinds != 0)]
    for kind, subkind, chosen in groups:
        line = []
        for margin in margins:
            right = margin[chosen] if kind == "brain" or subkind == "brains" else -margin[chosen]
            line.append(f"{int((right < 0).sum())} | {np.median(right):.2f} | {right.min():+.2f}")
        print(f"| {kind} | {subkind} | {int(chosen.sum())} | {' | '.join(line)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("made", "real"))
    parser.add_argument("folder", type=Path, help="of views, or of real data")
    parser.add_argument("gates", type=Path, nargs="+", help="folders of gates, the earlier one first")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    show = show_made if arguments.what == "made" else show_real
    show(arguments.folder, [load_gate(folder) for folder in arguments.gates])


if __name__ == "__main__":
    main()
