"""`prima curate`: from an archive to a cohort with its split."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer


def curate(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="An archive made by prima ingest.")],
    *,
    test_from: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="First day of the test period.")
    ] = None,
    test_until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="Last day of the test period.")
    ] = None,
    validation: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of the other patients that validate.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(metavar="S", help="Of the draw of those patients.")] = 0,
    min_series: Annotated[int, typer.Option(min=1, metavar="N", help="Usable series that a study needs.")] = 2,
    require: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="Metadata that must be there too, such as sex; repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON on stdout.")] = False,
) -> None:
    """Match reports to studies, keep what can be learnt from, and split it by time with patients on one side.

    Writes ARCHIVE/cohort: cohort.parquet, reports.parquet, and the cohort diagram as flow.svg, flow.txt and flow.json.
    """
    import json

    from prima.files.optional import require_tables

    require_tables()
    from prima.archive.cohort.curate import Curation, curate
    from prima.archive.cohort.flow import flow_text
    from prima.archive.cohort.inclusion import required_columns
    from prima.archive.cohort.split import Split
    from prima.archive.store.layout import Archive

    split = Split(test_from=_date(test_from), test_until=_date(test_until), validation=validation, seed=seed)
    curation = Curation(
        min_series=min_series,
        required=required_columns(require or ()),
        split=split,
        now=datetime.now(),
    )
    flow = curate(Archive.open(archive), curation)
    typer.echo(json.dumps(flow.to_dict()) if as_json else flow_text(flow), nl=as_json)
    if not as_json:
        typer.echo(f"wrote {archive / 'cohort'}")


def _date(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()
