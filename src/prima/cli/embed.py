"""`prima embed`: the tokens of an archive into features of studies and series, and into a predictions table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prima.cli.predict import Device, Dtype
from prima.cli.tokenize import GPU_SHARE, NUM_NAMED, Side


def embed(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="An archive with tokens (prima tokenize).")],
    *,
    release: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Release folder; without it, the release packaged with prima.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the tables go; without it, beside their parts.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option(metavar="OUT.parquet", help="Also a predictions table, as prima predict --table.")
    ] = None,
    split: Annotated[list[Side] | None, typer.Option(help="Only this side of the split; may be repeated.")] = None,
    dtype: Annotated[
        Dtype, typer.Option(help="Of the tokens; auto: bfloat16 where this machine computes in it, else float32.")
    ] = Dtype.AUTO,
    device: Annotated[Device, typer.Option(help="auto: the GPU when there is one.")] = Device.AUTO,
    image_only: Annotated[
        bool, typer.Option("--image-only", help="Show the model no series name and no study description.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="W", help="Processes; 1, or on a Ray cluster all it has room for.")
    ] = None,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Run on this Ray cluster; local: one on this machine.")
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Try the studies again that failed before.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON on stdout.")] = False,
) -> None:
    """Turn tokens into features and logits. It may be broken off at any point and run again: nothing doubles."""
    import json

    from rich.console import Console
    from rich.progress import Progress as Bars

    from prima.files.optional import require_tables

    require_tables()
    err = Console(stderr=True, highlight=False, soft_wrap=True)
    with err.status("starting"):  # torch takes seconds to load
        from prima.archive.cohort.split import SPLITS
        from prima.archive.stages.embed import embed_archive
        from prima.archive.stages.run import Progress, Workers
        from prima.archive.store.layout import Archive
        from prima.cli.embed_table import write_table
        from prima.model.release.folder import packaged_release
        from prima.tokens.precision import choose_precision

    precision = choose_precision(device.value, dtype.value)
    processes = workers or (None if ray not in (None, "local") else 1)
    with Bars(console=err, transient=True, disable=not err.is_terminal) as bars:
        task = bars.add_task("studies", total=None)

        def show(progress: Progress) -> None:
            bars.update(task, completed=progress.done, total=progress.total)

        done = embed_archive(
            Archive.open(archive),
            release=release or packaged_release(),
            precision=precision,
            image_only=image_only,
            out=out,
            splits=[side.value for side in split] if split else SPLITS,
            workers=Workers(processes=processes, ray=ray, gpus=GPU_SHARE if precision.device.type == "cuda" else 0),
            retry=retry,
            on_progress=show,
        )
    manifest = done.release.manifest
    if not manifest.trained:
        err.print(f"release {manifest.name} is untrained: its features mean nothing", style="yellow", markup=False)
    if table is not None:
        num_rows = write_table(done, table)
        err.print(f"table: {num_rows} rows in {table}", markup=False)
    for study_uid, reason in done.left_out[:NUM_NAMED]:
        err.print(f"no feature {study_uid}: {reason}", markup=False)
    if len(done.left_out) > NUM_NAMED:
        err.print(f"and {len(done.left_out) - NUM_NAMED} more; see {done.studies.name}")
    counts = {"embedded": done.embedded, "left_out": len(done.left_out), "release": manifest.name}
    tables = {"studies": str(done.studies), "series": str(done.series)}
    if as_json:
        typer.echo(json.dumps({**counts, "trained": manifest.trained, **tables}))
    else:
        typer.echo(f"{done.embedded} studies in {done.studies}, their series in {done.series}")
    if not done.embedded:
        raise typer.Exit(3)
    if done.left_out:
        raise typer.Exit(1)
