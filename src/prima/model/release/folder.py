"""A release is a folder: release.json, the weights as safetensors, a model card. Save, load, verify.

Hashes are made when the release is written. Loading checks every size; it hashes small files always, and a large one
when its stamp (size and time of last change) is not the one that was last found good, or when asked to.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn
from torch.overrides import TorchFunctionMode

from prima.errors import ReleaseError
from prima.files.durable import new_file, write_json, write_text
from prima.model.networks.vision import HierarchicalViT
from prima.model.release.heads import Heads
from prima.model.release.manifest import CARD_FILE, MANIFEST_FILE, TOKENIZER_FILE, VISION_FILE, FileRecord, Manifest
from prima.tokens.vqvae import VQVAE, Encoder

ALWAYS_HASHED_BYTES = 64 << 20
STAMP_FILE = ".verified.json"


@dataclass(frozen=True, kw_only=True, eq=False)
class Release:
    """A verified release; the networks are built when asked for."""

    folder: Path
    manifest: Manifest
    sha256: str

    def encoder(self) -> Encoder:
        """The tokenizer's encoder, in float32 on the CPU."""
        with torch.device("meta"), _NoInitialValues():
            encoder = Encoder(self.manifest.tokenizer)
        _load_into(encoder, self.folder / TOKENIZER_FILE, prefix="encoder.")
        return encoder

    def tokenizer(self) -> VQVAE:
        """The whole VQ-VAE."""
        with torch.device("meta"), _NoInitialValues():
            tokenizer = VQVAE(self.manifest.tokenizer)
        _load_into(tokenizer, self.folder / TOKENIZER_FILE)
        return tokenizer

    def vision(self) -> HierarchicalViT:
        """The hierarchical vision model, in float32 on the CPU."""
        with torch.device("meta"), _NoInitialValues():
            vision = HierarchicalViT(self.manifest.vision)
        _load_into(vision, self.folder / VISION_FILE)
        return vision.eval()

    def heads(self, device: torch.device) -> Heads:
        """The heads, memory-mapped on the CPU."""
        return Heads(self.folder, self.manifest, device)


@dataclass(kw_only=True, eq=False)
class ReleaseWriter:
    """Writes a release file by file, hashing as it goes; the manifest comes last, so a broken-off folder is no release.

    Args:
        folder: a new or empty folder.
    """

    folder: Path
    files: dict[str, FileRecord] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise ReleaseError(f"{self.folder}: found something there already, expected a new or empty folder")
        self.folder.mkdir(parents=True, exist_ok=True)

    def add_tensors(self, name: str, tensors: dict[str, torch.Tensor]) -> None:
        """Write one safetensors file; the tensors may be dropped afterwards."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with new_file(path) as temporary:
            save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, temporary)
        self._record(name)

    def add_text(self, name: str, text: str) -> None:
        """Write one text file."""
        write_text(self.folder / name, text)
        self._record(name)

    def finish(self, manifest: Manifest) -> Path:
        """Write the manifest with the hashes of everything added, and the stamps."""
        text = replace(manifest, files=self.files).to_text()
        Manifest.from_text(text)
        write_text(self.folder / MANIFEST_FILE, text)
        if _has_large_files(self.files):
            _write_stamps(self.folder, {name: _stamp(self.folder / name) for name in self.files})
        return self.folder

    def abandon(self) -> None:
        """Remove what was written."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _record(self, name: str) -> None:
        path = self.folder / name
        self.files[name] = FileRecord(num_bytes=path.stat().st_size, sha256=_sha256(path))


def packaged_release() -> Path:
    """The release that ships with prima."""
    return Path(str(resources.files("prima.model.release") / "packaged"))


def load_release(folder: Path, *, verify: bool = False, on_hash: Callable[[str], None] | None = None) -> Release:
    """Open a release and check its files.

    Args:
        folder: the release.
        verify: hash every file, whatever its stamp says.
        on_hash: told the name of each large file before it is hashed.

    Raises:
        ReleaseError: it is no release, a file is missing, or its size or hash is not the recorded one (named).
    """
    path = folder / MANIFEST_FILE
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ReleaseError(
            f"{folder}: found no readable {MANIFEST_FILE}, expected a release folder (prima convert makes one)"
        ) from error
    manifest = Manifest.from_text(raw.decode("utf-8", errors="replace"))
    _check_files(folder, manifest, verify, on_hash)
    return Release(folder=folder, manifest=manifest, sha256=hashlib.sha256(raw).hexdigest())


def _check_files(folder: Path, manifest: Manifest, verify: bool, on_hash: Callable[[str], None] | None) -> None:
    known = _read_stamps(folder)
    stamps: dict[str, list[int]] = {}
    problems: list[str] = []
    for name, record in manifest.files.items():
        path = folder / name
        try:
            stamp = _stamp(path)
        except OSError:
            problems.append(f"{name}: found no such file")
            continue
        if stamp[0] != record.num_bytes:
            problems.append(f"{name}: found {stamp[0]} bytes, expected {record.num_bytes}")
            continue
        large = record.num_bytes > ALWAYS_HASHED_BYTES
        if verify or not large or known.get(name) != stamp:
            if large and on_hash is not None:
                on_hash(name)
            found = _sha256(path)
            if found != record.sha256:
                problems.append(f"{name}: found sha256 {found[:12]}…, expected {record.sha256[:12]}…")
                continue
        stamps[name] = stamp
    if problems:
        raise ReleaseError(f"release {folder}: " + "; ".join(problems) + "; restore it or convert it again")
    if stamps != known and _has_large_files(manifest.files):
        _write_stamps(folder, stamps)


class _NoInitialValues(TorchFunctionMode):
    """Leaves out the random values that a file is about to replace; on the meta device alone they cost a second."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        values = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return values["tensor"] if "tensor" in values else args[0]
        return func(*args, **values)


def _load_into(module: nn.Module, path: Path, prefix: str = "") -> None:
    """Fill a module built on the meta device with a file's tensors; names and shapes must match exactly."""
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            state = {
                name.removeprefix(prefix): file.get_tensor(name)
                for name in file.keys()  # noqa: SIM118 (not a mapping)
                if name.startswith(prefix)
            }
        module.load_state_dict(state, strict=True, assign=True)
    except (SafetensorError, OSError, RuntimeError) as error:
        first_lines = " ".join(str(error).split())[:300]
        raise ReleaseError(f"release file {path.name}: does not fit its release.json ({first_lines})") from error
    module.requires_grad_(False)


def _has_large_files(files: dict[str, FileRecord]) -> bool:
    return any(record.num_bytes > ALWAYS_HASHED_BYTES for record in files.values())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _read_stamps(folder: Path) -> dict[str, list[int]]:
    try:
        stamps = json.loads((folder / STAMP_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamps if isinstance(stamps, dict) else {}


def _write_stamps(folder: Path, stamps: dict[str, list[int]]) -> None:
    try:
        write_json(folder / STAMP_FILE, stamps, indent=None)
    except OSError:
        return  # A read-only release is hashed again next time.


__all__ = [
    "CARD_FILE",
    "Release",
    "ReleaseWriter",
    "load_release",
    "packaged_release",
]
