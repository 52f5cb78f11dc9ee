"""The steps of the demo release that `prima` has no verb for; each may be ended at any moment and run again.

    python runs/demo/steps.py patches OUT/patches SIDE --recipe demo --studies 1500 --workers 2
    python runs/demo/steps.py tokens RUN/release OUT/tokens SIDE --recipe demo --studies 6000 --workers 2 [--minutes 20]
    python runs/demo/steps.py predictions RELEASE OUT/tokens/test OUT/evaluation [--image-only]
    python runs/demo/steps.py zero-shot RUN OUT/tokens/test OUT/zero_shot.json
    python runs/demo/steps.py familiarity RELEASE OUT/tokens NEW

SIDE is train, validation or test (`prima.workflow.simulated.demo_data`). A recipe that learns from masks knows studies
by their truth, another one by what the rules read in their reports, as in a hospital. `familiarity` gives a release its
check for unfamiliar studies from tokens of all sides. `--simulator 2 --anatomies DIR` makes studies of version 2.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from prima.files.durable import write_json
from prima.model.engine import load_release
from prima.train.data.token_folder import TokenFolder
from prima.train.recipes import recipe_of
from prima.workflow.simulate import variety_of
from prima.workflow.simulated import SimulatedData, demo_data, make_familiar, make_patches, make_tokens, predict_tokens
from prima.workflow.training import measure_zero_shot


class Lines:
    """A watcher that prints."""

    def warn(self, text: str) -> None:
        """A line."""
        print(text, flush=True)

    def count(self, what: str, done: int, total: int | None) -> None:
        """A line for every hundred, and at the end."""
        if done % 100 == 0 or done == total:
            print(f"{what}: {done} of {total}", flush=True)


def data_of(options: argparse.Namespace) -> SimulatedData:
    """The data of a side, with the labels that the recipe learns from."""
    labels = "truth" if recipe_of(options.recipe).has_masks else "reports"
    variety = variety_of(options.simulator, options.anatomies)
    return demo_data(options.side, labels=labels, test_seed=options.test_seed, variety=variety)


def patches(options: argparse.Namespace) -> None:
    """Patches, for `prima train tokenizer`."""
    make_patches(
        data_of(options), options.out, recipe_of(options.recipe).contract,
        num_studies=options.studies, workers=options.workers, watcher=Lines(),
    )  # fmt: skip


def tokens(options: argparse.Namespace) -> None:
    """Tokens by the tokenizer of a release, or of a run (`RUN/release`): what the later stages learn from."""
    make_tokens(
        data_of(options), options.release, options.out, num_studies=options.studies,
        workers=options.workers, device=options.device, minutes=options.minutes, watcher=Lines(),
    )  # fmt: skip


def familiarity(options: argparse.Namespace) -> None:
    """The release with a check for unfamiliar studies: known from train, limits of validation, measured on test."""
    for row in make_familiar(options.release, options.tokens, options.out, watcher=Lines()):
        print(f"{row.of}: {row.refused} of {row.studies} refused, {row.interval[0]:.1%} to {row.interval[1]:.1%}")


def predictions(options: argparse.Namespace) -> None:
    """Predictions and truth, for `prima evaluate`."""
    engine = load_release(options.release, image_only=options.image_only)
    predict_tokens(engine, TokenFolder(options.tokens), options.out, watcher=Lines())


def zero_shot(options: argparse.Namespace) -> None:
    """Diagnosis by prompts and retrieval of reports."""
    measured = measure_zero_shot(options.run, options.tokens, watcher=Lines()).to_json()
    write_json(options.out, measured)
    print(f"zero-shot mean AUROC {measured['zero_shot']['mean_auroc']}")


def main() -> None:
    """One step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(required=True)
    for step, paths in (
        (patches, ["out"]), (tokens, ["release", "out"]), (predictions, ["release", "tokens", "out"]),
        (zero_shot, ["run", "tokens", "out"]), (familiarity, ["release", "tokens", "out"]),
    ):  # fmt: skip
        own = steps.add_parser(step.__name__.replace("_", "-"))
        own.set_defaults(step=step)
        for path in paths:
            own.add_argument(path, type=Path)
        if step in (patches, tokens):
            own.add_argument("side", choices=("train", "validation", "test"))
            own.add_argument("--recipe", default="demo")
            own.add_argument("--studies", type=int, help="the first so many")
            own.add_argument("--workers", type=int, default=1)
            own.add_argument("--simulator", type=int, choices=(1, 2), default=1, help="version")
            own.add_argument("--anatomies", type=Path, help="label maps of heads, for version 2")
            own.add_argument("--test-seed", type=int, default=900, help="another test year; give it an OUT of its own")
        if step is tokens:
            own.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
            own.add_argument("--minutes", type=float)
        if step is predictions:
            own.add_argument("--image-only", action="store_true", help="show the model no text")
    options = parser.parse_args()
    options.step(options)


if __name__ == "__main__":
    main()
