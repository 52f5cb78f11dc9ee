"""What a foreign pickle may be made of besides plain values: stand-ins, builders, and dictionaries with a note.

None of them runs code of the pickle's choosing: a stand-in only keeps what it was given.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from prima.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class InertClass:
    """The name of a foreign class or function, `module.name`; it stands for the real one, which is never imported."""

    module: str
    name: str


class Stateful:
    """Something whose state a pickle may set; each class decides what it keeps of it."""

    __slots__ = ()

    def set_state(self, state: object) -> None:
        """Keep what is wanted of `state`; raises CheckpointError when it is of the wrong kind."""
        raise NotImplementedError


@dataclass(slots=True, eq=False)
class Inert(Stateful):
    """An instance of a foreign class: its name, the arguments it was made with and its attributes, as data.

    `state` holds the attributes by name (for an `nn.Module`: `_parameters`, `_buffers`, `_modules` and plain ones);
    a state that is no dictionary lies under `"__state__"`. `items` holds what was appended, or (key, value) pairs.
    """

    module: str
    name: str
    arguments: tuple[Any, ...] = ()
    state: dict[Any, Any] = field(default_factory=dict)
    items: list[Any] = field(default_factory=list)

    def set_state(self, state: object) -> None:
        """Keep `state`: a dictionary, a pair (dictionary, slots) as objects with `__slots__` have, or any value."""
        parts = state if isinstance(state, tuple) and len(state) == 2 else (state,)
        if not all(part is None or isinstance(part, dict) for part in parts):
            parts = ({"__state__": state},)
        for part in parts:
            if isinstance(part, dict):
                self.state.update(part)

    def __repr__(self) -> str:
        return f"Inert({self.module}.{self.name}, {len(self.state)} attributes)"


class StoredDict(dict[Any, Any], Stateful):
    """An ordered dictionary of the pickle; `attributes` holds what was set on the object itself (`_metadata`)."""

    __slots__ = ("attributes",)

    def __init__(self, *pairs: Any) -> None:
        super().__init__(*pairs)
        self.attributes: dict[Any, Any] = {}

    def set_state(self, state: object) -> None:
        """Keep the attributes of the dictionary object; raises CheckpointError when they are no dictionary."""
        if not isinstance(state, dict):
            raise CheckpointError("the pickle sets attributes of a dictionary from something that is none")
        self.attributes.update(state)


@dataclass(frozen=True, slots=True, eq=False)
class Builder:
    """One of the few functions a pickle may call, all ours; `build` checks its arguments and raises CheckpointError."""

    build: Callable[..., object]


def check_key(key: object, *, nested: bool = False) -> object:
    """Return `key` when it may be the key of a dictionary or the member of a set: a scalar or a short tuple of scalars.

    Deeper and longer keys are refused: hashing the one overflows the stack of the process, the other takes for ever. So
    does a table of large whole numbers chosen to have the same hash.
    """
    if isinstance(key, int) and abs(key) >= 1 << 63:
        raise CheckpointError("the pickle uses a whole number of more than 64 bits as a key")
    if key is None or isinstance(key, str | bytes | int | float | torch.dtype | InertClass):
        return key
    if isinstance(key, tuple) and not nested and len(key) <= 64:
        for member in key:
            check_key(member, nested=True)
        return key
    raise CheckpointError(f"the pickle uses a {type(key).__name__} as the key of a dictionary or the member of a set")
