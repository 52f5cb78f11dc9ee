"""`prima embed`: the tokens of an archive into features of studies and series, and into a predictions table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prima.cli import options as given
from prima.cli.console import Terminal, leave, name_few, say
from prima.cli.options import Dtype


def embed(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="An archive with tokens (prima tokenize).")],
    *,
    release: given.ReleaseFolder = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Where the tables go; without it, beside their parts."),
    ] = None,
    table: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also a predictions table (.parquet, .csv), as prima predict.")
    ] = None,
    split: given.Split = None,
    dtype: Annotated[
        Dtype, typer.Option(help="Of the tokens; auto: bfloat16 where this machine computes in it, else float32.")
    ] = Dtype.AUTO,
    device: given.DeviceOption = "auto",
    image_only: given.ImageOnly = False,
    scores_anyway: given.ScoresAnyway = False,
    workers: given.WorkersOption = None,
    ray: given.RayOption = None,
    retry: given.Retry = False,
    as_json: given.CountsAsJson = False,
) -> None:
    """Turn tokens into features and logits. It may be interrupted at any point and run again: nothing doubles."""
    from prima.files.optional import require_tables

    require_tables()
    if table is not None:
        from prima.predict.table_file import check_table_name

        check_table_name(table)
    with Terminal() as terminal:
        with terminal.err.status("starting"):  # torch takes seconds to load
            from prima.archive.cohort.split import SPLITS
            from prima.archive.stages.embed import embed_archive
            from prima.archive.store.layout import Archive
            from prima.model.release.folder import packaged_release
            from prima.tokens.precision import choose_precision
            from prima.workflow.embed_table import write_table
            from prima.workflow.workers import workers_for

        precision = choose_precision(device, dtype.value)
        done = embed_archive(
            Archive.open(archive),
            release=release or packaged_release(),
            precision=precision,
            image_only=image_only,
            out=out,
            splits=[side.value for side in split] if split else SPLITS,
            workers=workers_for(precision, processes=workers, ray=ray),
            retry=retry,
            on_progress=lambda progress: progress.tell("studies", terminal),
        )
    manifest, err = done.release.manifest, terminal.err
    if not manifest.trained:
        terminal.warn(f"release {manifest.name} is untrained: its features mean nothing")
    if table is not None:
        num_rows = write_table(done, table, scores_anyway=scores_anyway)
        err.print(f"table: {num_rows} rows in {table}", markup=False)
    name_few(err, [f"no feature {uid}: {reason}" for uid, reason in done.left_out], more=f"; see {done.studies.name}")
    counts = {"embedded": done.embedded, "left_out": len(done.left_out), "release": manifest.name}
    tables = {"studies": str(done.studies), "series": str(done.series)}
    words = f"{done.embedded} studies in {done.studies}, their series in {done.series}"
    say(words, {**counts, "trained": manifest.trained, **tables}, as_json=as_json)
    leave(done.embedded, len(done.left_out))
