"""The options that all stages of `prima train` share, and what they change in a recipe."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prima.cli.predict import Device, Dtype

if TYPE_CHECKING:
    from prima.train.engine.config import EngineConfig

Source = Annotated[Path, typer.Argument(metavar="SOURCE", help="An archive, or a folder with train/ and validation/.")]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="The run: a folder that all stages share.")]
RecipeName = Annotated[str, typer.Option("--recipe", metavar="NAME", help="What to train and how.")]
DeviceOption = Annotated[Device, typer.Option(help="auto: the GPU when there is one.")]
DtypeOption = Annotated[
    Dtype, typer.Option(help="auto: bfloat16 where the processor or GPU computes in it, else float32.")
]
Minutes = Annotated[
    float | None, typer.Option(min=0, metavar="M", help="Stop after so long; the same line goes on with it.")
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


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What was asked for, the same for every stage that the engine trains."""

    device: Device
    dtype: Dtype
    minutes: float | None
    seed: int
    steps: int | None
    epochs: int | None
    watts: float
    fsdp: bool
    compile: bool
    tensorboard: bool
    wandb: bool
    dry_run: bool
    as_json: bool

    def applied_to(self, engine: EngineConfig) -> EngineConfig:
        """The engine's configuration with the options in it.

        Raises:
            UsageError: both lengths are given, or there is no such device.
        """
        from prima.errors import UsageError
        from prima.tokens.precision import choose_precision

        if self.steps is not None and self.epochs is not None:
            raise UsageError("--steps, --epochs: found both, expected one of them")
        if self.steps is not None:
            warmup = min(engine.optimiser.warmup_steps, self.steps // 10)
            optimiser = replace(engine.optimiser, warmup_steps=warmup)
            engine = replace(engine, num_steps=self.steps, num_epochs=None, optimiser=optimiser)
        if self.epochs is not None:
            engine = replace(engine, num_steps=None, num_epochs=self.epochs)
        found = choose_precision(self.device.value, self.dtype.value)
        mirrors = (("tensorboard",) if self.tensorboard else ()) + (("wandb",) if self.wandb else ())
        return replace(
            engine,
            seed=self.seed,
            device=found.device.type,
            precision="bfloat16" if str(found.dtype) == "torch.bfloat16" else "float32",
            stop_after_seconds=None if self.minutes is None else 60 * self.minutes,
            parallel="fsdp" if self.fsdp else "ddp",
            compile=self.compile,
            mirrors=mirrors,  # type: ignore[arg-type]
        )


def is_first_rank() -> bool:
    """Whether this process writes and prints: rank 0 under torchrun, or the only one."""
    return os.environ.get("RANK", "0") == "0"


def num_ranks() -> int:
    """Processes of the run, as torchrun tells it."""
    return int(os.environ.get("WORLD_SIZE", "1"))
