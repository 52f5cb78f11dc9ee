"""A pickle interpreter that can build data and nothing else.

Python's own unpickler, even with `find_class` overridden, lets a five-byte file ask for 64 GB (`LONG_BINPUT`), lets
`BUILD` set attributes of any function it was handed, and overflows the C stack on the hash of a deep tuple. This one
imports nothing, calls only what `find_name` hands it as `Builder`, and stops at a fixed amount of work.

Source of the opcodes: the documentation in the standard library's `pickletools`.
"""

import codecs
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

from prima.errors import CheckpointError
from prima.model.inert import Builder, Inert, InertClass, Stateful, StoredDict, check_key

MAX_OPERATIONS = 10_000_000
MAX_BYTES = 1 << 30
MAX_LINE = 4096


@dataclass
class ByteRange:
    """The bytes `position` … `end` of an open file, read forwards and never past the end."""

    file: BinaryIO
    position: int
    end: int

    def read(self, count: int) -> bytes:
        """Return exactly `count` bytes; raises CheckpointError when the range holds fewer."""
        if count > self.end - self.position:
            raise CheckpointError("the pickle ends in the middle of a value: the file is truncated or broken")
        data = self.file.read(count)
        if len(data) != count:
            raise CheckpointError("the file became shorter while it was read")
        self.position += count
        return data

    def read_line(self) -> bytes:
        """Return the bytes up to the next newline, without it; a line is at most 4096 bytes long."""
        line = self.file.readline(min(MAX_LINE, self.end - self.position))
        if not line.endswith(b"\n"):
            raise CheckpointError("the pickle holds an unfinished or overlong line: the file is truncated or broken")
        self.position += len(line)
        return line[:-1]


