"""Names that a package exports and loads only when they are used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_exports(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """A `__getattr__` for a package's `__init__`.

    Args:
        package: its name.
        modules: public name → the module that holds it, relative to the package.

    Example:
        >>> find = lazy_exports("json", {"JSONDecoder": "decoder"})
        >>> find("JSONDecoder").__name__
        'JSONDecoder'
        >>> find("absent")
        Traceback (most recent call last):
        AttributeError: module 'json' has no attribute 'absent'
    """

    def find(name: str) -> Any:
        if name in modules:
            return getattr(import_module(f"{package}.{modules[name]}"), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return find
