"""`prima simulate`: a synthetic health system with known truth."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from prima.cli.console import Terminal


class Writers(StrEnum):
    """Which radiologists write the reports."""

    DEV = "dev"
    HELDOUT = "heldout"


def simulate(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New or empty, or begun with the same options.")],
    *,
    num_studies: Annotated[int, typer.Option("-n", "--number", metavar="N", help="How many brain studies.")],
    seed: Annotated[int, typer.Option(metavar="S", help="The same seed, the same bytes.")] = 0,
    start: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="First day of the scans.")
    ] = None,
    days: Annotated[int, typer.Option(metavar="D", help="Days over which the scans are spread.")] = 366,
    drift: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="First day of a scanner never seen before."),
    ] = None,
    negatives: Annotated[
        int, typer.Option(metavar="K", help="How many studies that are no brain MRI, in OUT/negatives.")
    ] = 0,
    writers: Annotated[Writers, typer.Option(help="heldout: writers that share no phrase with dev.")] = Writers.DEV,
    only: Annotated[
        list[str] | None, typer.Option(metavar="DX", help="Every study shows this diagnosis; may be repeated.")
    ] = None,
    normal: Annotated[bool, typer.Option("--normal", help="Every study is normal.")] = False,
    subtlety: Annotated[int | None, typer.Option(metavar="1-3", help="1 plain, 2 moderate, 3 subtle.")] = None,
    scanner: Annotated[str | None, typer.Option(metavar="NAME", help="Every study comes from this scanner.")] = None,
    bias: Annotated[
        str | None, typer.Option(metavar="TEXT", help="A known bias, such as rural=yes or sex=F:0.5.")
    ] = None,
    spacing: Annotated[float, typer.Option(metavar="MM", help="Grid of the anatomy: 1, 1.5 or 2.")] = 1.5,
    workers: Annotated[int, typer.Option(min=1, metavar="W", help="Processes, one thread each.")] = 1,
    simulator: Annotated[
        int | None, typer.Option(metavar="1|2", help="2 adds appearances beside physics; with --anatomies it is 2.")
    ] = None,
    anatomies: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Label maps of real heads, FreeSurfer's or SynthSeg's numbers, to build on."),
    ] = None,
    describe: Annotated[bool, typer.Option("--describe", help="Say what would be made, and make nothing.")] = False,
) -> None:
    """Make patients, studies, reports and their truth; no person was involved."""
    from prima.errors import UsageError
    from prima.simulate.people.effects import parse_bias
    from prima.simulate.plan.plan import DEFAULT_START, make_plan

    if negatives < 0:
        raise UsageError(f"--negatives: found {negatives}, expected 0 or more")
    if spacing not in (1.0, 1.5, 2.0):
        raise UsageError(f"--spacing: found {spacing:g}, expected 1, 1.5 or 2")
    plan = make_plan(
        num_studies=num_studies,
        seed=seed,
        start=start.date() if start else DEFAULT_START,
        days=days,
        only=only or (),
        normal=normal,
        subtlety=subtlety,
        scanner=scanner,
        drift_on=drift.date() if drift else None,
        bias=parse_bias(bias) if bias else None,
    )
    if describe:
        from rich.console import Console

        from prima.simulate.plan.describe import describe as description

        Console().print(description(plan, negatives=negatives))
        return
    from prima.workflow.simulate import simulate_health_system, variety_of

    variety = variety_of(simulator or (1 if anatomies is None else 2), anatomies)
    with Terminal() as terminal:
        simulate_health_system(
            plan, out, spacing_mm=spacing, writers=writers.value, negatives=negatives, workers=workers,
            variety=variety, watcher=terminal,
        )  # fmt: skip
    beside = f" and {negatives} negatives" if negatives else ""
    typer.echo(f"wrote {num_studies} made-up studies{beside} with reports and truth to {out}")
