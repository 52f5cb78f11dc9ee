"""How long `prima curate` takes on the catalogue of a health system of the published size, and how much memory.

python benchmarks/catalogue.py [--studies 220000] [--scratch build/catalogue]

Makes the rows (25.5 series a study on the mean, a report each with few exceptions, some catalogued anew, several
parts, as ingests leave them), then runs the command in a process of its own and prints the results page.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from prima.archive.store.layout import Archive
from prima.archive.store.schema import TABLES
from prima.archive.store.tables import schema_of, write_parquet
from prima.study.exclusion import Reason

PARTS = 6
FIRST, LAST = date(2015, 1, 1), date(2024, 5, 30)
TEXT = "EXAMINATION: MRI of the brain.\nINDICATION: headache.\nFINDINGS: " + "No acute abnormality is seen. " * 60


def uids(random: np.random.Generator, number: int) -> pl.Series:
    """As long as real ones: 2.25. and 38 digits."""
    digits = random.integers(10**18, 10**19 - 1, size=(number, 2), dtype=np.uint64).astype(str)
    return pl.Series([f"2.25.{one}{two}" for one, two in digits])


def make_studies(random: np.random.Generator, number: int) -> pl.DataFrame:
    """Patients have 1.7 studies on the mean, spread over nine years."""
    patients = random.integers(0, int(number / 1.7), number)
    days = random.integers(0, (LAST - FIRST).days + 1, number)
    index = pl.Series(np.arange(number))
    found = pl.DataFrame(
        {
            "study_uid": uids(random, number),
            "patient_id": pl.Series([f"MRN{patient:09d}" for patient in patients]),
            "accession": pl.Series([f"ACC{one:010d}" for one in range(number)]),
            "study_date": [FIRST + timedelta(days=int(day)) for day in days],
            "manufacturer": random.choice(np.array(["SIEMENS", "GE MEDICAL SYSTEMS", "Philips", "Canon"]), number),
            "model": random.choice(np.array(["Vida", "SIGNA Premier", "Ingenia", "Galan"]), number),
            "field_strength_t": random.choice(np.array([1.5, 3.0]), number),
            "description": "MRI BRAIN WITHOUT AND WITH CONTRAST",
            "modalities": "MR",
            "age_years": random.uniform(0, 95, number).round(1),
            "sex": random.choice(np.array(["F", "M"]), number),
        }
    )
    odd = index % 500
    return found.with_columns(
        patient_id=pl.when(odd != 7).then("patient_id"),
        problem=pl.when(odd == 8).then(pl.lit("several_patients")),
    )


def make_series(random: np.random.Generator, studies: pl.DataFrame, mean: float) -> pl.DataFrame:
    """Each study's series, one in five excluded."""
    counts = np.maximum(random.poisson(mean, studies.height), 1)
    total = int(counts.sum())
    reasons = np.array([reason.value for reason in (Reason.LOCALIZER, Reason.DERIVED_MAP, Reason.PHASE)])
    excluded = pl.Series(random.random(total) < 0.2)
    return pl.DataFrame(
        {
            "study_uid": studies["study_uid"].gather(np.repeat(np.arange(studies.height), counts)),
            "series_uid": uids(random, total),
            "description": random.choice(
                np.array(["AX T2", "AX FLAIR", "SAG T1", "DWI", "ADC", "SWI", "T1 POST"]), total
            ),
            "modality": "MR",
            "reason": pl.Series(random.choice(reasons, total)),
            "num_slices": random.integers(20, 200, total),
            "excluded": excluded,
        }
    ).select(
        pl.exclude("excluded", "reason"),
        status=pl.when("excluded").then(pl.lit("excluded")).otherwise(pl.lit("used")),
        reason=pl.when("excluded").then("reason"),
    )


def make_reports(random: np.random.Generator, studies: pl.DataFrame) -> pl.DataFrame:
    """One for most studies, two for some, a wrong patient, a wrong clock, and some of no study."""
    number = studies.height
    odd = pl.Series(np.arange(number)) % 200
    hours = pl.Series(random.integers(1, 72, number))
    first = studies.select(
        "accession", "patient_id", filed_at=pl.col("study_date").cast(pl.Datetime("us")) + pl.duration(hours=hours)
    ).with_columns(
        patient_id=pl.when(odd == 3).then(pl.lit("SOMEBODY")).otherwise("patient_id"),
        filed_at=pl.when(odd == 4).then(pl.col("filed_at") - pl.duration(days=30)).otherwise("filed_at"),
        accession=pl.when(odd == 5).then(pl.lit("NONE")).otherwise("accession"),
    )
    first = first.filter(odd != 6)
    second = first.sample(number // 20, seed=1).with_columns(filed_at=pl.col("filed_at") + pl.duration(days=1))
    every = pl.concat([first, second])
    return every.with_columns(report_id=uids(random, every.height), report_status=pl.lit("final"), text=pl.lit(TEXT))


def write(archive: Archive, name: str, rows: pl.DataFrame) -> None:
    """The rows in several parts, and those of one study or report in twenty again in the last part."""
    schema, (unit,) = schema_of(TABLES[name]), TABLES[name].together
    units = rows[unit].unique(maintain_order=True)
    again = rows.filter(pl.col(unit).is_in(units.gather_every(20).implode()))
    size = -(-rows.height // (PARTS - 1))
    for number in range(1, PARTS + 1):
        part = again if number == PARTS else rows[(number - 1) * size : number * size]
        full = part.with_columns(
            [pl.lit(None, kind).alias(column) for column, kind in schema.items() if column not in rows.columns]
        ).with_columns(revision=pl.lit(number, pl.Int64))
        typed = full.select(pl.col(column).cast(kind) for column, kind in schema.items())
        write_parquet(typed, archive.table(name) / f"{number:010d}.parquet", staging=archive.incoming)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=220_000)
    parser.add_argument("--series", type=float, default=25.5, help="on the mean of a study")
    parser.add_argument("--scratch", type=Path, default=Path("build/catalogue"))
    options = parser.parse_args()
    shutil.rmtree(options.scratch, ignore_errors=True)
    archive = Archive.open_or_make(options.scratch)
    random = np.random.default_rng(0)
    studies = make_studies(random, options.studies)
    series = make_series(random, studies, options.series)
    reports = make_reports(random, studies)
    for name, rows in (("studies", studies), ("series", series), ("reports", reports)):
        write(archive, name, rows)
    size = sum(path.stat().st_size for path in archive.root.rglob("*.parquet"))
    command = [sys.executable, "-m", "prima", "curate", str(options.scratch), "--test-from", "2023-06-01"]
    command += ["--test-until", "2024-05-30", "--validation", "0.05"]
    load = os.getloadavg()[0]
    started = time.perf_counter()
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    wall = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"- date: {datetime.now():%Y-%m-%d}; polars {pl.__version__}; Python {platform.python_version()}")
    print(f"- threads: {os.cpu_count()}; load average when it began: {load:.1f}")
    print(
        f"- rows: {studies.height:,} studies, {series.height:,} series, {reports.height:,} reports; {size / 1e6:.0f} MB"
    )
    print("\n| what | value |\n|---|---:|")
    print(f"| `prima curate`, wall time, s | {wall:.1f} |\n| peak resident memory, GiB | {peak:.2f} |")
    print(f"\n```\n{said}```")


if __name__ == "__main__":
    main()
