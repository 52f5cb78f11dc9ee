"""A recipe by its name, or by the import path of a function."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType

from prima.errors import UsageError
from prima.train.recipes.ablations import image_only, no_discrimination, no_sentence_dropout, siglip, without_order
from prima.train.recipes.published import um220k
from prima.train.recipes.recipe import Recipe
from prima.train.recipes.shipped import demo, demo_reports
from prima.train.recipes.small import tiny

_NAMED = (
    *(tiny, demo, demo_reports, um220k),
    *(no_sentence_dropout, no_discrimination, image_only, without_order, siglip),
)
RECIPES: dict[str, Callable[[], Recipe]] = {recipe.__name__: recipe for recipe in _NAMED}


def recipe_of(name: str) -> Recipe:
    """The recipe with a name, or that a function of a module returns.

    Args:
        name: a name of `RECIPES`, or `package.module:function`; modules of the current directory are found too.

    Raises:
        UsageError: there is no such recipe, module or function, it fails, or it returns something else.

    Example:
        >>> from prima.tokens.contract import OPEN
        >>> recipe_of("demo").contract == OPEN
        True
        >>> recipe_of("prima.train.recipes:demo") == recipe_of("demo")
        True
    """
    if name in RECIPES:
        return RECIPES[name]()
    module_name, colon, function_name = name.partition(":")
    if not colon:
        raise UsageError(f"--recipe: found {name!r}, expected one of {', '.join(RECIPES)}, or package.module:function")
    if not module_name or not function_name:
        raise UsageError(f"--recipe: found {name!r}, expected package.module:function")
    with _current_directory_first():
        function = getattr(_import(module_name, name), function_name, None)
        if not callable(function):
            raise UsageError(f"--recipe {name}: found no function {function_name!r} in {module_name!r}, expected one")
        try:
            recipe = function()
        except Exception as error:
            raise UsageError(f"--recipe {name}: the function fails ({_in_one_line(error)})") from error
    if not isinstance(recipe, Recipe):
        raise UsageError(f"--recipe {name}: the function returns a {type(recipe).__name__}, expected a Recipe")
    return recipe


def _import(module_name: str, name: str) -> ModuleType:
    try:
        return import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if not f"{module_name}.".startswith(f"{missing}."):  # a module that the recipe's own module imports
            raise UsageError(f"--recipe {name}: {module_name!r} imports {missing!r}, which is not installed") from error
        raise UsageError(
            f"--recipe {name}: found no module {missing!r}, expected one in the current directory or installed"
        ) from error
    except Exception as error:
        raise UsageError(f"--recipe {name}: {module_name!r} cannot be imported ({_in_one_line(error)})") from error


@contextmanager
def _current_directory_first() -> Iterator[None]:
    """As `python -m` finds modules; the command `prima` alone would look only where Python is installed."""
    working_directory = str(Path.cwd())
    sys.path.insert(0, working_directory)
    try:
        yield
    finally:
        with suppress(ValueError):  # the module may have taken it out itself
            sys.path.remove(working_directory)


def _in_one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
