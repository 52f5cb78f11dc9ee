"""Recipes: functions that return everything that decides a run as one value; a variant changes a few fields of another.

The resolved recipe is saved as JSON beside the weights that come of it.
"""

from typing import TYPE_CHECKING

from prima.files.lazy import lazy_exports

if TYPE_CHECKING:
    from prima.train.recipes.find import RECIPES, recipe_of
    from prima.train.recipes.published import um220k
    from prima.train.recipes.recipe import Recipe
    from prima.train.recipes.shipped import demo, demo_reports
    from prima.train.recipes.small import tiny

__all__ = ["RECIPES", "Recipe", "demo", "demo_reports", "recipe_of", "tiny", "um220k"]

__getattr__ = lazy_exports(
    __name__,
    {
        "RECIPES": "find",
        "Recipe": "recipe",
        "demo": "shipped",
        "demo_reports": "shipped",
        "recipe_of": "find",
        "tiny": "small",
        "um220k": "published",
    },
)
