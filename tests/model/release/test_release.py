"""Releases: what is checked when, what is said, and that half a release is none."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from prima.errors import ReleaseError
from prima.model.networks.cost import encoder_flops
from prima.model.packaging.check import check_release
from prima.model.release import folder as release_module
from prima.model.release.folder import ReleaseWriter, load_release, packaged_release
from prima.model.release.manifest import (
    CARD_FILE,
    MANIFEST_FILE,
    TOKENIZER_FILE,
    VISION_FILE,
    Manifest,
    sha256_of_values,
)  # fmt: skip
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


@pytest.fixture
def stamps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this machine remembers what it verified."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "openprima" / "verified"


def test_a_release_of_small_files_leaves_no_stamps(folder: Path, stamps: Path) -> None:
    assert hashed(folder) == []
    assert not stamps.exists()


@pytest.mark.usefixtures("every_file_is_large")
def test_a_large_file_is_hashed_once_and_again_when_it_changed(tmp_path: Path, stamps: Path) -> None:
    folder = write_untrained_release(tmp_path / "large", TINY_SIZES, name="large")
    files = list(load_release(folder).manifest.files)
    assert hashed(folder) == [], "hashed when it was written"
    assert {path.name for path in folder.rglob("*") if path.is_file()} == {Path(name).name for name in files} | {
        MANIFEST_FILE
    }
    os.utime(folder / VISION_FILE, ns=(1, 1))
    assert hashed(folder) == [VISION_FILE]
    assert hashed(folder) == []
    assert hashed(folder, verify=True) == files
    shutil.copytree(folder, tmp_path / "copy")
    assert hashed(tmp_path / "copy") == files, "another file on this machine"
    shutil.rmtree(stamps)
    assert hashed(folder) == files
    for stamp in stamps.iterdir():
        stamp.write_bytes(b"\xff no hash")
    assert hashed(folder) == files


@pytest.mark.usefixtures("every_file_is_large", "stamps")
def test_a_note_inside_a_release_that_it_was_verified_is_not_believed(tmp_path: Path) -> None:
    folder = write_untrained_release(tmp_path / "large", TINY_SIZES, name="large")
    flip_bit(folder / VISION_FILE)
    status = (folder / VISION_FILE).stat()
    for content in ({VISION_FILE: [status.st_size, status.st_mtime_ns]}, {VISION_FILE: "good"}):
        (folder / ".verified.json").write_text(json.dumps(content))
        with pytest.raises(ReleaseError, match=rf"{VISION_FILE}: found sha256"):
            load_release(folder)


@pytest.mark.usefixtures("every_file_is_large")
@pytest.mark.parametrize("spoilt", ["a file", "others may write", "a link"])
def test_stamps_that_others_could_have_made_are_not_believed(tmp_path: Path, stamps: Path, spoilt: str) -> None:
    folder = write_untrained_release(tmp_path / "large", TINY_SIZES, name="large")
    files = list(load_release(folder).manifest.files)
    if spoilt == "others may write":
        stamps.chmod(0o777)
    else:
        stamps.rename(tmp_path / "moved")
        stamps.write_text("") if spoilt == "a file" else stamps.symlink_to(tmp_path / "moved")
    assert hashed(folder) == files
    assert hashed(folder) == files


CHANGES: list[Change] = [
    lambda values: values["diagnoses"][0].update(offset=values["diagnoses"][0]["offset"] + 1e-9),
    lambda values: values["diagnoses"].reverse(),
    lambda values: values["diagnoses"][0].update(name="else"),
    lambda values: values["priority"].update(levels=list(reversed(values["priority"]["levels"]))),
    lambda values: values.update(trained=True),
    lambda values: values.update(name="better"),
    lambda values: values["provenance"].update(stages={}),
    lambda values: values.update(manifest_sha256="0" * 64),
    lambda values: values.update(manifest_sha256=7),
]


@pytest.mark.parametrize("change", CHANGES)
def test_what_the_manifest_says_cannot_change_unnoticed(folder: Path, change: Change) -> None:
    edit_manifest(folder, change)
    with pytest.raises(ReleaseError, match="found other contents than manifest_sha256 was made of"):
        load_release(folder)


def test_changed_thresholds_are_noticed_by_load_and_by_check(tmp_path: Path) -> None:
    """Of the packaged release; where the hash is taken out or made anew, the card still has the old one."""

    def change(values: dict[str, Any]) -> None:
        values["diagnoses"][3]["calibration"]["threshold"] = 0.123

    def without_hash(values: dict[str, Any]) -> None:
        change(values)
        del values["manifest_sha256"]

    def with_new_hash(values: dict[str, Any]) -> None:
        change(values)
        values["manifest_sha256"] = sha256_of_values(values)

    for spoil, word in ((change, "files"), (without_hash, "manifest"), (with_new_hash, "manifest")):
        copy = shutil.copytree(packaged_release(), tmp_path / spoil.__name__)
        edit_manifest(copy, spoil)
        failed = [check for check in check_release(copy) if check.status == "fail"]
        assert [check.name for check in failed] == [word]
        assert "\n" not in failed[0].found


def test_the_hash_is_over_canonical_json_without_itself_and_files(folder: Path) -> None:
    values = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
    stated = values.pop("manifest_sha256")
    del values["files"]
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert stated == hashlib.sha256(text.encode()).hexdigest() == load_release(folder).manifest.manifest_sha256
    assert f"`manifest_sha256`: `{stated}`" in (folder / CARD_FILE).read_text(encoding="utf-8")
    edit_manifest(folder, lambda values: values.pop("manifest_sha256"))
    assert load_release(folder).manifest.manifest_sha256 == stated, "a release of an older openprima"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values["files"].update({"a\0b": values["files"][VISION_FILE]}), "found file name"),
        (lambda values: values["files"].update({"\ud800": values["files"][VISION_FILE]}), "found file name"),
        (lambda values: values["files"].update({"a//b": values["files"][VISION_FILE]}), "found file name"),
        (lambda values: values["files"].update({"x" * 300: values["files"][VISION_FILE]}), "found file name"),
        (lambda values: values["files"].update({MANIFEST_FILE: values["files"][VISION_FILE]}), "found file name"),
        (lambda values: values["files"][VISION_FILE].update(sha256="short"), "no size and SHA-256"),
        (lambda values: values["files"][VISION_FILE].update(num_bytes=-1), "no size and SHA-256"),
        (lambda values: values["vision"]["sequence"].update(depth=10**9), "depth 1000000000, expected"),
        (lambda values: values["vision"]["sequence"].update(width=-5), "width -5, expected"),
        (lambda values: values["tokenizer"].update(num_codes=10**12), "num_codes 1000000000000, expected"),
        (lambda values: values["provenance"].update(more=float("nan")), "not finite"),
        (lambda values: values["provenance"].update(more="\ud800"), "not finite, text that is no text"),
    ],
)
def test_odd_names_and_sizes_end_in_a_line(folder: Path, change: Change, message: str) -> None:
    edit_manifest(folder, change)
    with pytest.raises(ReleaseError, match=message) as caught:
        load_release(folder)
    assert "\n" not in str(caught.value)


def test_pipes_in_a_release_are_not_opened(folder: Path) -> None:
    (folder / TOKENIZER_FILE).unlink()
    os.mkfifo(folder / TOKENIZER_FILE)
    edit_manifest(folder, lambda values: values["files"][TOKENIZER_FILE].update(num_bytes=0))
    with pytest.raises(ReleaseError, match="found a folder, pipe or device"):
        load_release(folder)
    (folder / MANIFEST_FILE).unlink()
    os.mkfifo(folder / MANIFEST_FILE)
    with pytest.raises(ReleaseError, match="found no readable"):
        load_release(folder)


@pytest.mark.parametrize("field", ["heads", "head_dim", "width", "mlp_dim"])
def test_sizes_that_make_no_network_end_in_a_line(folder: Path, field: str) -> None:
    def change(values: dict[str, Any]) -> None:
        values["vision"]["sequence"][field] = 0
        del values["manifest_sha256"]

    edit_manifest(folder, change)
    with pytest.raises(ReleaseError) as caught:
        load_release(folder).vision()
    assert "\n" not in str(caught.value)


def test_a_weight_that_is_no_number_is_told(tmp_path: Path) -> None:
    copy = shutil.copytree(packaged_release(), tmp_path / "copy")
    tensors = load_file(copy / TOKENIZER_FILE)
    name = next(name for name, tensor in tensors.items() if tensor.is_floating_point())
    tensors[name].view(-1)[0] = float("nan")
    save_file(tensors, copy / TOKENIZER_FILE)
    content = (copy / TOKENIZER_FILE).read_bytes()
    record = {"num_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    edit_manifest(copy, lambda values: values["files"].update({TOKENIZER_FILE: record}))
    failed = {check.name: check.found for check in check_release(copy) if check.status == "fail"}
    assert failed["values"] == f"{TOKENIZER_FILE}: not finite: {name}"
    assert all("\n" not in found for found in failed.values())


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
