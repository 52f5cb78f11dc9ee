"""Recipes: complete, JSON-ready, of the sizes they promise, and variants that change what they say and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from prima.errors import UsageError
from prima.model.networks.vision import HierarchicalViT
from prima.model.release.untrained import PUBLISHED_SIZES
from prima.study.ontology import DIAGNOSES
from prima.tokens.contract import OPEN, PUBLISHED
from prima.tokens.vqvae import VQVAE, Encoder
from prima.train.recipes import RECIPES, recipe_of
from prima.train.tokenizer.task import latent_width


def differing(one: Any, other: Any, name: str = "") -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            yield from differing(one.get(key), other.get(key), f"{name}.{key}" if name else key)
    elif one != other:
        yield name


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_complete_and_json_ready(name: str) -> None:
    recipe = recipe_of(name)
    assert recipe.name == name
    values = recipe.to_json()
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    vision = recipe.study.model.vision
    row = latent_width(recipe.tokenizer.model, recipe.contract) + 3 * recipe.contract.position_dims + 3
    assert row == (vision.token_width or vision.sequence.width) == recipe.names.token_width
    assert recipe.names.width == vision.sequence.width
    assert recipe.names.encoder == vision.series_name


@pytest.mark.parametrize(
    ("name", "base", "fields"),
    [
        (
            "demo",
            "demo_reports",
            {
                "tokenizer.model.dense_hidden",
                "tokenizer.model.reconstruction_share",
                "tokenizer.patches_per_study",
                "tokenizer.weights.dense",
                "study.model.dense",
                "heads.evidence",
                "heads.kinds",
                "heads.left_out",
                "study.model.vision.compared",
            }
            | {f"study.weights.{name}" for name in ("tokens", "series", "labels", "priority", "referrals")},
        ),
        ("no_sentence_dropout", "demo_reports", {"study.sentences.alone", "study.sentences.drop"}),
        ("no_discrimination", "demo_reports", {"study.weights.discrimination"}),
        ("image_only", "demo_reports", {"study.mode"}),
        ("without_order", "demo_reports", {"study.mode"}),
        ("siglip", "demo_reports", {"study.model.contrast.objective", "study.model.contrast.scale"}),
    ],
)
def test_a_variant_changes_what_it_says_and_nothing_else(name: str, base: str, fields: set[str]) -> None:
    found = set(differing(recipe_of(name).to_json(), recipe_of(base).to_json()))
    assert found == {"name", *fields}


def test_only_demo_learns_from_masks() -> None:
    assert [name for name in RECIPES if recipe_of(name).has_masks] == ["demo"]


def test_the_recipe_of_um_220k_has_the_published_sizes() -> None:
    recipe = recipe_of("um220k")
    assert recipe.contract == PUBLISHED
    assert recipe.study.model.vision == PUBLISHED_SIZES.vision
    assert recipe.study.model.vision.feature_dim == 10_240
    assert recipe.study_engine.optimiser.learning_rate == 2e-6


def test_the_demo_fits_into_a_wheel_and_its_encoder_is_cheap() -> None:
    recipe = recipe_of("demo")
    vision, tokenizer = recipe.study.model.vision, recipe.tokenizer.model.vqvae
    assert vision.evidence >= len(DIAGNOSES)
    with torch.device("meta"):
        modules = (HierarchicalViT(vision), VQVAE(tokenizer))
    num_bytes = 4 * sum(one.numel() for module in modules for one in module.parameters())
    num_bytes += 4 * recipe.heads.hidden * (vision.feature_dim + 100)
    assert num_bytes < 30e6
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        Encoder(tokenizer)(torch.zeros(1, 1, *OPEN.encoder_shape("axial")))
    assert counter.get_total_flops() < 1e9


def test_an_unknown_recipe_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="found 'huge', expected one of tiny, demo, demo_reports, um220k"):
        recipe_of("huge")


BROKEN = """
def fails():
    raise ValueError("no such\\nstudy")
"""


@pytest.mark.parametrize(
    ("module", "text", "function", "message"),
    [
        ("recipes_a", BROKEN, "fails", "the function fails (ValueError: no such study)"),
        ("recipes_b", "def (", "ours", "'recipes_b' cannot be imported (SyntaxError: "),
        ("recipes_c", "import absent_package", "ours", "'recipes_c' imports 'absent_package', which is not installed"),
        ("recipes_d", "def ours(x): ...", "ours", "the function fails (TypeError: ours() missing 1 required"),
        ("recipes_e", "ours = 3", "ours", "found no function 'ours' in 'recipes_e', expected one"),
    ],
)
def test_a_broken_recipe_of_a_site_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, text: str, function: str, message: str
) -> None:
    (tmp_path / f"{module}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as error:
        recipe_of(f"{module}:{function}")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_recipe_of_a_package_is_found_by_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "our_site").mkdir()
    recipes = "from prima.train import demo\n\ndef ours():\n    from our_site.later import NAME\n    return demo()\n"
    (tmp_path / "our_site" / "recipes.py").write_text(recipes)
    (tmp_path / "our_site" / "later.py").write_text("NAME = 1\n")
    monkeypatch.chdir(tmp_path)
    assert recipe_of("our_site.recipes:ours") == recipe_of("demo")
    with pytest.raises(UsageError, match=r"found no module 'our_site\.absent'"):
        recipe_of("our_site.absent:ours")


def test_every_recipe_is_documented() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "recipes.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE) == list(RECIPES)