class PickleReader:
    """Runs one pickle after another from `source`.

    `find_name(module, name)` gives what a name stands for or raises; `find_persistent(pid)` does the same for
    persistent ids. Work and memory are bounded over all pickles read by one reader.
    """

    def __init__(
        self,
        source: ByteRange,
        find_name: Callable[[str, str], object],
        find_persistent: Callable[[object], object] | None = None,
    ) -> None:
        self.source = source
        self.find_name = find_name
        self.find_persistent = find_persistent
        self.operations = 0
        self.bytes_made = 0
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

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
            raise CheckpointError(f"the pickle is broken near byte {self.source.position}: {error}") from error

    def charge(self, num_bytes: int) -> None:
        """Count memory about to be used, so that a small file cannot ask for a large amount of it."""
        self.bytes_made += num_bytes
        if self.bytes_made > MAX_BYTES:
            raise CheckpointError(f"the pickle asks for more than {MAX_BYTES >> 20} MB beside its tensors")

    def sized(self, length_format: str) -> bytes:
        """Read a length in `length_format`, then that many bytes."""
        (length,) = struct.unpack(length_format, self.source.read(struct.calcsize(length_format)))
        if length < 0:
            raise CheckpointError("the pickle holds a negative length")
        self.charge(4 * length)
        return self.source.read(length)

    def number(self, number_format: str) -> Any:
        return struct.unpack(number_format, self.source.read(struct.calcsize(number_format)))[0]

    def text_line(self) -> str:
        return self.source.read_line().decode("utf-8")

    def push(self, value: object) -> None:
        self.stack.append(value)

    def pop_mark(self) -> list[Any]:
        """Return what was pushed since the last mark."""
        items, self.stack = self.stack, self.marks.pop()
        return items

    def push_mark(self) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def pop_many(self, count: int) -> tuple[Any, ...]:
        if len(self.stack) < count:
            raise CheckpointError("the pickle takes more from its stack than it put there")
        items = tuple(self.stack[-count:])
        del self.stack[-count:]
        return items

    def remember(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def make(self, maker: object, arguments: object) -> None:
        """Push what a builder or a stand-in makes of its arguments; nothing else can be called."""
        if not isinstance(arguments, tuple):
            raise CheckpointError("the pickle calls a name without a tuple of arguments")
        if isinstance(maker, InertClass):
            self.push(Inert(maker.module, maker.name, arguments))
            return
        if not isinstance(maker, Builder):
            raise CheckpointError(f"the pickle calls a {type(maker).__name__}, which is not a name")
        for argument in arguments:
            if isinstance(argument, str | bytes | bytearray):
                self.charge(4 * len(argument))
            elif isinstance(argument, list | tuple | dict | set | frozenset):
                self.charge(128 * len(argument))
        self.push(maker.build(*arguments))

    def make_from_mark(self) -> None:
        maker, *arguments = self.pop_mark()
        self.make(maker, tuple(arguments))

    def make_from_line(self) -> None:
        maker = self.name(self.text_line(), self.text_line())
        self.make(maker, tuple(self.pop_mark()))

    def dictionary(self) -> None:
        items = self.pop_mark()
        self.push({})
        self.set_all(items)

    def append_all(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, Inert):
            target.items.extend(items)
        elif type(target) is list:
            target.extend(items)
        else:
            raise CheckpointError(f"the pickle appends to a {type(target).__name__}")

    def set_all(self, items: list[Any]) -> None:
        target = self.stack[-1]
        pairs = list(zip(items[::2], items[1::2], strict=True))
        if isinstance(target, Inert):
            target.items.extend(pairs)
        elif type(target) is dict or type(target) is StoredDict:
            target.update((check_key(key), value) for key, value in pairs)
        else:
            raise CheckpointError(f"the pickle sets items of a {type(target).__name__}")

    def add_all(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not set:
            raise CheckpointError(f"the pickle adds members to a {type(target).__name__}")
        target.update(check_key(item) for item in items)

    def set_state(self, state: object) -> None:
        target = self.stack[-1]
        if not isinstance(target, Stateful):
            raise CheckpointError(f"the pickle sets the state of a {type(target).__name__}, which has none")
        target.set_state(state)

    def persistent(self, pid: object) -> None:
        if self.find_persistent is None:
            raise CheckpointError("the pickle refers to a storage where none can be")
        self.push(self.find_persistent(pid))

    def name(self, module: object, name: object) -> object:
        if not isinstance(module, str) or not isinstance(name, str):
            raise CheckpointError("the pickle gives a name that is not text")
        return self.find_name(module, name)

    def make_with_keywords(self, maker: object, arguments: object, keywords: object) -> None:
        if keywords and not isinstance(maker, InertClass):
            raise CheckpointError("the pickle passes keyword arguments, which nothing allowed takes")
        self.make(maker, arguments)

    def frame(self) -> None:
        if self.number("<Q") > self.source.end - self.source.position:
            raise CheckpointError("the pickle announces a frame longer than the file")

    def protocol(self) -> None:
        if (protocol := self.number("<B")) > 5:
            raise CheckpointError(f"the pickle is of protocol {protocol}; 0 to 5 are known")


def _text_string(reader: PickleReader) -> str:
    line = reader.source.read_line()
    if len(line) < 2 or line[:1] not in b"'\"" or line[:1] != line[-1:]:
        raise CheckpointError("the pickle holds a string without quotes")
    return codecs.escape_decode(line[1:-1])[0].decode("utf-8")


def _text_integer(reader: PickleReader) -> int | bool:
    line = reader.text_line()
    return {"00": False, "01": True}[line] if line in ("00", "01") else int(line)


def _long(data: bytes) -> int:
    if len(data) > 255:
        raise CheckpointError("the pickle holds an integer of more than 255 bytes")
    return int.from_bytes(data, "little", signed=True)


def _utf8(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


Operation = Callable[[PickleReader], object]

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
    b"(": PickleReader.push_mark,
    b"0": lambda r: r.stack.pop() if r.stack else r.pop_mark(),
    b"1": PickleReader.pop_mark,
    b"2": lambda r: r.push(r.stack[-1]),
    # containers
    b"\x85": lambda r: r.push(r.pop_many(1)),
    b"\x86": lambda r: r.push(r.pop_many(2)),
    b"\x87": lambda r: r.push(r.pop_many(3)),
    b"t": lambda r: r.push(tuple(r.pop_mark())),
    b"l": lambda r: r.push(r.pop_mark()),
    b"d": PickleReader.dictionary,
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
    b"g": lambda r: r.push(r.memo[int(r.text_line())]),
    b"h": lambda r: r.push(r.memo[r.number("<B")]),
    b"j": lambda r: r.push(r.memo[r.number("<I")]),
    # names and what is made of them
    b"c": lambda r: r.push(r.name(r.text_line(), r.text_line())),
    b"\x93": lambda r: r.push(r.name(*r.pop_many(2))),
    b"i": PickleReader.make_from_line,
    b"o": PickleReader.make_from_mark,
    b"R": lambda r: r.make(*r.pop_many(2)),
    b"\x81": lambda r: r.make(*r.pop_many(2)),
    b"\x92": lambda r: r.make_with_keywords(*r.pop_many(3)),
    b"b": lambda r: r.set_state(r.stack.pop()),
    b"Q": lambda r: r.persistent(r.stack.pop()),
    # framing
    b"\x80": PickleReader.protocol,
    b"\x95": PickleReader.frame,
}
