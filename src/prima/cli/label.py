"""`prima label`: what reports say of the 52 diagnoses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prima.cli.console import leave, warn_plainly


def label(
    archive: Annotated[
        Path | None,
        typer.Argument(metavar="ARCHIVE", help="An archive made by prima ingest, whose reports are labelled."),
    ] = None,
    *,
    text: Annotated[
        Path | None,
        typer.Option("--text", metavar="FILE", help='JSONL of {"id", "text"}; - reads stdin. Labels go to stdout.'),
    ] = None,
    llm: Annotated[
        str | None, typer.Option("--llm", metavar="URL", help="Ask this OpenAI-compatible endpoint, not the rules.")
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="The model, as the endpoint calls it.")] = None,
    cache: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep answers here; holds report text.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, metavar="N", help="Requests at a time.")] = 4,
    price: Annotated[
        str | None, typer.Option(metavar="IN:OUT", help="Dollars a million tokens, to say what it cost.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Report text may leave this machine and its private network.")
    ] = False,
    ask_triage: Annotated[
        bool, typer.Option("--ask-triage", help="ARCHIVE: the endpoint also decides priority and referrals.")
    ] = False,
    triage: Annotated[
        Path | None, typer.Option(metavar="FILE", help="ARCHIVE: the site's own rule for priority and referrals.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, metavar="W", help="ARCHIVE: processes, where the rules label.")] = 1,
    retry: Annotated[bool, typer.Option("--retry", help="ARCHIVE: try again what failed before.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="ARCHIVE: print the counts as JSON on stdout.")] = False,
) -> None:
    """Say which of the 52 diagnoses each report calls present, absent, uncertain or historical, and in which words."""
    from prima.errors import UsageError

    if (text is None) == (archive is None):
        raise UsageError("prima label: expected either ARCHIVE or --text FILE")
    if ask_triage and llm is None:
        raise UsageError("--ask-triage belongs to --llm URL")
    if text is not None and (ask_triage or triage is not None or workers > 1 or retry or as_json):
        raise UsageError("--ask-triage, --triage, --workers, --retry and --json belong to ARCHIVE")
    from prima.cli.label_outcome import show_archive, show_file
    from prima.workflow.language_model import cost_of, open_language_model, prices_of

    prices = prices_of(price)
    language_model = open_language_model(
        llm, model, cache=cache, concurrency=concurrency, allow_outside=yes, triage=ask_triage, warn=warn_plainly
    )
    try:
        if archive is not None:
            done, left_out = show_archive(
                archive, language_model, triage, workers=workers, retry=retry, as_json=as_json
            )
        else:
            assert text is not None
            done, left_out = show_file(text, language_model)
    finally:
        if language_model is not None:
            warn_plainly(cost_of(language_model, prices))
    leave(done, left_out)
