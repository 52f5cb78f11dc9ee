"""The recipe that a stage takes when none is named, and one that does not fit the run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prima.archive.store.layout import Archive
from prima.errors import UsageError
from prima.train.recipes import recipe_of
from prima.workflow.training.recipe_choice import check_recipe, choose_recipe


def begin(run: Path, recipe: str) -> None:
    (run / "tokenizer").mkdir(parents=True)
    (run / "tokenizer" / "recipe.json").write_text(json.dumps({"recipe": recipe}))


def test_an_archive_takes_reports_and_a_folder_may_have_masks(tmp_path: Path) -> None:
    archive = Archive.open_or_make(tmp_path / "archive").root
    assert choose_recipe(None, archive, tmp_path / "run").name == "demo_reports"
    assert choose_recipe(None, tmp_path, tmp_path / "run").name == "demo"
    assert choose_recipe("tiny", archive, tmp_path / "run").name == "tiny"


def test_a_run_goes_on_with_its_own(tmp_path: Path) -> None:
    begin(tmp_path, "tiny")
    assert choose_recipe(None, tmp_path, tmp_path).name == "tiny"
    assert choose_recipe("demo", tmp_path, tmp_path).name == "demo"


def test_a_recipe_of_a_site_has_to_be_named_again(tmp_path: Path) -> None:
    begin(tmp_path, "hospital")
    with pytest.raises(UsageError, match=r"recipe hospital, expected --recipe package\.module:function"):
        choose_recipe(None, tmp_path, tmp_path)


def test_a_run_without_tokens_yet_fits_any(tmp_path: Path) -> None:
    check_recipe(recipe_of("demo"), tmp_path)
