"""The table libraries that an archive needs."""

from __future__ import annotations

from prima.errors import MissingDependencyError


def require_tables() -> None:
    """Say in one line what is missing.

    Raises:
        MissingDependencyError: polars or pyarrow is not installed.
    """
    try:
        import polars  # noqa: F401
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(f"an archive needs {error.name}: pip install 'openprima[archive]'") from None
