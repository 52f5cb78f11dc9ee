"""The verbs of the command `prima`, each with its line in the list and an example."""

from __future__ import annotations

from typing import Annotated

import typer

from prima import __version__
from prima.cli.adapt import adapt
from prima.cli.archive import archive
from prima.cli.calibrate import calibrate
from prima.cli.convert import convert
from prima.cli.curate import curate
from prima.cli.deidentify import deidentify
from prima.cli.doctor import doctor
from prima.cli.embed import embed
from prima.cli.evaluate import evaluate
from prima.cli.ingest import ingest
from prima.cli.label import label
from prima.cli.predict import predict
from prima.cli.release import release
from prima.cli.simulate import simulate
from prima.cli.tokenize import tokenize
from prima.cli.train.verbs import train

app = typer.Typer(
    name="prima",
    help="From a raw brain-MRI study to findings. Research use only: it does not diagnose.",
    epilog="Example: prima predict STUDY --out OUT",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"openprima {__version__}")
        raise typer.Exit


@app.callback()
def _options_of_prima(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """From a raw brain-MRI study to findings. Research use only: it does not diagnose."""


app.command(
    short_help="Findings and a report for raw brain-MRI studies.", epilog="Example: prima predict STUDY --out OUT"
)(predict)
app.command(
    short_help="Published Prima weights into a release folder.",
    epilog="Example: prima convert FULL.pt TOKENIZER.pth RELEASE",
)(convert)
app.add_typer(release, name="release", short_help="Build and check releases.")
app.command(
    short_help="Probabilities and thresholds from a site's own labelled studies.",
    epilog="Example: prima calibrate RELEASE labels.csv predictions.parquet --out CALIBRATED --target ppv=0.5",
)(calibrate)
app.command(
    short_help="A release made familiar with a site's own studies.",
    epilog="Example: prima adapt RELEASE ARCHIVE --out ADAPTED",
)(adapt)
app.command(
    short_help="A synthetic health system with known truth.",
    epilog="Example: prima simulate OUT -n 20 --negatives 5 --seed 7",
)(simulate)
app.command(
    short_help="Studies and reports into an archive.", epilog="Example: prima ingest EXPORT reports.csv ARCHIVE"
)(ingest)
app.command(
    short_help="A cohort with its split, from an archive.",
    epilog="Example: prima curate ARCHIVE --test-from 2023-06-01 --test-until 2024-05-30 --validation 0.05",
)(curate)
app.command(
    short_help="The studies of a cohort into tokens.",
    epilog="Example: prima tokenize ARCHIVE --release DIR --workers 8",
)(tokenize)
app.command(
    short_help="Tokens into features and logits.",
    epilog="Example: prima embed ARCHIVE --release DIR --table predictions.parquet",
)(embed)
app.command(
    short_help="A folder or an archive without identities.",
    epilog="Example: prima deidentify ARCHIVE OUT --key site.key --keep patient",
)(deidentify)
app.add_typer(train, name="train", short_help="A model, stage by stage.")
app.add_typer(archive, name="archive", short_help="What an archive holds.")
app.command(
    short_help="What reports say of the 52 diagnoses.",
    epilog="Example: prima label --text reports.jsonl > labels.jsonl",
)(label)
app.command(
    short_help="Predictions against their truth.",
    epilog="Example: prima evaluate predictions.parquet --truth labels.parquet --out evaluation --by scanner",
)(evaluate)
app.command(short_help="What this machine has and lacks.", epilog="Example: prima doctor --json")(doctor)
