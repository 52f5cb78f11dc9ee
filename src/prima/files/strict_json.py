"""JSON read back into frozen dataclasses, exactly: every field present, none unknown, each of its own kind.

A release describes what its weights mean; a guess at a missing or misspelt value would feed the model wrongly. A field
that a later version added (`added`) is absent from older files, and is not written at its default: a file without what
it stands for is the same in both versions, byte for byte and hash for hash.
"""

from __future__ import annotations

import math
from dataclasses import Field, field, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from prima.errors import ReleaseError

Value = TypeVar("Value")

_ADDED = "added"

REMEDY = "restore the file, or use the openprima version that wrote it"


def added(default: Any) -> Any:
    """A dataclass field that came later, with the value that files without it stand for.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True, kw_only=True)
        ... class Sizes:
        ...     width: int
        ...     mirrored: bool = added(False)
        >>> read_json(Sizes, {"width": 3}, "sizes"), values_of(Sizes(width=3)), values_of(Sizes(width=3, mirrored=True))
        (Sizes(width=3, mirrored=False), {'width': 3}, {'width': 3, 'mirrored': True})
    """
    return field(default=default, metadata={_ADDED: True})


def values_of(instance: Any) -> dict[str, Any]:
    """A dataclass as JSON-ready values, as `dataclasses.asdict` gives them, without added fields at their default."""
    return {
        item.name: _values(getattr(instance, item.name))
        for item in fields(instance)
        if not (_is_added(item) and getattr(instance, item.name) == item.default)
    }


def _values(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return values_of(value)
    if isinstance(value, list | tuple):
        return type(value)(_values(item) for item in value)
    if isinstance(value, dict):
        return {key: _values(item) for key, item in value.items()}
    return value


def _is_added(item: Field[Any]) -> bool:
    return bool(item.metadata.get(_ADDED))


def read_json(kind: type[Value], value: Any, where: str) -> Value:
    """A dataclass from JSON-ready values, as `dataclasses.asdict` gives them.

    Args:
        kind: the dataclass; its fields may be dataclasses, tuples, dicts with text keys, literals, plain values or
            any of them or None.
        value: what JSON held.
        where: what to call it in an error.

    Raises:
        ReleaseError: a field is missing, unknown or of the wrong kind.

    Example:
        >>> from prima.tokens.vqvae import VQVAEConfig
        >>> read_json(VQVAEConfig, VQVAEConfig().to_json(), "tokenizer") == VQVAEConfig()
        True
        >>> read_json(VQVAEConfig, VQVAEConfig().to_json() | {"num_codes": "64"}, "tokenizer")
        Traceback (most recent call last):
        prima.errors.ReleaseError: tokenizer.num_codes: found '64', expected int; restore ...
    """
    return cast("Value", _read(kind, value, where))


def _read(kind: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _read_dataclass(cast("type", kind), value, where)
    if origin in (Union, UnionType):
        (value_type,) = (argument for argument in arguments if argument is not NoneType)
        return None if value is None else _read(value_type, value, where)
    if origin is Literal:
        return value if value in arguments and isinstance(value, str) else _wrong(value, kind, where)
    if origin is tuple:
        return _read_tuple(arguments, value, where)
    if origin is dict:
        table = value if isinstance(value, dict) else _wrong(value, dict, where)
        return {key: _read(arguments[1], item, f"{where}[{key!r}]") for key, item in table.items()}
    if kind is Any:
        return value
    return _read_plain(kind, value, where)


def _read_dataclass(kind: type, value: Any, where: str) -> Any:
    table = value if isinstance(value, dict) else _wrong(value, dict, where)
    known = {item.name for item in fields(kind)}
    optional = {item.name for item in fields(kind) if _is_added(item)}
    if odd_names := (table.keys() - known) | (known - optional - table.keys()):
        odd = ", ".join(map(str, sorted(odd_names)))[:200]
        raise ReleaseError(f"{where}: found missing or unknown fields ({odd}); {REMEDY}")
    hints = get_type_hints(kind)
    return kind(**{name: _read(hints[name], item, f"{where}.{name}") for name, item in table.items()})


def _read_tuple(kinds: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    items = value if isinstance(value, list | tuple) else _wrong(value, list, where)
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(items)
    if len(kinds) != len(items):
        raise ReleaseError(f"{where}: found {len(items)} values, expected {len(kinds)}; {REMEDY}")
    return tuple(
        _read(item_type, item, f"{where}[{index}]")
        for index, (item_type, item) in enumerate(zip(kinds, items, strict=True))
    )


def _read_plain(kind: Any, value: Any, where: str) -> Any:
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return value if type(value) is kind and kind is not float else _wrong(value, kind, where)


def _wrong(value: Any, kind: Any, where: str) -> Any:
    expected = kind.__name__ if isinstance(kind, type) else " or ".join(map(repr, get_args(kind)))
    raise ReleaseError(f"{where}: found {ascii(value)[:60]}, expected {expected}; {REMEDY}")
