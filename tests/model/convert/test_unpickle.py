"""A checkpoint can build data and nothing else: whatever it names, however it names it, nothing of it runs."""

import copyreg
import os
import pickle
import random
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from prima.errors import CheckpointError
from prima.model.convert import pickle_machine, unpickle
from prima.model.convert.checkpoint import open_checkpoint
from prima.model.convert.inert import Inert, InertClass

from .crafted import name, number, storage_id, tensor, text, write_legacy, write_zip

Writer = Callable[[Path, bytes], Path]
both_forms = pytest.mark.parametrize("write", [write_zip, write_legacy], ids=["zip", "legacy"])


def opened(path: Path) -> object:
    with open_checkpoint(path) as checkpoint:
        return checkpoint.root


def calls_of(module: str, function: str, argument: str) -> dict[str, bytes]:
    """Every way in which a pickle can have `module.function` called with one string."""
    arguments = b"(" + text(argument) + b"t"
    return {
        "REDUCE": name(module, function) + arguments + b"R",
        "REDUCE of STACK_GLOBAL": text(module) + text(function) + b"\x93" + arguments + b"R",
        "INST": b"(" + text(argument) + f"i{module}\n{function}\n".encode(),
        "INST of old strings": f"(S'{argument}'\ni{module}\n{function}\n".encode(),
        "OBJ": b"(" + name(module, function) + text(argument) + b"o",
        "NEWOBJ": name(module, function) + arguments + b"\x81",
        "NEWOBJ_EX": name(module, function) + arguments + b"}\x92",
        "BUILD": (
            name("model", "CLIP") + b")R}" + text("__setstate__") + name(module, function) + b"sb"
            + text(argument) + b"b"
        ),
        "argument of a stand-in": name("model", "CLIP") + b"(" + name(module, function) + text(argument) + b"tR",
    }  # fmt: skip


@both_forms
@pytest.mark.parametrize("way", calls_of("posix", "system", ""))
def test_os_system_in_a_checkpoint_does_not_run(write: Writer, way: str, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    path = write(tmp_path / "evil.pt", calls_of("posix", "system", f"touch {marker}")[way])
    with pytest.raises(CheckpointError, match=r"'posix\.system', which is not on the list"):
        opened(path)
    assert not marker.exists()


class _Evil:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("new_form", [True, False])
def test_os_system_saved_by_torch_does_not_run(new_form: bool, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    state = {"weight": torch.zeros(3), "more": [_Evil(marker)]}
    torch.save(state, tmp_path / "evil.pt", _use_new_zipfile_serialization=new_form)
    with pytest.raises(CheckpointError, match=r"evil\.pt: checkpoint names '(posix|nt)\.system'"):
        opened(tmp_path / "evil.pt")
    assert not marker.exists()
    torch.load(tmp_path / "evil.pt", weights_only=False)
    assert marker.exists(), "the file was harmless, so the test proves nothing"


@both_forms
@pytest.mark.parametrize(
    "full_name",
    [
        "builtins.eval", "builtins.exec", "builtins.getattr", "builtins.__import__", "builtins.open",
        "__builtin__.eval", "functools.partial", "operator.attrgetter", "subprocess.Popen", "os.system", "nt.system",
        "importlib.import_module", "torch.load", "torch.hub.load", "torch.storage._load_from_bytes",
        "torch._utils._rebuild_qtensor", "torch.nnx.Evil", "numpy.load", "numpy.core.multiarray.fromfile",
        "codecs.decode", "_codecs.decode", "pickle.loads", "copyreg._reconstructor",
        "modelx.CLIP", "transformersx.Model", "prima.model.convert.checkpoint.open_checkpoint", "collections.UserDict",
    ],
)  # fmt: skip
def test_names_outside_the_list_are_refused_by_name(write: Writer, full_name: str, tmp_path: Path) -> None:
    module, _, attribute = full_name.rpartition(".")
    with pytest.raises(CheckpointError, match=f"'{full_name}'"):
        opened(write(tmp_path / "a.pt", name(module, attribute)))


def test_a_name_cannot_write_into_the_terminal_or_the_log(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        opened(write_zip(tmp_path / "a.pt", text("os\n\x1b[2J") + text("é" * 5000) + b"\x93"))
    message = str(caught.value).removeprefix(str(tmp_path))
    assert message.isascii() and message.isprintable() and len(message) < 1500


def test_modules_named_by_a_checkpoint_are_not_imported(tmp_path: Path) -> None:
    marker = tmp_path / "imported"
    for module in ("patchify", "monai"):
        (tmp_path / f"{module}.py").write_text(f"open({str(marker)!r}, 'w').close()")
    path = write_zip(tmp_path / "a.pt", name("patchify", "Patchifier") + b")R0" + name("monai", "VQVAE"))
    code = (
        "import sys, pathlib; from prima.model.convert.checkpoint import open_checkpoint as o; "
        "o(pathlib.Path(sys.argv[1]))"
    )
    source = Path(unpickle.__file__).parents[3]
    environment = {"PYTHONPATH": f"{tmp_path}:{source}", "PATH": os.environ["PATH"]}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(path)], check=True, env=environment)
    assert not marker.exists()


def test_stand_ins_keep_what_they_are_given_and_resolve_nothing(tmp_path: Path) -> None:
    # a dotted name below an allowed package reaches nothing: no attribute is ever looked up
    dotted = text("transformers") + text("os.system") + b"\x93"
    root = opened(write_zip(tmp_path / "a.pt", dotted + b"(" + text("touch x") + b"tR" + b"}" + text("a") + b"K\x01sb"))
    assert isinstance(root, Inert)
    assert (root.module, root.name, root.arguments, root.state) == ("transformers", "os.system", ("touch x",), {"a": 1})


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        (b"}" + text("a") + b"K\x01s", {"a": 1}),
        (b"N}" + text("slot") + b"K\x02s\x86", {"slot": 2}),
        (b"}" + text("a") + b"K\x01s}" + text("slot") + b"K\x02s\x86", {"a": 1, "slot": 2}),
        (b"}" + text("__class__") + b"K\x03s}" + text("set_state") + b"K\x04s\x86", {"__class__": 3, "set_state": 4}),
        (b"K\x05", {"__state__": 5}),
        (b"K\x05K\x06\x86", {"__state__": (5, 6)}),
    ],
)  # fmt: skip
def test_build_only_stores(state: bytes, kept: dict[str, object], tmp_path: Path) -> None:
    root = opened(write_zip(tmp_path / "a.pt", name("model", "CLIP") + b")\x81" + state + b"b"))
    assert type(root) is Inert and root.state == kept
    root.set_state({})  # the method is still ours


