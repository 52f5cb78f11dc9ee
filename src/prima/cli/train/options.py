"""The options that the stages of `prima train` share, and what they make of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from prima.cli.console import Terminal
    from prima.train.engine.estimate import RunEstimate
    from prima.workflow.training.stage import StageResult

Source = Annotated[Path, typer.Argument(metavar="SOURCE", help="An archive, or a folder with train/ and validation/.")]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="The run: a folder that all stages share.")]
RecipeName = Annotated[
    str | None,
    typer.Option("--recipe", metavar="NAME", help="A recipe by name, or package.module:function; else what fits."),
]
Minutes = Annotated[
    float | None, typer.Option(min=0, metavar="M", help="Stop after so long; the same command resumes.")
]
Seed = Annotated[int, typer.Option(metavar="S", help="Of weights, order and everything dropped.")]
Steps = Annotated[int | None, typer.Option(min=1, metavar="N", help="Updates, in place of the recipe's length.")]
Epochs = Annotated[int | None, typer.Option(min=1, metavar="N", help="Epochs, in place of the recipe's length.")]
Watts = Annotated[
    float, typer.Option(min=0, metavar="W", help="Mean power of this machine, for the energy in the card.")
]
Parallel = Annotated[
    bool, typer.Option("--fsdp", help="Under torchrun: spread the parameters over the ranks, not replicas.")
]
Compile = Annotated[bool, typer.Option("--compile", help="Compile the transformer blocks.")]
TensorBoard = Annotated[bool, typer.Option("--tensorboard", help="Send the numbers to TensorBoard, too.")]
Wandb = Annotated[bool, typer.Option("--wandb", help="Send the numbers to Weights & Biases, too.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show the resolved recipe and what it would cost; train nothing.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON on stdout.")]
MIB = 1 << 20


def mirrors(*, tensorboard: bool, wandb: bool) -> tuple[Literal["tensorboard", "wandb"], ...]:
    """Where the journal goes besides the run folder."""
    chosen: list[Literal["tensorboard", "wandb"]] = ["tensorboard"] if tensorboard else []
    return (*chosen, "wandb") if wandb else tuple(chosen)


def show_stage(stage: Callable[[Terminal], StageResult], *, as_json: bool) -> None:
    """Run a stage with bars, and print its result by the first rank alone."""
    from prima.cli.console import Terminal, say
    from prima.workflow.training.stage import is_first_rank

    first = is_first_rank()
    with Terminal(silent=not first) as terminal:
        result = stage(terminal)
    if not first:
        return
    say(result.words, result.values, as_json=as_json)
    if result.estimate is not None and not as_json:
        show_estimate(result.estimate)


def show_estimate(estimate: RunEstimate) -> None:
    """Parameter counts, memory and time as a table."""
    from rich.console import Console
    from rich.table import Table

    from prima.workflow.training.stage import duration

    table = Table(show_header=False, box=None, padding=(0, 2))
    rows = [(f"parameters of {name}", f"{count:,}") for name, count in estimate.parameters.items()]
    rows += [
        ("parameters", f"{estimate.num_parameters:,}"),
        ("updates", f"{estimate.num_steps:,} of about {estimate.tokens_per_step:,.0f} tokens"),
        ("memory", f"{estimate.memory_bytes / MIB:,.0f} MiB"),
        ("  of it kept for the backward pass", f"{estimate.activation_bytes / MIB:,.0f} MiB"),
        ("operations a token", f"{estimate.flops_per_token / 1e6:,.1f} MFLOP, forward and backward"),
        ("speed", f"{estimate.tokens_per_second:,.0f} tokens/s, timed on the first batch"),
        ("time", f"{duration(estimate.seconds)}; {duration(estimate.seconds_at_peak)} at this device's peak"),
    ]
    for name, value in rows:
        table.add_row(name, value)
    Console(highlight=False).print(table)
