"""JSON read back into frozen dataclasses, exactly: every field present, none unknown, each of its own kind.

A release describes what its weights mean; a guess at a missing or misspelt value would feed the model wrongly.
"""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from prima.errors import ReleaseError

Value = TypeVar("Value")

REMEDY = "restore the file, or use the openprima version that wrote it"


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
    known = {field.name for field in fields(kind)}
    if table.keys() != known:
        odd = ", ".join(map(str, sorted(table.keys() ^ known)))[:200]
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
