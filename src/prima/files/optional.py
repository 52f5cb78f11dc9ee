"""Packages that not every installation has: one function, whose error is the line that installs what is missing."""

from __future__ import annotations

import importlib
import re
from importlib import metadata
from typing import Any, Literal, get_args

from prima.errors import MissingDependencyError

Extra = Literal["archive", "evaluate", "ray", "simulate", "train"]
"""Extras of the distribution, as in pyproject.toml."""
EXTRAS: tuple[Extra, ...] = get_args(Extra)


def require(module: str, needed_for: str, *, extra: Extra | None = None, package: str = "") -> Any:
    """Import a package, or say in one line how to install it.

    Args:
        module: what to import.
        needed_for: what cannot be done without it, as the subject of "... needs PACKAGE".
        extra: the extra of openprima that brings it; None installs the package alone.
        package: that holds the module; by default the module's first part.

    Returns:
        The module.

    Raises:
        MissingDependencyError: it is not installed, or is and cannot be imported.

    Example:
        >>> require("json", "reading a card").loads("[1]")
        [1]
        >>> require("no_such_package.part", "the example", extra="train")
        Traceback (most recent call last):
        prima.errors.MissingDependencyError: the example needs no_such_package: pip install 'openprima[train]'
    """
    package = package or module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ImportError as error:
        absent = isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in module.split(".")
        raise missing(package, needed_for, extra=extra, error=None if absent else error) from None


def missing(
    package: str, needed_for: str, *, extra: Extra | None = None, error: ImportError | None = None
) -> MissingDependencyError:
    """The error of `require`, for an import that somebody else makes.

    Args:
        package, needed_for, extra: as for `require`.
        error: why a package that is there cannot be imported.
    """
    why = "" if error is None else f", and found one that cannot be imported ({' '.join(str(error).split())[:120]})"
    install = f"pip install {package}" if extra is None else install_line(extra)
    return MissingDependencyError(f"{needed_for} needs {package}{why}: {install}")


def install_line(extra: Extra) -> str:
    """The line that installs an extra."""
    return f"pip install 'openprima[{extra}]'"


def packages_of(extra: Extra) -> list[str]:
    """Packages that an extra brings, by name, as the installed distribution says; none where it says nothing.

    Example:
        >>> packages_of("evaluate")
        ['polars']
    """
    try:
        lines = metadata.requires("openprima") or []
    except metadata.PackageNotFoundError:
        return []
    marked = re.compile(rf"""extra == ['"]{extra}['"]""")
    names = [match[0] for line in lines if marked.search(line) and (match := re.match(r"[A-Za-z0-9._-]+", line))]
    return [name for name in names if name != "openprima"]


def require_tables(needed_for: str = "an archive") -> None:
    """Say in one line when a table library is missing.

    Raises:
        MissingDependencyError: polars or pyarrow is not installed.
    """
    for module in ("polars", "pyarrow"):
        require(module, needed_for, extra="archive")
