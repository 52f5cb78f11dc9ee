"""Both forms of torch checkpoints give the tensors that torch itself would load; damaged files are refused."""

import pickle
import struct
import tarfile
import zipfile
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from prima.errors import CheckpointError, UnreadableError
from prima.model.convert.checkpoint import open_checkpoint
from prima.model.convert.inert import Inert, StoredDict
from prima.model.convert.lazy_tensor import LazyTensor

from .crafted import name, number, storage_id, tensor, text, write_legacy, write_zip

both_forms = pytest.mark.parametrize("new_form", [True, False], ids=["zip", "legacy"])

DTYPES = [
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
    torch.uint8, torch.bool, torch.complex64, torch.complex128,
]  # fmt: skip


def save(value: object, path: Path, new_form: bool) -> Path:
    torch.save(value, path, _use_new_zipfile_serialization=new_form)
    return path


@both_forms
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_values_of_every_dtype(dtype: torch.dtype, new_form: bool, tmp_path: Path) -> None:
    values = (torch.randn(5, 7, generator=torch.Generator().manual_seed(0)) * 50).to(dtype)
    with open_checkpoint(save(values, tmp_path / "a.pt", new_form)) as checkpoint:
        read = checkpoint.root.read()
    assert read.dtype == dtype
    assert torch.equal(read, values)


