"""`prima predict`: raw study folders in, findings and a page out."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from prima.cli import options as given
from prima.cli.options import Dtype
from prima.dicom.select.select import MIN_SLICES


def predict(
    studies: Annotated[
        list[Path],
        # readable=False: one path that cannot be read must not refuse the others; it is named when its turn comes
        typer.Argument(metavar="STUDY", readable=False, help="Study folders (DICOM or NIfTI), or single NIfTI files."),
    ],
    *,
    release: given.ReleaseFolder = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Where DIR/<study_uid>/findings.json goes.")
    ] = Path("out"),
    dtype: given.DtypeOption = Dtype.AUTO,
    device: given.DeviceOption = "auto",
    study_description: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Use TEXT in place of the StudyDescription of the headers.")
    ] = None,
    keep_all: Annotated[
        bool, typer.Option("--keep-all", help="Use every readable series, as the published system does.")
    ] = False,
    image_only: given.ImageOnly = False,
    scores_anyway: given.ScoresAnyway = False,
    follow_links: given.FollowLinks = False,
    min_slices: Annotated[
        int, typer.Option(min=1, metavar="N", help="Leave out a series of fewer than N slices.")
    ] = MIN_SLICES,
    table: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also one table, .parquet or .csv, a row per study; resumes."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a study on stdout.")] = False,
    show_input: Annotated[
        bool, typer.Option("--show-input", help="Put the path on the page, too; it may name a person.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Also say what became of each series.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but what went wrong.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Hash every file of the release first.")] = False,
) -> None:
    """Read raw brain-MRI studies and write findings.json and report.html for each."""
    from rich.console import Console

    with Console(stderr=True).status("starting"):  # torch takes seconds to load
        from prima.cli.live import Live
        from prima.predict.run import PredictOptions, predict_studies
        from prima.predict.table_file import open_table

    options = PredictOptions(
        release=release,
        out=out,
        dtype=dtype.value,
        device=device,
        study_description=study_description,
        keep_all=keep_all,
        image_only=image_only,
        scores_anyway=scores_anyway,
        min_slices=min_slices,
        follow_links=follow_links,
        verify=verify,
        show_input=show_input,
    )
    with ExitStack() as stack:
        live = stack.enter_context(Live(as_json=json, quiet=quiet, verbose=verbose))
        rows = None if table is None else stack.enter_context(open_table(table, options, live.on_progress))
        if rows is not None:
            options = replace(options, already=rows.done)
            live.counts.update(rows.counts)
        for outcome in predict_studies(studies, options, live.on_progress):
            if rows is not None:
                rows.add(outcome)
            live.show(outcome)
    live.close()
    if table is not None and not quiet:
        live.say(f"table: {live.counts.total()} rows in {table}")
    num_read = live.counts["done"] + live.counts["unanswered"]  # an unfamiliar study is an outcome, too
    if not num_read:
        raise typer.Exit(3)
    if live.counts.total() > num_read:
        raise typer.Exit(1)
