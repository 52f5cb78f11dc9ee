"""`prima tokenize`: the studies of a cohort into a token store."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from prima.cli.predict import Device, Dtype

NUM_NAMED = 20
# Reading and cutting keep about nine cores busy for each H100, so eight tasks share one.
GPU_SHARE = 1 / 8


class Side(StrEnum):
    """A side of the split."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


def tokenize(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="An archive with a cohort (prima curate).")],
    *,
    release: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Release folder; without it, the release packaged with prima.")
    ] = None,
    split: Annotated[list[Side] | None, typer.Option(help="Only this side of the split; may be repeated.")] = None,
    keep_all: Annotated[
        bool, typer.Option("--keep-all", help="Use the series, too, that the input gate takes for no brain.")
    ] = False,
    dtype: Annotated[
        Dtype, typer.Option(help="auto: bfloat16 where the processor or GPU computes in it, else float32.")
    ] = Dtype.AUTO,
    device: Annotated[Device, typer.Option(help="auto: the GPU when there is one.")] = Device.AUTO,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="W", help="Processes; 1, or on a Ray cluster all it has room for.")
    ] = None,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Run on this Ray cluster; local: one on this machine.")
    ] = None,
    per_shard: Annotated[int, typer.Option(min=1, metavar="N", help="Studies in a new shard.")] = 16,
    retry: Annotated[bool, typer.Option("--retry", help="Try the studies again that failed before.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON on stdout.")] = False,
) -> None:
    """Turn the studies of a cohort into tokens. It may be broken off at any point and run again: nothing doubles."""
    import json

    from rich.console import Console
    from rich.progress import Progress as Bars

    from prima.files.optional import require_tables

    require_tables()
    err = Console(stderr=True, highlight=False, soft_wrap=True)
    with err.status("starting"):  # torch takes seconds to load
        from prima.archive.cohort.split import SPLITS
        from prima.archive.stages.run import Progress, Workers
        from prima.archive.stages.tokenize import tokenize_archive
        from prima.archive.store.layout import Archive
        from prima.model.release.folder import packaged_release
        from prima.tokens.precision import choose_precision

    precision = choose_precision(device.value, dtype.value)
    on_gpu = precision.device.type == "cuda"
    processes = workers or (None if ray not in (None, "local") else 1)
    with Bars(console=err, transient=True, disable=not err.is_terminal) as bars:
        task = bars.add_task("studies", total=None)

        def show(progress: Progress) -> None:
            bars.update(task, completed=progress.done, total=progress.total)

        done = tokenize_archive(
            Archive.open(archive),
            release=release or packaged_release(),
            precision=precision,
            keep_all=keep_all,
            splits=[side.value for side in split] if split else SPLITS,
            workers=Workers(processes=processes, ray=ray, gpus=GPU_SHARE if on_gpu else 0),
            size=per_shard,
            retry=retry,
            on_progress=show,
        )
    if not done.trained:
        err.print(f"release {done.release} is untrained: its tokens mean nothing", style="yellow", markup=False)
    for study_uid, reason in done.left_out[:NUM_NAMED]:
        err.print(f"no tokens {study_uid}: {reason}", markup=False)
    if len(done.left_out) > NUM_NAMED:
        err.print(f"and {len(done.left_out) - NUM_NAMED} more; see tokens.parquet")
    folder = archive / done.folder.relative_to(archive)
    if as_json:
        counts = {"tokenised": done.tokenised, "left_out": len(done.left_out), "num_tokens": done.num_tokens}
        typer.echo(json.dumps({**counts, "release": done.release, "trained": done.trained, "folder": str(folder)}))
    else:
        typer.echo(f"{done.tokenised} studies, {done.num_tokens} tokens in {folder}")
    if not done.tokenised:
        raise typer.Exit(3)
    if done.left_out:
        raise typer.Exit(1)
