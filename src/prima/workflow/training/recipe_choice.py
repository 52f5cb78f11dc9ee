"""Which recipe a stage follows when none is named, and whether the recipe fits the run."""

from __future__ import annotations

import json
from pathlib import Path

from prima.errors import UsageError
from prima.model.release.manifest import MANIFEST_FILE
from prima.train.recipes import RECIPES, Recipe, recipe_of
from prima.train.run_folder import TOKENS_RELEASE
from prima.workflow.training.source import is_archive
from prima.workflow.training.stage import RECIPE_FILE

WITHOUT_MASKS, WITH_MASKS = "demo_reports", "demo"


def choose_recipe(name: str | None, source: Path, run: Path) -> Recipe:
    """The named recipe; without a name that of the run's tokenizer, else the one that fits the source.

    An archive has reports and no masks: `demo_reports`. A folder of patches or tokens may have masks: `demo`.

    Args:
        name: as for `recipe_of`.
        source: an archive, or a folder with train/ and validation/.
        run: the run folder; need not exist yet.

    Raises:
        UsageError: there is no such recipe, or the run was begun with one that has no name here.
    """
    if name is not None:
        return recipe_of(name)
    begun_with = _recipe_of_tokenizer(run)
    if begun_with is None:
        return recipe_of(WITHOUT_MASKS if is_archive(source) else WITH_MASKS)
    if begun_with not in RECIPES:
        raise UsageError(f"{run}: found a run of the recipe {begun_with}, expected --recipe package.module:function")
    return recipe_of(begun_with)


def check_recipe(recipe: Recipe, run: Path) -> None:
    """Stop when the run's tokenizer makes tokens of another width than the recipe reads.

    Raises:
        UsageError: names both recipes and what to do.
    """
    manifest = run / TOKENS_RELEASE / MANIFEST_FILE
    if not manifest.is_file():
        return
    found = json.loads(manifest.read_text(encoding="utf-8"))["vision"]["token_width"]
    expected = recipe.study.model.vision.token_width
    if found != expected:
        begun_with = _recipe_of_tokenizer(run) or "another recipe"
        raise UsageError(
            f"{run}: found tokens {found} wide, by the tokenizer of {begun_with}, expected {expected} for the recipe "
            f"{recipe.name}; leave --recipe out to go on with {begun_with}, or choose another RUN"
        )


def _recipe_of_tokenizer(run: Path) -> str | None:
    path = run / "tokenizer" / RECIPE_FILE
    return str(json.loads(path.read_text(encoding="utf-8"))["recipe"]) if path.is_file() else None
