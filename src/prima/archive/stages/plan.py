"""Which studies are worked on together, and what of them is still to be done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from prima.archive.stages.stage import FAILED, MADE_COLUMNS, Partition, Stage, part_path
from prima.archive.store.tables import write_parquet

_PLAN = {"partition": pl.String(), "study_uid": pl.String()}


def plan(folder: Path, inputs: Mapping[str, str], known: Mapping[str, str], *, size: int) -> list[Partition]:
    """The partitions that hold a wanted study, or one that is no longer there.

    Studies that no partition holds yet get new ones, in the order of their UIDs; those that have one keep it: an
    interrupted run resumes with the same partitions, and new studies leave finished parts alone.

    Args:
        folder: of the stage.
        inputs: StudyInstanceUID → its input, of the studies to be done.
        known: the same of every study there is; it holds the wanted ones.
        size: studies in a new partition.
    """
    path = folder / "partitions.parquet"
    planned = _planned(folder)
    new = sorted(set(inputs).difference(planned["study_uid"]))
    if new:
        first = planned["partition"].n_unique()
        names = [f"{first + index // size:08d}" for index in range(len(new))]
        added = pl.DataFrame({"partition": names, "study_uid": new}, schema=_PLAN)
        planned = pl.concat([planned, added])
        write_parquet(planned, path)
    members: dict[str, list[str]] = defaultdict(list)
    for name, study_uid in planned.iter_rows():
        members[name].append(study_uid)
    return [
        Partition(name=name, inputs={uid: known[uid] for uid in uids if uid in known})
        for name, uids in members.items()
        if any(uid in inputs or uid not in known for uid in uids)
    ]


def drop_damaged(folder: Path) -> list[str]:
    """Remove parts that cannot be read, so that they are made again; and the plan, which the other parts tell.

    Returns:
        Their names below the folder.
    """
    plan_path = folder / "partitions.parquet"
    found = [*([plan_path] if plan_path.exists() else []), *sorted((folder / "parts").glob("*.parquet"))]
    damaged = [path for path in found if not _is_readable(path)]
    for path in damaged:
        path.unlink()
    return [path.relative_to(folder).as_posix() for path in damaged]


def _is_readable(path: Path) -> bool:
    try:
        pl.read_parquet(path)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        return False
    return True


def _planned(folder: Path) -> pl.DataFrame:
    """Which study belongs to which partition, as planned before; where the plan is gone, as the parts say."""
    path = folder / "partitions.parquet"
    if path.exists():
        return pl.read_parquet(path)
    return _scan(folder, _PLAN).unique().sort("partition", "study_uid").collect()


def outdated(stage: Stage, folder: Path, partitions: list[Partition], *, retry: bool) -> list[Partition]:
    """The partitions whose part is absent, or was made from another input or by another method.

    Args:
        retry: those with a study that failed as well.
    """
    inputs_of: dict[str, dict[str, str]] = defaultdict(dict)
    stale: set[str] = set()
    present = {path.name for path in folder.iterdir()}
    for name, files, study_uid, source, made_by, failed in _made_studies(folder).iter_rows():
        inputs_of[name][study_uid] = source
        if (
            made_by != stage.fingerprint
            or (retry and failed)
            or not {name + suffix for suffix in files.split()} <= present
        ):
            stale.add(name)
    parts = {path.stem for path in part_path(folder, "").parent.glob("*.parquet")}
    return [
        partition
        for partition in partitions
        if partition.name in stale or partition.name not in parts or inputs_of[partition.name] != partition.inputs
    ]


def rows_of(stage: Stage, folder: Path) -> pl.LazyFrame:
    """The rows of all parts, in the order of partitions."""
    return _scan(folder, {**stage.schema, **MADE_COLUMNS})


def _made_studies(folder: Path) -> pl.DataFrame:
    """One row per study that a part holds: how it was made, and whether it failed."""
    columns = {**MADE_COLUMNS, "study_uid": pl.String(), "status": pl.String()}
    by_study = _scan(folder, columns).group_by("partition", "files", "study_uid", "input", "made_by")
    return by_study.agg(failed=(pl.col("status") == FAILED).any()).collect()


def _scan(folder: Path, schema: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    """Some columns of all parts; a part of an earlier form has null where it lacks one."""
    paths = sorted((folder / "parts").glob("*.parquet"))
    if not paths:
        return pl.DataFrame(schema=dict(schema)).lazy()
    return pl.scan_parquet(paths, schema=dict(schema), missing_columns="insert", extra_columns="ignore")
