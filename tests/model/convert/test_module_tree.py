"""A module tree of stand-ins gives the names and tensors of torch's own state_dict."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from prima.errors import CheckpointError
from prima.model.convert.checkpoint import open_checkpoint
from prima.model.convert.inert import Inert
from prima.model.convert.module_tree import module_at, module_tensors

from .crafted import name, text, write_zip
from .reference_layout import SMALL, saved_classes, write_full_model

both_forms = pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])


def _network() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv3d(1, 4, 2), nn.BatchNorm3d(4), nn.ModuleDict({"a": nn.Linear(4, 2, bias=False)}), nn.GELU()
        )
    network.register_buffer("kept", torch.ones(2))
    network.register_buffer("passing", torch.ones(2), persistent=False)
    network.tied = network[0]
    network.nothing = None
    return network


@both_forms
@pytest.mark.parametrize("wrapped", [0, 1, 2])
def test_names_and_values_are_those_of_state_dict(wrapped: int, legacy: bool, tmp_path: Path) -> None:
    network = _network()
    expected = network.state_dict()
    whole: nn.Module = network
    for _ in range(wrapped):
        whole = nn.DataParallel(whole)
    torch.save(whole, tmp_path / "a.pt", _use_new_zipfile_serialization=not legacy)
    with open_checkpoint(tmp_path / "a.pt") as checkpoint:
        tensors = module_tensors(checkpoint.root)
        assert list(tensors) == list(expected)
        assert all(torch.equal(tensors[key].read(), value) for key, value in expected.items())
        assert tensors["tied.weight"].storage is tensors["0.weight"].storage
        assert module_at(checkpoint.root, "2.a").state["in_features"] == 4
        assert module_at(checkpoint.root, "1").state["eps"] == 1e-5
        assert module_at(checkpoint.root, "").name == "Sequential"


@both_forms
@pytest.mark.parametrize("prefix", ["", "module."])
def test_plain_state_dicts(prefix: str, legacy: bool, tmp_path: Path) -> None:
    expected = _network().state_dict(prefix=prefix)
    torch.save(expected, tmp_path / "a.pt", _use_new_zipfile_serialization=not legacy)
    with open_checkpoint(tmp_path / "a.pt") as checkpoint:
        tensors = module_tensors(checkpoint.root)
        assert list(tensors) == [key.removeprefix(prefix) for key in expected]
        assert all(torch.equal(tensors[key.removeprefix(prefix)].read(), value) for key, value in expected.items())
        assert "_metadata" in checkpoint.root.attributes


@both_forms
def test_the_reference_s_layout(legacy: bool, tmp_path: Path) -> None:
    num_bytes = write_full_model(tmp_path / "full.pt", SMALL, legacy=legacy)
    assert "model_parts" not in sys.modules
    with open_checkpoint(tmp_path / "full.pt") as checkpoint:
        root = checkpoint.root
        assert (root.module, root.name) == ("complete_visual_model", "FullMRIModel")
        tensors = module_tensors(root)
        assert sum({t.storage_key: t.num_bytes for t in tensors.values()}.values()) <= num_bytes
        numbers = {t.storage_key: t.read().flatten()[0].item() for t in tensors.values() if t.num_bytes}
        assert len(set(numbers.values())) == len(numbers), "each storage is another one"
        attention = module_at(root, "clipvisualmodel.innerViT.transformer.layers.1.0.fn")
        assert (attention.state["heads"], attention.state["dim_head"]) == (2, 16)
        head, index = root.state["diagnosisheads"]["diagnosis_2"]
        assert head is module_at(root, "m1.2") and index == 2 and head.state["thresh"] == 0.02


def test_the_golden_checkpoint(shared: Path) -> None:
    folder = shared / "data" / "golden" / "ckpt"
    with open_checkpoint(folder / "full.pt") as checkpoint:
        tensors = module_tensors(checkpoint.root)
        assert len({tensor.storage_key for tensor in tensors.values()}) == 520
        assert tensors["priorityhead.4.weight"].shape == (4, 32)
        assert module_at(checkpoint.root, "clipvisualmodel") is module_at(checkpoint.root, "clipmodel.visual_model")
        assert all(tensor.read().isfinite().all() for tensor in tensors.values())
        table = checkpoint.root.state["diagnosisheads"]
        assert len(table) == 52 and table["cyst_arachnoid_cyst"][0].state["thresh"] == -0.92
    with open_checkpoint(folder / "vqvae.pth") as checkpoint:
        ours = {key: tensor.read() for key, tensor in module_tensors(checkpoint.root).items()}
    theirs = torch.load(folder / "vqvae.pth", weights_only=True)
    assert list(ours) == list(theirs) and all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_trees_that_no_module_has(tmp_path: Path) -> None:
    def tree(modules: object, **state: object) -> Inert:
        return Inert("model", "CLIP", (), {"_modules": modules, **state})

    circle = tree({})
    circle.state["_modules"]["again"] = circle
    wrapper = Inert("torch.nn.parallel.data_parallel", "DataParallel")
    wrapper.state["_modules"] = {"module": wrapper}
    bad: list[tuple[object, str]] = [
        (circle, "nested deeper"),
        (wrapper, "in itself"),
        (tree({"child": 3}), "where a module is expected"),
        (tree([]), "not a table"),
        (tree({1: circle}), "not a table"),
        (tree({}, _parameters={"\x1b": 3}), r"'\\x1b' is a int; expected a tensor"),
        ({"a": 3}, "expected a name and a tensor"),
        ({3: "a"}, "expected a name and a tensor"),
        (None, "NoneType where a module"),
    ]
    for root, message in bad:
        with pytest.raises(CheckpointError, match=message):
            module_tensors(root)
    with pytest.raises(CheckpointError, match=r"no module a\.b: CLIP holds 'c' but no a"):
        module_at(tree({"c": tree({})}), "a.b")


def test_classes_saved_from_a_script(tmp_path: Path) -> None:
    operations = name("__main__", "FullMRIModel") + b")\x81}" + text("_modules") + b"}sb"
    with open_checkpoint(write_zip(tmp_path / "a.pt", operations)) as checkpoint:
        assert module_tensors(checkpoint.root) == {}


def test_the_generator_leaves_no_module_behind() -> None:
    before = dict(sys.modules)
    with saved_classes() as classes:
        assert sys.modules["model_parts"].ViT is classes["ViT"]
    assert {key: value for key, value in sys.modules.items() if key in before} == before
    assert "patchify" not in sys.modules