@both_forms
def test_views_tied_and_odd_tensors(new_form: bool, tmp_path: Path) -> None:
    base = torch.arange(60.0)
    tensors = {
        "transposed": base.view(6, 10).T,
        "every third": base[::3],
        "offset": base[7:31].view(4, 6),
        "window": base.as_strided((4, 3), (10, 2), 5),
        "scalar": torch.tensor(3.5),
        "empty": torch.empty(0),
        "empty with sizes": torch.empty(3, 0, 2),
        "parameter": nn.Parameter(torch.ones(2), requires_grad=True),
        "frozen": nn.Parameter(torch.ones(2), requires_grad=False),
        "channels last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    }
    with open_checkpoint(save(tensors, tmp_path / "a.pt", new_form)) as checkpoint:
        root: dict[str, LazyTensor] = checkpoint.root
        for key, expected in tensors.items():
            read = root[key].read()
            assert root[key].shape == tuple(expected.shape) == tuple(read.shape)
            assert read.is_contiguous() and torch.equal(read, expected), key
        assert root["transposed"].storage is root["every third"].storage
        assert root["parameter"].requires_grad and not root["frozen"].requires_grad
        assert root["window"].num_bytes == 48


@both_forms
def test_containers_numbers_and_numpy_scalars(new_form: bool, tmp_path: Path) -> None:
    kinds = [np.float64, np.float32, np.float16, np.int64, np.int32, np.uint8, np.bool_]
    parameter = nn.Parameter(torch.ones(2))
    parameter.note = "kept by torch, not by us"  # type: ignore[attr-defined]
    value = {
        "ordered": OrderedDict(a=1, b=[torch.zeros(2)]),
        "default": defaultdict(list, {"c": 2}),
        "set": {1, "x"},
        "scalars": [kind(1) for kind in kinds] + [np.float64(-0.92)],
        "big-endian": np.dtype(">f8").type(0.25),
        "array": np.zeros(3),
        "parameter": parameter,
        "unusual": torch.ones(3, dtype=torch.uint16),
        "storage": torch.arange(4, dtype=torch.uint8).untyped_storage(),
    }
    with open_checkpoint(save(value, tmp_path / "a.pt", new_form)) as checkpoint:
        root: dict[str, Any] = checkpoint.root
        assert isinstance(root["ordered"], StoredDict) and list(root["ordered"]) == ["a", "b"]
        assert root["default"] == {"c": 2} and root["set"] == {1, "x"}
        assert root["scalars"] == [1, 1, 1, 1, 1, 1, True, -0.92]
        assert [type(number) for number in root["scalars"]] == [float, float, float, int, int, int, bool, float]
        assert root["big-endian"] == 0.25
        assert isinstance(root["array"], Inert) and root["array"].name == "ndarray"
        assert torch.equal(root["parameter"].read(), torch.ones(2))
        assert torch.equal(root["unusual"].read(), torch.ones(3, dtype=torch.uint16))
        assert root["storage"].num_bytes == 4


def test_numpy_byte_order(tmp_path: Path) -> None:
    dtype = (
        name("numpy", "dtype")
        + b"("
        + text("f8")
        + b"\x89\x88tR(K\x03"
        + text(">")
        + b"NNNJ\xff\xff\xff\xffK\x00K\x00tb"
    )
    scalar = name("numpy._core.multiarray", "scalar") + dtype + b"C\x08" + struct.pack(">d", 0.25) + b"\x86R"
    with open_checkpoint(write_zip(tmp_path / "a.pt", scalar)) as checkpoint:
        assert checkpoint.root == 0.25


def test_undefined_bytes_of_a_bool_become_true(tmp_path: Path) -> None:
    operations = tensor(storage_id(num_elements=3, kind="BoolStorage"), 0, (3,), (1,))
    with open_checkpoint(write_zip(tmp_path / "a.pt", operations, {"0": b"\x00\x01\xfe"})) as checkpoint:
        assert checkpoint.root.read().tolist() == [False, True, True]


def test_storage_views_of_old_legacy_files(tmp_path: Path) -> None:
    whole = torch.arange(6.0)
    view = b"(" + text("storage") + name("torch", "FloatStorage") + text("0") + text("cpu") + b"K\x06"
    view += b"(" + text("view") + b"K\x02K\x03ttQ"
    path = write_legacy(tmp_path / "a.pt", tensor(view, 1, (2,), (1,)), {"0": (6, whole.numpy().tobytes())})
    with open_checkpoint(path) as checkpoint:
        assert torch.equal(checkpoint.root.read(), whole[3:5])
    outside = view.replace(b"K\x02K\x03", b"K\x04K\x03")
    with pytest.raises(CheckpointError, match="reaches outside"):
        open_checkpoint(write_legacy(path, tensor(outside, 0, (1,), (1,)), {"0": (6, bytes(24))}))


def test_source_text_of_classes_in_legacy_files_is_dropped(tmp_path: Path) -> None:
    described = b"(" + text("module") + name("model", "CLIP") + text("model.py") + text("import os") + b"tQ)\x81"
    with open_checkpoint(write_legacy(tmp_path / "a.pt", described)) as checkpoint:
        assert (checkpoint.root.module, checkpoint.root.name) == ("model", "CLIP")


BAD_TENSORS = {
    "beyond the storage": (0, (7,), (1,)),
    "offset beyond the storage": (6, (1,), (1,)),
    "stride beyond the storage": (0, (2, 2), (5, 2)),
    "negative offset": (-1, (2,), (1,)),
    "negative size": (0, (-2,), (1,)),
    "negative stride": (5, (6,), (-1,)),
    "stride of zero, a terabyte of four bytes": (0, (1 << 40,), (0,)),
    "overlapping windows with more elements than the storage": (0, (3, 3), (1, 1)),
    "sizes that overflow": (0, (1 << 63, 1 << 63), (1, 1)),
    "more strides than sizes": (0, (2,), (1, 1)),
    "too many sizes": (0, (1,) * 65, (1,) * 65),
}


@both_forms
@pytest.mark.parametrize("what", BAD_TENSORS)
def test_tensors_outside_their_storage_are_refused(what: str, new_form: bool, tmp_path: Path) -> None:
    operations = tensor(storage_id(), *BAD_TENSORS[what])
    path = tmp_path / "a.pt"
    with pytest.raises(CheckpointError, match="tensor on storage 0"):
        if new_form:
            open_checkpoint(write_zip(path, operations, {"0": bytes(24)}))
        else:
            open_checkpoint(write_legacy(path, operations, {"0": (6, bytes(24))}))


def test_storages_of_another_size_than_the_pickle_says(tmp_path: Path) -> None:
    one = tensor(storage_id(), 0, (6,), (1,))
    path = tmp_path / "a.pt"
    for size in (0, 23, 25):
        with pytest.raises(CheckpointError, match=f"has {size} bytes; expected 6 elements"):
            open_checkpoint(write_zip(path, one, {"0": bytes(size)}))
    wrong = {
        "cut": {"0": (6, bytes(23))},
        "another size": {"0": (5, bytes(20))},
        "follow": {"0": (6, bytes(25))},
        "lists 2 storages": {"0": (6, bytes(24)), "1": (6, bytes(24))},
        "lists 0 storages": {},
    }
    for message, storages in wrong.items():
        with pytest.raises(CheckpointError, match=message):
            open_checkpoint(write_legacy(path, one, storages))
    twice = b"(" + one + tensor(storage_id(num_elements=3, kind="DoubleStorage"), 0, (3,), (1,)) + b"t"
    with pytest.raises(CheckpointError, match="described in two ways"):
        open_checkpoint(write_legacy(path, twice, {"0": (6, bytes(24))}))


def _rewrite(source: Path, target: Path, rename: dict[str, str], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w", compression) as out:
        for info in archive.infolist():
            out.writestr(rename.get(info.filename, info.filename), archive.read(info))
    return target


def test_zip_archives_that_torch_would_not_write(tmp_path: Path) -> None:
    one = tensor(storage_id(), 0, (6,), (1,))
    good = write_zip(tmp_path / "good.pt", one, {"0": bytes(24)})
    target = tmp_path / "a.pt"
    with pytest.raises(CheckpointError, match="compressed or encrypted"):
        open_checkpoint(_rewrite(good, target, {}, zipfile.ZIP_DEFLATED))
    for evil in ("archive/../../x", "/archive/data/1", "archive/data/..", "archive\\data"):
        with pytest.raises(CheckpointError, match="a name that torch would not write"):
            open_checkpoint(_rewrite(good, target, {"archive/data/0": evil}))
    with pytest.raises(CheckpointError, match="does not hold"):
        open_checkpoint(_rewrite(good, target, {"archive/data/0": "archive/data/1"}))
    with pytest.raises(CheckpointError, match=r"0 entries NAME/data\.pkl"):
        open_checkpoint(_rewrite(good, target, {"archive/data.pkl": "archive/other"}))
    with pytest.raises(CheckpointError, match=r"2 entries NAME/data\.pkl"):
        open_checkpoint(_rewrite(good, target, {"archive/data/0": "b/data.pkl"}))
    with pytest.raises(CheckpointError, match="TorchScript"):
        open_checkpoint(write_zip(target, b"N", **{"constants.pkl": b""}))
    with pytest.raises(CheckpointError, match="byte order 'big'"):
        open_checkpoint(write_zip(target, b"N", byteorder=b"big"))
    with pytest.warns(UserWarning, match="Duplicate"):
        _rewrite(good, target, {"archive/data/0": "archive/data.pkl"})
    with pytest.raises(CheckpointError, match="a name that torch would not write"):
        open_checkpoint(target)


def test_zip_entries_that_overlap(tmp_path: Path) -> None:
    # the second entry is quoted by the first: the way in which zip bombs reach beyond their size
    path = write_zip(tmp_path / "a.pt", b"N", {"0": bytes(64), "1": bytes(64)})
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        offsets = [info.header_offset for info in archive.infolist()]
    directory = data.rindex(b"archive/data/1") - 46
    moved = bytearray(data)
    moved[directory + 42 : directory + 46] = struct.pack("<I", offsets[1])
    path.write_bytes(moved)
    with pytest.raises(CheckpointError, match="overlap"):
        open_checkpoint(path)


@both_forms
def test_truncated_files(new_form: bool, tmp_path: Path) -> None:
    path = save({"w": torch.arange(1000.0), "v": torch.zeros(3)}, tmp_path / "a.pt", new_form)
    data = path.read_bytes()
    for share in (0.02, 0.1, 0.5, 0.9, 0.999):
        path.write_bytes(data[: int(share * len(data))])
        with pytest.raises(CheckpointError, match=str(path)):
            open_checkpoint(path)
    path.write_bytes(data)
    with open_checkpoint(path) as checkpoint:
        path.write_bytes(data[: len(data) // 2])
        with pytest.raises(CheckpointError, match="became shorter"):
            [checkpoint.root[key].read() for key in ("w", "v")]


def test_files_of_other_kinds(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    for data in (b"", b"hello", pickle.dumps({"a": 1}), bytes(1000), b"\x89HDF\r\n\x1a\n" + bytes(100)):
        path.write_bytes(data)
        with pytest.raises(CheckpointError, match="is not a torch checkpoint"):
            open_checkpoint(path)
    with tarfile.open(path, "w") as archive:
        archive.add(__file__, "storages")
    with pytest.raises(CheckpointError, match="tar form"):
        open_checkpoint(path)
    with pytest.raises(UnreadableError, match="No such file"):
        open_checkpoint(tmp_path / "absent.pt")
    with pytest.raises(UnreadableError, match="directory"):
        open_checkpoint(tmp_path)


def test_legacy_files_of_another_machine_or_version(tmp_path: Path) -> None:
    data = write_legacy(tmp_path / "a.pt", b"N").read_bytes()
    path = tmp_path / "b.pt"
    path.write_bytes(
        data.replace(b"little_endian" + data.partition(b"little_endian")[2][:3], b"little_endianq\x03\x89")
    )
    with pytest.raises(CheckpointError, match="little-endian"):
        open_checkpoint(path)
    path.write_bytes(data.replace(b"M" + struct.pack("<H", 1001), b"M" + struct.pack("<H", 1002), 1))
    with pytest.raises(CheckpointError, match="protocol 1001"):
        open_checkpoint(path)


def test_a_closed_checkpoint_says_so(tmp_path: Path) -> None:
    with open_checkpoint(save(torch.zeros(3), tmp_path / "a.pt", True)) as checkpoint:
        lazy = checkpoint.root
    with pytest.raises(CheckpointError, match="inside the with block"):
        lazy.read()


def test_a_huge_number_of_elements_costs_nothing_until_it_is_checked(tmp_path: Path) -> None:
    huge = b"(" + text("storage") + name("torch", "FloatStorage") + text("0") + text("cpu") + number(1 << 60) + b"tQ"
    with pytest.raises(CheckpointError, match="has 24 bytes"):
        open_checkpoint(write_zip(tmp_path / "a.pt", huge, {"0": bytes(24)}))
    with pytest.raises(CheckpointError, match="cut or of another size"):
        open_checkpoint(write_legacy(tmp_path / "a.pt", huge, {"0": (1 << 60, bytes(24))}))
