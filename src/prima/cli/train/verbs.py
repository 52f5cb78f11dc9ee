"""`prima train`: the stages from patches to calibrated heads, each resumable, all in one run folder."""

from __future__ import annotations

import typer

from prima.cli.train.clip import clip
from prima.cli.train.heads import heads
from prima.cli.train.names import names
from prima.cli.train.tokenizer import tokenizer

train = typer.Typer(no_args_is_help=True, help="Train a model on an archive, stage by stage.", rich_markup_mode=None)
train.command(
    short_help="Stage 1: voxels into tokens.",
    epilog="Example: prima train tokenizer ARCHIVE RUN --recipe demo_reports --studies 2000",
)(tokenizer)
train.command(
    short_help="Optional: what series look like, by their names.", epilog="Example: prima train names ARCHIVE RUN"
)(names)
train.command(
    short_help="Stage 2: studies against their reports.",
    epilog="Example: prima train clip ARCHIVE RUN --recipe demo_reports --minutes 25",
)(clip)
train.command(
    short_help="Stage 3: calibrated diagnoses, priority and referrals.",
    epilog="Example: prima train heads ARCHIVE RUN --target sensitivity=0.9",
)(heads)