@pytest.mark.parametrize(
    "target", [b"]", b"}", b"\x8f", b")", name("torch._utils", "_rebuild_tensor_v2"), name("model", "CLIP"), b"K\x01"]
)
def test_state_of_anything_else_cannot_be_set(target: bytes, tmp_path: Path) -> None:
    state = b"N}" + text("__defaults__") + b")s\x86"
    with pytest.raises(CheckpointError, match="sets the state"):
        opened(write_zip(tmp_path / "a.pt", target + state + b"b"))


BROKEN = {
    "extension code": b"\x82\xf0",
    "extension code of 4 bytes": b"\x84\xf0\x00\x00\x00",
    "out-of-band buffer": b"\x97",
    "unknown operation": b"\xff",
    "textual persistent id": b"P0\n",
    "empty stack": b"0R",
    "call of a number": b"K\x01)R",
    "call of a list": b"])R",
    "call of a stand-in's instance": name("model", "CLIP") + b")R)R",
    "call without a tuple": name("model", "CLIP") + b"]R",
    "keywords for a builder": name("builtins", "dict") + b")}" + text("a") + b"K\x01s\x92",
    "wrong number of arguments": name("torch._utils", "_rebuild_tensor_v2") + b")R",
    "append to a dictionary": b"}K\x01a",
    "append to a tuple": b")K\x01a",
    "item of a list": b"]K\x00K\x01s",
    "odd items": b"}(K\x01u",
    "add to a list": b"](K\x01\x90",
    "a list as key": b"}]K\x01s",
    "a nested tuple as key": b"})\x85\x85K\x01s",
    "a nested tuple in a set": b"\x8f()\x85\x85\x90",
    "memo never filled": b"h\x07",
    "mark never set": b"t",
    "protocol 9": b"\x80\x09N",
    "frame beyond the end": b"\x95" + struct.pack("<Q", 1 << 40) + b"N",
    "bytes beyond the end": b"\x8e" + struct.pack("<Q", 1 << 20) + b"x",
    "string of half the address space": b"\x8d" + struct.pack("<Q", 1 << 62) + b"x",
    "negative length": b"T" + struct.pack("<i", -5) + b"x",
    "bad UTF-8": b"X\x02\x00\x00\x00\xff\xff",
    "number that is none": b"Fabc\n",
    "unfinished line": b"cposix",
    "overlong line": b"I" + b"1" * 5000 + b"\n",
    "persistent id that is no tuple": text("0") + b"Q",
    "persistent id of two": text("storage") + text("0") + b"\x86Q",
    "persistent id with a list as key": (
        b"(" + text("storage") + name("torch", "FloatStorage") + b"]" + text("cpu") + b"K\x01tQ"
    ),
    "storage of a type that is none": (
        b"(" + text("storage") + name("model", "CLIP") + text("0") + text("cpu") + b"K\x01tQ"
    ),
    "storage that is not there": storage_id("9", 1),
    "parameter of a number": name("torch._utils", "_rebuild_parameter") + b"(K\x01\x88}tR",
    "bytearray by length": name("builtins", "bytearray") + number(1 << 40) + b"\x85R",
    "number from text": name("builtins", "int") + text("9" * 100) + b"\x85R",
    "encoding that runs a codec": name("_codecs", "encode") + text("a") + text("zlib_codec") + b"\x86R",
    "numpy type of objects": name("numpy", "dtype") + text("O8") + b"\x85R",
}  # fmt: skip


