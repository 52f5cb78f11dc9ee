"""Heads: only the columns that are used, straight from the file, and the same numbers as whole networks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from prima.errors import ReleaseError
from prima.model.release.folder import load_release
from prima.model.release.heads import HeadMLP, Heads
from prima.model.release.manifest import HeadRecord, Manifest, PriorityRecord
from prima.model.release.untrained import TINY_SIZES, write_untrained_release

CPU = torch.device("cpu")
WIDTHS = (TINY_SIZES.vision.feature_dim, 7, 5)


def write_mlp(path: Path, num_columns: int, seed: int) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    generator = torch.Generator().manual_seed(seed)
    sizes = [*WIDTHS, num_columns]
    tensors = {}
    for layer in range(len(sizes) - 1):
        tensors[f"{layer}.weight"] = (
            torch.randn(sizes[layer + 1], sizes[layer], generator=generator) * sizes[layer] ** -0.5
        )
        tensors[f"{layer}.bias"] = torch.randn(sizes[layer + 1], generator=generator)
    save_file(tensors, path)


def run_plainly(path: Path, feature: torch.Tensor) -> list[float]:
    """Every column of the whole network, in float64."""
    tensors = load_file(path)
    x = feature.double()
    for layer in range(len(tensors) // 2):
        x = tensors[f"{layer}.weight"].double() @ x + tensors[f"{layer}.bias"].double()
        if layer < len(tensors) // 2 - 1:
            x = x.clamp(min=0)
    return x.tolist()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    folder = tmp_path_factory.mktemp("template") / "release"
    return load_release(write_untrained_release(folder, TINY_SIZES, name="template")).manifest


@pytest.fixture
def manifest(template: Manifest, tmp_path: Path) -> Manifest:
    """One network of its own, one shared by three heads, two of them on one column, and a priority network."""
    files = ("heads/000.safetensors", "heads/001.safetensors", "heads/002.safetensors")
    for seed, (file, num_columns) in enumerate(zip(files, (3, 6, 4), strict=True)):
        write_mlp(tmp_path / file, num_columns, seed)
    return replace(
        template,
        mlps=files,
        diagnoses=(
            HeadRecord(name="alone", mlp=0, column=2, offset=0.25),
            HeadRecord(name="last", mlp=1, column=5, offset=0.0),
            HeadRecord(name="first", mlp=1, column=0, offset=-1.5),
        ),
        referrals=(HeadRecord(name="again", mlp=1, column=5, offset=2.0),),
        priority=PriorityRecord(mlp=2, levels=("none", "low", "medium", "high")),
    )


FEATURE = torch.randn(WIDTHS[0], generator=torch.Generator().manual_seed(9))


def test_equal_to_whole_networks(manifest: Manifest, tmp_path: Path) -> None:
    outputs = Heads(tmp_path, manifest, CPU)(FEATURE)
    whole = [run_plainly(tmp_path / file, FEATURE) for file in manifest.mlps]
    assert outputs.diagnoses == pytest.approx(
        {"alone": whole[0][2] - 0.25, "last": whole[1][5], "first": whole[1][0] + 1.5}, abs=1e-5
    )
    assert outputs.referrals == pytest.approx({"again": whole[1][5] - 2}, abs=1e-5)
    assert outputs.priority == pytest.approx(
        dict(zip(("none", "low", "medium", "high"), whole[2], strict=True)), abs=1e-5
    )
    assert list(outputs.diagnoses) == ["alone", "last", "first"], "in the release's order"


def test_only_the_columns_used_are_computed_and_each_network_runs_once(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[int]] = []
    columns = HeadMLP.columns

    def record(self: HeadMLP, feature: torch.Tensor, wanted: list[int]) -> list[float]:
        asked.append(list(wanted))
        return columns(self, feature, wanted)

    monkeypatch.setattr(HeadMLP, "columns", record)
    Heads(tmp_path, manifest, CPU)(FEATURE)
    assert sorted(asked) == [[0, 1, 2, 3], [0, 5], [2]]


def test_a_column_that_is_not_used_touches_nothing(manifest: Manifest, tmp_path: Path) -> None:
    """Nan in an unused row of the last layer is never read."""
    path = tmp_path / manifest.mlps[0]
    tensors = load_file(path)
    tensors["2.weight"][:2] = float("nan")
    path.unlink()
    save_file(tensors, path)
    assert abs(Heads(tmp_path, manifest, CPU)(FEATURE).diagnoses["alone"]) < float("inf")


def test_three_levels_of_older_files_and_none(manifest: Manifest, tmp_path: Path) -> None:
    levels = ("none", "low", "high")
    older = replace(manifest, priority=PriorityRecord(mlp=0, levels=levels))
    outputs = Heads(tmp_path, older, CPU)(FEATURE)
    whole = run_plainly(tmp_path / manifest.mlps[0], FEATURE)
    assert outputs.priority == pytest.approx(dict(zip(levels, whole, strict=True)), abs=1e-5)
    assert Heads(tmp_path, replace(manifest, priority=None), CPU)(FEATURE).priority is None


def test_priority_as_columns_of_a_network_that_others_share(manifest: Manifest, tmp_path: Path) -> None:
    levels = ("none", "low", "medium", "high")
    shared = replace(manifest, priority=PriorityRecord(mlp=1, levels=levels, column=2))
    whole = run_plainly(tmp_path / manifest.mlps[1], FEATURE)
    outputs = Heads(tmp_path, shared, CPU)(FEATURE)
    assert outputs.priority == pytest.approx(dict(zip(levels, whole[2:6], strict=True)), abs=1e-5)
    assert outputs.diagnoses["last"] == pytest.approx(whole[5], abs=1e-5)
    for column in (3, -1):
        bad = replace(manifest, priority=PriorityRecord(mlp=1, levels=levels, column=column))
        with pytest.raises(ReleaseError, match=f"from column {column} on"):
            Heads(tmp_path, bad, CPU)


@pytest.mark.parametrize("column", [3, -1, 10**6])
def test_a_column_that_is_not_there(manifest: Manifest, tmp_path: Path, column: int) -> None:
    bad = replace(manifest, diagnoses=(replace(manifest.diagnoses[0], column=column),))
    with pytest.raises(ReleaseError, match=rf"head alone: found column {column}, expected one of 3"):
        Heads(tmp_path, bad, CPU)


def test_a_priority_network_of_another_width(manifest: Manifest, tmp_path: Path) -> None:
    bad = replace(manifest, priority=PriorityRecord(mlp=0, levels=("none", "low", "medium", "high")))
    with pytest.raises(ReleaseError, match="priority"):
        Heads(tmp_path, bad, CPU)


def test_a_truncated_file(manifest: Manifest, tmp_path: Path) -> None:
    path = tmp_path / manifest.mlps[1]
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ReleaseError, match=r"001\.safetensors"):
        Heads(tmp_path, manifest, CPU)


@pytest.mark.parametrize("change", ["gap", "size", "empty", "bias", "odd"])
def test_layers_that_do_not_fit(manifest: Manifest, tmp_path: Path, change: str) -> None:
    path = tmp_path / manifest.mlps[0]
    tensors = load_file(path)
    path.unlink()
    if change == "gap":
        tensors["5.weight"] = tensors.pop("1.weight")
    elif change == "size":
        tensors["1.weight"] = torch.zeros(5, 8)
    elif change == "bias":
        tensors["1.bias"] = torch.zeros(6)
    elif change == "odd":
        tensors["note"] = torch.zeros(1)
    save_file({} if change == "empty" else tensors, path)
    with pytest.raises(ReleaseError, match=r"head 000\.safetensors"):
        Heads(tmp_path, manifest, CPU)


def test_half_precision_is_refused(manifest: Manifest, tmp_path: Path) -> None:
    path = tmp_path / manifest.mlps[0]
    halved = {name: tensor.half() for name, tensor in load_file(path).items()}
    path.unlink()
    save_file(halved, path)
    with pytest.raises(ReleaseError, match=r"float16.*expected torch\.float32"):
        Heads(tmp_path, manifest, CPU)


def test_heads_of_another_feature(manifest: Manifest, tmp_path: Path) -> None:
    bad = replace(manifest, vision=replace(manifest.vision, study_registers=3))
    with pytest.raises(ReleaseError, match=r"000\.safetensors: found 128 inputs, expected the study feature's 192"):
        Heads(tmp_path, bad, CPU)
