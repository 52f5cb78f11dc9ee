"""Single numbers that numpy wrote into a pickle (a threshold, say), read without numpy's own constructors."""

import struct

from prima.errors import CheckpointError
from prima.model.convert.inert import Stateful

FORMATS = {
    "f2": "e", "f4": "f", "f8": "d", "b1": "?",
    "i1": "b", "i2": "h", "i4": "i", "i8": "q",
    "u1": "B", "u2": "H", "u4": "I", "u8": "Q",
}  # fmt: skip


class NumpyDtype(Stateful):
    """A numpy number type: `code` is a letter for the kind and the bytes (`f8`), `order` is `<` or `>`."""

    __slots__ = ("code", "order")

    def __init__(self, code: str) -> None:
        self.code = code
        self.order = "<"

    def set_state(self, state: object) -> None:
        """Take the byte order from the state that numpy writes, `(version, order, ...)`."""
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise CheckpointError("the pickle holds a numpy type whose byte order is unknown")
        self.order = ">" if state[1] == ">" else "<"


def numpy_dtype(code: object, align: object = False, copy: object = True) -> NumpyDtype:  # noqa: ARG001
    """Return the number type `code`; raises CheckpointError for objects, records and text."""
    if not isinstance(code, str) or code not in FORMATS:
        raise CheckpointError(f"the pickle holds numpy values of type {ascii(code)[:40]}; only plain numbers are read")
    return NumpyDtype(code)


def numpy_scalar(kind: object, data: object = b"") -> int | float | bool:
    """Return the Python number that `data` is in the type `kind`.

    >>> numpy_scalar(numpy_dtype("f8"), bytes.fromhex("000000000000e03f"))
    0.5
    """
    if not isinstance(kind, NumpyDtype) or not isinstance(data, bytes):
        raise CheckpointError("the pickle makes a numpy number of something else than its bytes")
    number: int | float | bool = struct.unpack(kind.order + FORMATS[kind.code], data)[0]
    return number