@both_forms
@pytest.mark.parametrize("what", BROKEN)
def test_broken_pickles_are_refused(write: Writer, what: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        opened(write(tmp_path / "a.pt", BROKEN[what]))


def test_extension_codes_are_refused_even_when_registered(tmp_path: Path) -> None:
    copyreg.add_extension("posix", "system", 0xF0)
    try:
        with pytest.raises(CheckpointError, match="no checkpoint needs"):
            opened(write_zip(tmp_path / "a.pt", b"\x82\xf0(" + text(f"touch {tmp_path / 'ran'}") + b"tR"))
    finally:
        copyreg.remove_extension("posix", "system", 0xF0)
    assert not (tmp_path / "ran").exists()


def test_a_memo_index_of_four_billion_costs_nothing(tmp_path: Path) -> None:
    # Python's own unpickler sets up a table of 64 GB for these six bytes
    assert opened(write_zip(tmp_path / "a.pt", b"Nr\xff\xff\xff\xff")) is None


def test_deep_nesting_neither_overflows_nor_hangs(tmp_path: Path) -> None:
    depth = 200_000
    assert isinstance(opened(write_zip(tmp_path / "a.pt", b")" + b"\x85" * depth)), tuple)
    nested = name("model", "CLIP") + b"q\x000)" + b"\x85q\x010h\x00h\x01R\x85" * 20_000
    assert opened(write_zip(tmp_path / "b.pt", nested)) is not None


def test_work_and_memory_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpickle, "MAX_OPERATIONS", 1000)
    with pytest.raises(CheckpointError, match="more than 1000 operations"):
        opened(write_zip(tmp_path / "a.pt", b"N" * 2000))
    monkeypatch.setattr(pickle_machine, "MAX_BYTES", 1 << 20)
    double = name("builtins", "list") + b"h\x00\x85R0"
    with pytest.raises(CheckpointError, match="asks for more than 1 MB"):
        opened(write_zip(tmp_path / "b.pt", b"(" + b"N" * 400 + b"lq\x000" + double * 100 + b"N"))


PLAIN = [
    None, True, False, 0, 1, 255, 65535, -1, 2**31 - 1, -(2**31), 2**40, -(2**70), 0.5, float("inf"), "", "text",
    "é\n'\"", b"", b"bytes", (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [], [1, [2]], {}, {"a": {"b": (1, None)}},
    {(1, 2): 3}, set(), {1, 2}, frozenset({3}), bytearray(b"abc"), slice(1, 2, None), complex(1, 2),
]  # fmt: skip


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_come_out_as_they_went_in(protocol: int, tmp_path: Path) -> None:
    root = opened(write_zip(tmp_path / "a.pt", pickle.dumps(PLAIN, protocol)[:-1]))
    assert root == PLAIN


def test_a_list_that_holds_itself(tmp_path: Path) -> None:
    root = opened(write_zip(tmp_path / "a.pt", b"]q\x00h\x00a"))
    assert isinstance(root, list) and root[0] is root


def test_other_values_of_torch_and_the_reference(tmp_path: Path) -> None:
    values = [torch.Size([2, 3]), torch.float16, torch.device("cuda:1"), torch.strided]
    torch.save(values, tmp_path / "a.pt")
    size, dtype, device, layout = opened(tmp_path / "a.pt")  # type: ignore[misc]
    assert size == (2, 3) and dtype == torch.float16
    assert (device.name, device.arguments) == ("device", ("cuda", 1))
    assert isinstance(layout, Inert)
    function = opened(write_zip(tmp_path / "b.pt", name("torch.nn.functional", "gelu")))
    assert function == InertClass("torch.nn.functional", "gelu")


@both_forms
def test_random_damage_is_an_error_of_ours_or_harmless(write: Writer, tmp_path: Path) -> None:
    good = name("model", "CLIP") + b")\x81}" + text("thresh") + b"G" + struct.pack(">d", 0.5) + b"s"
    good += text("w") + tensor(storage_id(), 0, (2, 3), (3, 1)) + b"sb"
    storages = {"0": bytes(24)} if write is write_zip else {"0": (6, bytes(24))}
    whole = write(tmp_path / "good.pt", good, storages).read_bytes()  # type: ignore[call-arg]
    generator = random.Random(0)
    outcomes = {"refused": 0, "read": 0}
    for _ in range(1500):
        data = bytearray(whole)
        for _ in range(generator.choice([1, 1, 2, 5])):
            data[generator.randrange(len(data))] = generator.randrange(256)
        path = tmp_path / "damaged.pt"
        path.write_bytes(data[: generator.randrange(len(data))] if generator.random() < 0.1 else data)
        try:
            with open_checkpoint(path):
                outcomes["read"] += 1
        except CheckpointError:
            outcomes["refused"] += 1
    assert outcomes["refused"] > 100 and outcomes["read"] > 100
