"""A pickle interpreter that can build data and nothing else.

Python's own unpickler, even with `find_class` overridden, lets a five-byte file ask for 64 GB (`LONG_BINPUT`), lets
`BUILD` set attributes of any function it was handed, and overflows the C stack on the hash of a deep tuple. This one
imports nothing, calls only what `find_name` hands it as `Builder`, and stops at a fixed amount of work.

Source of the opcodes: the documentation in the standard library's `pickletools`.
"""

import codecs
import struct
from collections.abc import Callable
from typing import Any

from prima.errors import CheckpointError
from prima.model.convert.inert import check_key
from prima.model.convert.pickle_machine import PickleMachine

MAX_OPERATIONS = 2_000_000


class PickleReader(PickleMachine):
    """Runs one pickle after another from `source`, with at most two million operations in all."""

    def load(self) -> Any:
        """Return the object of the next pickle; raises CheckpointError on anything broken or not allowed."""
        self.stack, self.marks, self.memo = [], [], {}
        self.source.file.seek(self.source.position)
        try:
            while (code := self.source.read(1)) != b".":
                self.operations += 1
                if self.operations > MAX_OPERATIONS:
                    raise CheckpointError(f"the pickle takes more than {MAX_OPERATIONS} operations, no model does")
                operation = OPERATIONS.get(code)
                if operation is None:
                    raise CheckpointError(f"the pickle uses operation {code!r}, which no checkpoint needs")
                operation(self)
            return self.stack.pop()
        except (IndexError, KeyError, TypeError, ValueError, OverflowError, AttributeError, struct.error) as error:
            raise CheckpointError(
                f"the pickle is broken near byte {self.source.position}: {str(error)[:200]}"
            ) from error
        except (RecursionError, MemoryError):
            raise CheckpointError(f"the pickle nests or grows too far near byte {self.source.position}") from None


def _text_string(reader: PickleMachine) -> str:
    line = reader.source.read_line()
    if len(line) < 2 or line[:1] not in b"'\"" or line[:1] != line[-1:]:
        raise CheckpointError("the pickle holds a string without quotes")
    return codecs.escape_decode(line[1:-1])[0].decode("utf-8")


def _text_integer(reader: PickleMachine) -> int | bool:
    line = reader.text_line()
    return {"00": False, "01": True}[line] if line in ("00", "01") else int(line)


def _long(data: bytes) -> int:
    if len(data) > 255:
        raise CheckpointError("the pickle holds an integer of more than 255 bytes")
    return int.from_bytes(data, "little", signed=True)


def _utf8(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


Operation = Callable[[PickleMachine], object]

OPERATIONS: dict[bytes, Operation] = {
    # constants and empty containers
    b"N": lambda r: r.push(None),
    b"\x88": lambda r: r.push(True),
    b"\x89": lambda r: r.push(False),
    b")": lambda r: r.push(()),
    b"]": lambda r: r.push([]),
    b"}": lambda r: r.push({}),
    b"\x8f": lambda r: r.push(set()),
    # numbers
    b"K": lambda r: r.push(r.number("<B")),
    b"M": lambda r: r.push(r.number("<H")),
    b"J": lambda r: r.push(r.number("<i")),
    b"G": lambda r: r.push(r.number(">d")),
    b"I": lambda r: r.push(_text_integer(r)),
    b"L": lambda r: r.push(int(r.text_line().removesuffix("L"))),
    b"F": lambda r: r.push(float(r.text_line())),
    b"\x8a": lambda r: r.push(_long(r.sized("<B"))),
    b"\x8b": lambda r: r.push(_long(r.sized("<i"))),
    # text and bytes
    b"X": lambda r: r.push(_utf8(r.sized("<I"))),
    b"\x8c": lambda r: r.push(_utf8(r.sized("<B"))),
    b"\x8d": lambda r: r.push(_utf8(r.sized("<Q"))),
    b"V": lambda r: r.push(r.source.read_line().decode("raw-unicode-escape")),
    b"S": lambda r: r.push(_text_string(r)),
    b"T": lambda r: r.push(_utf8(r.sized("<i"))),
    b"U": lambda r: r.push(_utf8(r.sized("<B"))),
    b"B": lambda r: r.push(r.sized("<I")),
    b"C": lambda r: r.push(r.sized("<B")),
    b"\x8e": lambda r: r.push(r.sized("<Q")),
    b"\x96": lambda r: r.push(r.sized("<Q")),
    # the stack
    b"(": PickleMachine.push_mark,
    b"0": lambda r: r.stack.pop() if r.stack else r.pop_mark(),
    b"1": PickleMachine.pop_mark,
    b"2": lambda r: r.push_again(r.stack[-1]),
    # containers
    b"\x85": lambda r: r.push(r.pop_many(1)),
    b"\x86": lambda r: r.push(r.pop_many(2)),
    b"\x87": lambda r: r.push(r.pop_many(3)),
    b"t": lambda r: r.push(tuple(r.pop_mark())),
    b"l": lambda r: r.push(r.pop_mark()),
    b"d": PickleMachine.dictionary,
    b"\x91": lambda r: r.push(frozenset(check_key(item) for item in r.pop_mark())),
    b"a": lambda r: r.append_all([r.stack.pop()]),
    b"e": lambda r: r.append_all(r.pop_mark()),
    b"s": lambda r: r.set_all(list(r.pop_many(2))),
    b"u": lambda r: r.set_all(r.pop_mark()),
    b"\x90": lambda r: r.add_all(r.pop_mark()),
    # the memo
    b"p": lambda r: r.remember(int(r.text_line())),
    b"q": lambda r: r.remember(r.number("<B")),
    b"r": lambda r: r.remember(r.number("<I")),
    b"\x94": lambda r: r.remember(len(r.memo)),
    b"g": lambda r: r.push_again(r.memo[int(r.text_line())]),
    b"h": lambda r: r.push_again(r.memo[r.number("<B")]),
    b"j": lambda r: r.push_again(r.memo[r.number("<I")]),
    # names and what is made of them
    b"c": lambda r: r.push(r.name(r.text_line(), r.text_line())),
    b"\x93": lambda r: r.push(r.name(*r.pop_many(2))),
    b"i": PickleMachine.make_from_line,
    b"o": PickleMachine.make_from_mark,
    b"R": lambda r: r.make(*r.pop_many(2)),
    b"\x81": lambda r: r.make(*r.pop_many(2)),
    b"\x92": lambda r: r.make_with_keywords(*r.pop_many(3)),
    b"b": lambda r: r.set_state(r.stack.pop()),
    b"Q": lambda r: r.persistent(r.stack.pop()),
    # framing
    b"\x80": PickleMachine.protocol,
    b"\x95": PickleMachine.frame,
}
