"""What the operations of a pickle may do: push data, look up names, and call builders of ours.

Nothing here imports, calls or sets an attribute of anything that a pickle brings along.
"""

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from sys import getsizeof
from typing import Any, BinaryIO

from prima.errors import CheckpointError
from prima.model.convert.inert import Builder, Inert, InertClass, Stateful, StoredDict, check_key
from prima.model.convert.lazy_tensor import LazyTensor

MAX_BYTES = 256 << 20
MAX_LINE = 4096
# What one entry of a container takes, at most: a pair of a dictionary with its share of the empty places.
_ENTRY_BYTES = 104
# A stand-in, a tensor or a dictionary with a note, each with the containers it begins with.
_OBJECT_BYTES = 512


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


class PickleMachine:
    """The stack, the marks and the memo that the operations of a pickle work on.

    `find_name(module, name)` gives what a name stands for or raises; `find_persistent(pid)` does the same for
    persistent ids. Work and memory are counted over all pickles that run on one machine.
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

    def charge(self, num_bytes: int) -> None:
        """Count memory about to be used, so that a small file cannot ask for a large amount of it."""
        self.bytes_made += num_bytes
        if self.bytes_made > MAX_BYTES:
            raise CheckpointError(f"the pickle asks for more than {MAX_BYTES >> 20} MB beside its tensors")

    def charge_entries(self, values: Iterable[object]) -> None:
        """Count what entries of a container take, and what it takes to hash those that are tuples."""
        for value in values:
            self.charge(_ENTRY_BYTES + (_ENTRY_BYTES * len(value) if type(value) is tuple else 0))

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
        """Push something new, which is charged by its size."""
        self.charge(_OBJECT_BYTES if isinstance(value, Stateful | LazyTensor) else getsizeof(value) + 8)
        self.stack.append(value)

    def push_again(self, value: object) -> None:
        """Push something that is there already."""
        self.charge(8)
        self.stack.append(value)

    def pop_mark(self) -> list[Any]:
        """Return what was pushed since the last mark."""
        items, self.stack = self.stack, self.marks.pop()
        return items

    def push_mark(self) -> None:
        self.charge(_ENTRY_BYTES)
        self.marks.append(self.stack)
        self.stack = []

    def pop_many(self, count: int) -> tuple[Any, ...]:
        if len(self.stack) < count:
            raise CheckpointError("the pickle takes more from its stack than it put there")
        items = tuple(self.stack[-count:])
        del self.stack[-count:]
        return items

    def remember(self, index: int) -> None:
        self.charge(_ENTRY_BYTES)
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
                self.charge_entries(argument)
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
        self.charge(_ENTRY_BYTES * len(items))
        if isinstance(target, Inert):
            target.items.extend(items)
        elif type(target) is list:
            target.extend(items)
        else:
            raise CheckpointError(f"the pickle appends to a {type(target).__name__}")

    def set_all(self, items: list[Any]) -> None:
        target = self.stack[-1]
        pairs = list(zip(items[::2], items[1::2], strict=True))
        self.charge_entries(items[::2])
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
        self.charge_entries(items)
        target.update(check_key(item) for item in items)

    def set_state(self, state: object) -> None:
        target = self.stack[-1]
        if not isinstance(target, Stateful):
            raise CheckpointError(f"the pickle sets the state of a {type(target).__name__}, which has none")
        for part in (state, *(state if isinstance(state, tuple) else ())):
            if isinstance(part, dict):
                self.charge_entries(part)
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
