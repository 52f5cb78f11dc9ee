"""Releases: what is checked when, what is said, and that half a release is none."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from prima.errors import ReleaseError
from prima.model.networks.cost import encoder_flops
from prima.model.release import folder as release_module
from prima.model.release.folder import STAMP_FILE, ReleaseWriter, load_release, packaged_release
from prima.model.release.manifest import CARD_FILE, MANIFEST_FILE, TOKENIZER_FILE, VISION_FILE, Manifest
from prima.model.release.untrained import TINY_SIZES, write_untrained_release


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_untrained_release(tmp_path / "release", TINY_SIZES, name="tiny", seed=1)


@pytest.fixture
def every_file_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release_module, "ALWAYS_HASHED_BYTES", 0)


def flip_bit(path: Path, *, keep_stamp: bool = False) -> None:
    """Alter one bit in the middle; with `keep_stamp`, as a failing disk would: the times stay."""
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    if keep_stamp:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def hashed(folder: Path, *, verify: bool = False) -> list[str]:
    names: list[str] = []
    load_release(folder, verify=verify, on_hash=names.append)
    return names


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / MANIFEST_FILE
    values = json.loads(path.read_text(encoding="utf-8"))
    change(values)
    path.write_text(json.dumps(values), encoding="utf-8")


def test_what_was_written_is_what_is_loaded(folder: Path) -> None:
    release = load_release(folder)
    assert (release.manifest.name, release.manifest.trained) == ("tiny", False)
    assert Manifest.from_text(release.manifest.to_text()) == release.manifest
    weights = load_file(folder / VISION_FILE)
    vision = release.vision()
    assert vision.state_dict().keys() == weights.keys()
    assert all(torch.equal(value, weights[name]) for name, value in vision.state_dict().items())
    assert not vision.training and not any(parameter.requires_grad for parameter in vision.parameters())
    whole, encoder = release.tokenizer(), release.encoder()
    assert all(torch.equal(value, whole.encoder.state_dict()[name]) for name, value in encoder.state_dict().items())
    heads = release.heads(torch.device("cpu"))(torch.zeros(release.manifest.vision.feature_dim))
    assert len(heads.diagnoses) == 52 and heads.priority is not None


def test_the_packaged_release_is_whole_small_and_says_what_it_is() -> None:
    release = load_release(packaged_release(), verify=True)
    manifest = release.manifest
    assert manifest.trained and manifest.calibrated and manifest.demonstrates
    assert sum(record.num_bytes for record in manifest.files.values()) <= 30e6
    card = " ".join((packaged_release() / CARD_FILE).read_text().split())
    assert "synthetic" in card and "not diagnose" in card
    assert encoder_flops(manifest.tokenizer, manifest.contract) <= 1e9


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, folder: Path) -> None:
    again = write_untrained_release(tmp_path / "again", TINY_SIZES, name="tiny", seed=1)
    other = write_untrained_release(tmp_path / "other", TINY_SIZES, name="tiny", seed=2)
    names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert len(names) == 7
    assert all((again / name).read_bytes() == (folder / name).read_bytes() for name in names)
    assert (other / VISION_FILE).read_bytes() != (folder / VISION_FILE).read_bytes()


@pytest.mark.parametrize("name", [TOKENIZER_FILE, VISION_FILE, "heads/001.safetensors", "MODEL_CARD.md"])
class TestAlteredFile:
    """Each names the file, and says what was found and what expected."""

    def test_missing(self, folder: Path, name: str) -> None:
        (folder / name).unlink()
        with pytest.raises(ReleaseError, match=rf"{name}: found no such file"):
            load_release(folder)

    def test_of_another_size(self, folder: Path, name: str) -> None:
        size = (folder / name).stat().st_size
        os.truncate(folder / name, size - 1)
        with pytest.raises(ReleaseError, match=rf"{name}: found {size - 1} bytes, expected {size};"):
            load_release(folder)

    def test_a_flipped_bit_in_a_small_file_is_always_found(self, folder: Path, name: str) -> None:
        load_release(folder)
        flip_bit(folder / name, keep_stamp=True)
        with pytest.raises(ReleaseError, match=rf"{name}: found sha256 [0-9a-f]{{12}}…, expected [0-9a-f]{{12}}…"):
            load_release(folder)

    @pytest.mark.usefixtures("every_file_is_large")
    def test_in_a_large_file_when_asked_to(self, tmp_path: Path, name: str) -> None:
        folder = write_untrained_release(tmp_path / "large", TINY_SIZES, name="large")
        flip_bit(folder / name, keep_stamp=True)
        assert hashed(folder) == [], "stamps as they were when last found good"
        with pytest.raises(ReleaseError, match=rf"{name}: found sha256"):
            load_release(folder, verify=True)

    @pytest.mark.usefixtures("every_file_is_large")
    def test_in_a_large_file_that_was_written_again(self, tmp_path: Path, name: str) -> None:
        folder = write_untrained_release(tmp_path / "large", TINY_SIZES, name="large")
        flip_bit(folder / name)
        with pytest.raises(ReleaseError, match=rf"{name}: found sha256"):
            load_release(folder)
        with pytest.raises(ReleaseError, match=rf"{name}: found sha256"):
            load_release(folder)


def test_all_that_is_wrong_is_said_at_once(folder: Path) -> None:
    (folder / VISION_FILE).unlink()
    flip_bit(folder / TOKENIZER_FILE)
    with pytest.raises(ReleaseError, match=rf"{TOKENIZER_FILE}: found sha256.*{VISION_FILE}: found no such file"):
        load_release(folder)


def test_a_release_of_small_files_leaves_no_stamps(folder: Path) -> None:
    assert hashed(folder) == []
    assert not (folder / STAMP_FILE).exists()


@pytest.mark.usefixtures("every_file_is_large")
def test_a_large_file_is_hashed_once_and_again_when_it_changed(tmp_path: Path) -> None:
    folder = write_untrained_release(tmp_path / "large", TINY_SIZES, name="large")
    files = list(load_release(folder).manifest.files)
    assert hashed(folder) == [], "hashed when it was written"
    os.utime(folder / VISION_FILE, ns=(1, 1))
    assert hashed(folder) == [VISION_FILE]
    assert hashed(folder) == []
    assert hashed(folder, verify=True) == files
    (folder / STAMP_FILE).unlink()
    assert hashed(folder) == files
    (folder / STAMP_FILE).write_text("not a table")
    assert hashed(folder) == files
    (folder / STAMP_FILE).write_text("[]")
    assert hashed(folder) == files


@pytest.mark.usefixtures("every_file_is_large")
def test_a_folder_that_cannot_be_written_is_hashed_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_untrained_release(tmp_path / "large", TINY_SIZES, name="large")
    files = list(load_release(folder).manifest.files)
    (folder / STAMP_FILE).unlink()
    (folder / STAMP_FILE).mkdir()  # nobody can write a file of this name, not even root
    assert hashed(folder) == files
    assert hashed(folder) == files


def test_no_release_at_all(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"found no readable release\.json"):
        load_release(tmp_path)
    with pytest.raises(ReleaseError, match=r"found no readable release\.json"):
        load_release(tmp_path / "absent")


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "heads/../../outside", "heads\\..\\outside"])
def test_a_file_outside_the_release_is_refused(folder: Path, name: str) -> None:
    (folder.parent / "outside").write_text("x")
    edit_manifest(folder, lambda values: values["files"].update({name: {"num_bytes": 1, "sha256": "0"}}))
    with pytest.raises(ReleaseError, match="expected one inside the release"):
        load_release(folder)


def test_a_head_file_that_nothing_vouches_for(folder: Path) -> None:
    edit_manifest(folder, lambda values: values["mlps"].append("../heads.safetensors"))
    with pytest.raises(ReleaseError, match=r"found no hash of \.\./heads\.safetensors"):
        load_release(folder)


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values.update(extra=1), r"release\.json: found missing or unknown fields \(extra\)"),
        (lambda values: values.pop("trained"), r"missing or unknown fields \(trained\)"),
        (lambda values: values.update(format="openprima/release/9"), "found format 'openprima/release/9'"),
        (lambda values: values.pop("format"), "found format None"),
        (lambda values: values["contract"].update(extra=1), r"release\.json\.contract: .*\(extra\)"),
        (lambda values: values["contract"].update(encoder_slices=7), "expected a multiple"),
        (lambda values: values["contract"].update(patch_slices=0), "a size below 1"),
        (lambda values: values["contract"].update(foreground_level=float("nan")), "foreground_level: found nan"),
        (lambda values: values["contract"].update(resampling="cubic"), "found 'cubic', expected 'itk' or 'separable'"),
        (lambda values: values["tokenizer"].update(extra=1), r"tokenizer: .*\(extra\)"),
        (lambda values: values["tokenizer"].pop("channels"), r"tokenizer: .*\(channels\)"),
        (lambda values: values["tokenizer"].update(channels=[16, "16"]), r"channels\[1\]: found '16', expected int"),
        (lambda values: values["tokenizer"].update(downsample=[[2, 4, 1]]), "found 3 values, expected 4"),
        (lambda values: values["vision"].update(extra=1), r"vision: .*\(extra\)"),
        (lambda values: values["vision"]["sequence"].update(extra=1), r"vision\.sequence: .*\(extra\)"),
        (lambda values: values["vision"].pop("study"), r"vision: .*\(study\)"),
        (lambda values: values["vision"].update(series_name=3), "series_name: found 3, expected dict"),
        (lambda values: values["diagnoses"][0].update(extra=1), r"diagnoses\[0\]: .*\(extra\)"),
        (lambda values: values["diagnoses"][0].update(mlp=99), "network is not listed"),
        (lambda values: values["diagnoses"][0].update(mlp="0"), "mlp: found '0', expected int"),
        (lambda values: values["diagnoses"][0].update(mlp=True), "mlp: found True, expected int"),
        (lambda values: values["diagnoses"][0].update(offset=float("inf")), "offset: found inf, expected float"),
        (lambda values: values["diagnoses"][1].update(values["diagnoses"][0]), "two heads of the name"),
        (lambda values: values.update(diagnoses=None), "diagnoses: found None, expected list"),
        (lambda values: values["priority"].update(extra=1), r"priority: .*\(extra\)"),
        (lambda values: values["priority"].update(mlp=-1), "network is not listed"),
        (lambda values: values["files"][VISION_FILE].update(extra=1), rf"files\['{VISION_FILE}'\]: .*\(extra\)"),
        (lambda values: values["files"].pop(VISION_FILE), rf"found no hash of {VISION_FILE}"),
        (lambda values: values.update(trained="no"), "trained: found 'no', expected bool"),
        (lambda values: values.update(mode="everything"), "mode: found 'everything', expected 'image' or"),
    ],
)
def test_a_manifest_that_is_not_understood_is_refused(folder: Path, change: Change, message: str) -> None:
    edit_manifest(folder, change)
    with pytest.raises(ReleaseError, match=message):
        load_release(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, "\ufffd"])
def test_a_manifest_that_is_no_table(folder: Path, text: str) -> None:
    (folder / MANIFEST_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(ReleaseError, match=MANIFEST_FILE):
        load_release(folder)


def test_bytes_that_are_no_text(folder: Path) -> None:
    (folder / MANIFEST_FILE).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ReleaseError, match="not JSON"):
        load_release(folder)


@pytest.mark.parametrize("change", ["missing", "extra", "shape"])
def test_weights_that_do_not_fit_the_sizes(tmp_path: Path, change: str) -> None:
    """Nothing is filled in for a missing weight, and nothing left over is passed by."""
    folder = write_untrained_release(tmp_path / "release", TINY_SIZES, name="tiny")
    release = load_release(folder)
    tensors = load_file(folder / VISION_FILE)
    if change == "missing":
        del tensors["sequence.registers"]
    elif change == "extra":
        tensors["sequence.more"] = torch.zeros(1)
    else:
        tensors["sequence.registers"] = torch.zeros(1, 3)
    (folder / VISION_FILE).unlink()
    save_file(tensors, folder / VISION_FILE)
    with pytest.raises(ReleaseError, match=rf"{VISION_FILE}: does not fit its release\.json .*sequence\.\w+"):
        release.vision()


def test_the_writer_wants_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("kept")
    (tmp_path / "file").write_text("kept")
    for place in ("full", "file"):
        with pytest.raises(ReleaseError, match="expected a new or empty folder"):
            ReleaseWriter(folder=tmp_path / place)
    assert (tmp_path / "full" / "mine").read_text() == (tmp_path / "file").read_text() == "kept"
    (tmp_path / "empty").mkdir()
    ReleaseWriter(folder=tmp_path / "empty")
    ReleaseWriter(folder=tmp_path / "new" / "below")


def test_a_release_that_was_not_finished_is_none(tmp_path: Path) -> None:
    writer = ReleaseWriter(folder=tmp_path / "half")
    writer.add_tensors(VISION_FILE, {"a": torch.zeros(2)})
    with pytest.raises(ReleaseError, match=r"found no readable release\.json"):
        load_release(tmp_path / "half")
    writer.abandon()
    assert not (tmp_path / "half").exists()
