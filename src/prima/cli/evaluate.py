"""`prima evaluate`: predictions against their truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prima.cli import options as given


def evaluate(
    predictions: Annotated[
        Path, typer.Argument(metavar="PREDICTIONS", help="Table of prima predict --table, Parquet or CSV.")
    ],
    *,
    truth: Annotated[
        Path,
        typer.Option(metavar="LABELS|ARCHIVE", help="Table: study_uid, diagnoses, patient, …; or a labelled archive."),
    ],
    split: given.Split = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Write JSON, Markdown, CSV and the figure here.")
    ] = None,
    by: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Also by this column, such as scanner; repeatable.")
    ] = None,
    lesions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Table of lesions: also by how subtle they are.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Predictions of another model or mode: paired differences.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="DX", help="Only this diagnosis, by released name; repeatable.")
    ] = None,
    replicates: Annotated[int, typer.Option(min=100, metavar="N", help="Draws of patients for intervals.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, metavar="S", help="Of those draws.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON on stdout.")] = False,
) -> None:
    """Measure predictions against their truth, with intervals from draws of patients.

    AUROC, calibration and decisions of each diagnosis, the worklist and the referrals, with an account of every study.
    Research use only: it does not diagnose.
    """
    import json

    from rich.console import Console

    from prima.evaluate import write_evaluation
    from prima.evaluate.terminal import terminal_tables
    from prima.workflow.evaluate import evaluate_on

    evaluation = evaluate_on(
        predictions, truth, splits=[side.value for side in split or ()],
        by=by or (), lesions=lesions, against=against, only=only or (), replicates=replicates, seed=seed,
    )  # fmt: skip
    if out is not None:
        write_evaluation(evaluation, out)
    if as_json:
        typer.echo(json.dumps(evaluation.to_dict(), allow_nan=False))
    else:
        console = Console()
        for table in terminal_tables(evaluation, width=console.width):
            console.print(table)
        if out is not None:
            typer.echo(f"wrote {out / 'evaluation.json'}, .md, .csv and .svg")
    if evaluation.account is not None and (evaluation.account.no_truth or evaluation.account.no_prediction):
        raise typer.Exit(1)
