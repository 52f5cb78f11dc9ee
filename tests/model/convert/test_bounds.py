"""A checkpoint made to use up memory or time, or to overflow a stack, ends in one line soon."""

from __future__ import annotations

import os
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from prima.errors import CheckpointError, PrimaError, UnreadableError
from prima.model.convert import pickle_machine
from prima.model.convert.checkpoint import open_checkpoint
from prima.model.convert.convert import convert
from prima.model.convert.module_tree import module_tensors

from .crafted import name, number, storage_id, tensor, text, write_legacy, write_zip

CASES = ("BUILD_bomb.pt", "module_DAG_40.pt", "rebuild_from_type_deep.pt")
INERT = name("model", "Module") + b")\x81"


def put(index: int) -> bytes:
    return b"r" + struct.pack("<I", index)


def get(index: int) -> bytes:
    return b"j" + struct.pack("<I", index)


def big_dictionary() -> bytes:
    """A dictionary of 3,000 numbers, remembered under 0."""
    return b"}(" + b"".join(number(index) + b"N" for index in range(3000)) + b"u" + put(0)


BOMBS: dict[str, bytes] = {
    "state from one dictionary": big_dictionary() + b"]" + (INERT + get(0) + b"ba") * 3000,
    "state with slots": big_dictionary() + b"]" + (INERT + b"N" + get(0) + b"\x86ba") * 3000,
    "attributes of dictionaries": big_dictionary()
    + b"]"
    + (name("collections", "OrderedDict") + b")R" + get(0) + b"ba") * 3000,
    "copies of a dictionary": big_dictionary() + (name("collections", "OrderedDict") + get(0) + b"\x85R") * 3000,
    "copies of a list": b"](" + b"N" * 3000 + b"e" + put(0) + (name("builtins", "list") + get(0) + b"\x85R") * 12_000,
    "empty dictionaries": b"}" * 300_000,
    "empty sets": b"\x8f" * 200_000,
    "stand-ins": b"".join([name("model", "Module"), put(0), (get(0) + b")\x81") * 70_000]),
    "tuples of a long tuple": b"(" + b"N" * 3000 + b"t" + put(0) + (b"(" + get(0) + b"t") * 270_000,
    "marks": b"(" * 290_000,
    "what is remembered": b"N" + b"".join(put(index) for index in range(280_000)),
    "keys that are long tuples": b"(" + b"K\x01" * 64 + b"t" + put(0) + b"}" + (get(0) + b"Ns") * 100_000,
    "numbers of one hash": b"}(" + b"".join(number(index * ((1 << 61) - 1)) + b"N" for index in range(20_000)) + b"u",
}


@pytest.mark.parametrize("what", BOMBS)
def test_memory_is_charged_for_what_a_pickle_builds(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle_machine, "MAX_BYTES", 16 << 20)
    path = write_zip(tmp_path / "bomb.pt", BOMBS[what])
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError) as caught:
            open_checkpoint(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    assert peak < 24 << 20


@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_a_function_within_a_function_within_a_function(write: Callable[..., Path], tmp_path: Path) -> None:
    maker = name("torch._tensor", "_rebuild_from_type_v2")
    kind = name("torch.nn.parameter", "Parameter")
    start = maker + put(0) + kind + put(1)
    nested = b")"
    for _ in range(5000):
        nested = b"(" + get(0) + get(1) + nested + b"Nt"
    operations = start + b"00" + get(0) + b"(" + get(0) + get(1) + nested + b"NtR"
    with pytest.raises(CheckpointError, match="in a way that torch does not"):
        open_checkpoint(write(tmp_path / "deep.pt", operations))


def modules(children: bytes) -> bytes:
    """A stand-in that holds others."""
    return INERT + b"}" + text("_modules") + b"}(" + children + b"usb"


def test_modules_that_hold_each_other_in_many_ways(tmp_path: Path) -> None:
    for ways, levels in ((2, 40), (50, 4)):
        operations = modules(b"") + put(0)
        for level in range(levels):
            children = b"".join(text(f"m{way}") + get(level) for way in range(ways))
            operations += modules(children) + put(level + 1)
        with (
            open_checkpoint(write_zip(tmp_path / f"{ways}.pt", operations)) as checkpoint,
            pytest.raises(CheckpointError, match="in more than 100,000 ways"),
        ):
            module_tensors(checkpoint.root)


def test_names_that_grow_with_every_level(tmp_path: Path) -> None:
    operations = INERT + b"}" + text("_parameters") + b"}" + text("w") + tensor(storage_id(), 0, (6,), (1,)) + b"ssb"
    operations += put(0)
    for level in range(50):
        operations += modules(text("n" * 900) + get(level)) + put(level + 1)
    with (
        open_checkpoint(write_zip(tmp_path / "a.pt", operations, {"0": bytes(24)})) as checkpoint,
        pytest.raises(CheckpointError, match="more than 1000 letters"),
    ):
        module_tensors(checkpoint.root)


@pytest.mark.parametrize("case", CASES)
def test_the_cases_that_were_found(case: str, shared: Path, tmp_path: Path) -> None:
    path = shared / "data" / "cases" / "convert" / case
    with pytest.raises(CheckpointError) as caught:
        convert(path, path, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_lists_nested_too_deeply_to_be_looked_at(tmp_path: Path) -> None:
    deep = b"]" * 200_000 + b"a" * 199_999
    visual = modules(text("innerViT") + modules(text("transformer") + INERT + b"}" + text("heads") + deep + b"sb"))
    path = write_zip(tmp_path / "a.pt", visual)
    with pytest.raises(PrimaError) as caught:
        convert(path, path, tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_a_pipe_is_no_checkpoint(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pt")
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(UnreadableError, match="pipe or device"):
        convert(tmp_path / "pipe.pt", tmp_path / "pipe.pt", tmp_path / "out")
    good = write_zip(tmp_path / "a.pt", b"}" + text("w") + tensor(storage_id(), 0, (6,), (1,)) + b"s", {"0": bytes(24)})
    with pytest.raises(CheckpointError, match="expected a table in JSON"):
        convert(tmp_path / "pipe.json", good, tmp_path / "out")
