"""A release is a folder: release.json, the weights as safetensors, a model card. Save, load, verify.

Hashes are made when the release is written. Loading checks every size and the manifest's own hash; it hashes small
files always, and a large one when this machine has not found it good before (`stamps`), or when asked to.
"""

from __future__ import annotations

import hashlib
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn
from torch.overrides import TorchFunctionMode

from prima.errors import ReleaseError
from prima.files.durable import new_file, write_text
from prima.model.networks.vision import HierarchicalViT
from prima.model.release.familiarity import FamiliarityCheck, read_check
from prima.model.release.heads import Heads
from prima.model.release.manifest import (
    CARD_FILE,
    HASH_KEY,
    MANIFEST_FILE,
    TOKENIZER_FILE,
    VISION_FILE,
    FileRecord,
    Manifest,
)
from prima.model.release.stamps import remember_sha256, remembered_sha256
from prima.tokens.contract import PLANE_AXIS
from prima.tokens.vqvae import VQVAE, Encoder

ALWAYS_HASHED_BYTES = 64 << 20
MAX_MANIFEST_BYTES = 64 << 20
_CARD_LINE = f"`{HASH_KEY}`:"


Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True, kw_only=True, eq=False)
class Release:
    """A verified release; the networks are built when asked for."""

    folder: Path
    manifest: Manifest
    sha256: str

    def encoder(self) -> Encoder:
        """The tokenizer's encoder, in float32 on the CPU."""
        encoder = _built(Encoder, self.manifest.tokenizer, "tokenizer")
        _load_into(encoder, self.folder / TOKENIZER_FILE, prefix="encoder.")
        return encoder

    def tokenizer(self) -> VQVAE:
        """The whole VQ-VAE."""
        tokenizer = _built(VQVAE, self.manifest.tokenizer, "tokenizer")
        _load_into(tokenizer, self.folder / TOKENIZER_FILE)
        return tokenizer

    def vision(self) -> HierarchicalViT:
        """The hierarchical vision model, in float32 on the CPU."""
        vision = _built(HierarchicalViT, self.manifest.vision, "vision model")
        _load_into(vision, self.folder / VISION_FILE)
        return vision.eval()

    def heads(self, device: torch.device) -> Heads:
        """The heads, memory-mapped on the CPU."""
        return Heads(self.folder, self.manifest, device)

    def familiarity(self) -> FamiliarityCheck | None:
        """The check for unfamiliar studies; None when the release has none."""
        record, vision = self.manifest.familiarity, self.manifest.vision
        if record is None:
            return None
        beside = 3 * self.manifest.contract.position_dims + len(PLANE_AXIS)  # of a token's row, besides its latent
        return read_check(self.folder, record, (vision.token_width or vision.sequence.width) - beside)


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
        """Write the manifest with the hashes of everything added; its own hash goes on the card."""
        if CARD_FILE in self.files:
            card = (self.folder / CARD_FILE).read_text(encoding="utf-8")
            self.add_text(CARD_FILE, with_manifest_hash(card, manifest))
        text = replace(manifest, files=self.files).to_text()
        Manifest.from_text(text)
        write_text(self.folder / MANIFEST_FILE, text)
        for name, record in self.files.items():
            if record.num_bytes > ALWAYS_HASHED_BYTES:
                remember_sha256(self.folder / name, record.sha256)
        return self.folder

    def abandon(self) -> None:
        """Remove what was written."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _record(self, name: str) -> None:
        path = self.folder / name
        self.files[name] = FileRecord(num_bytes=path.stat().st_size, sha256=_sha256(path))


def with_manifest_hash(card: str, manifest: Manifest) -> str:
    """A card that says for which manifest it was made, in its last line."""
    lines = [line for line in card.splitlines() if not line.startswith(_CARD_LINE)]
    text = "\n".join(lines).rstrip("\n")
    return f"{text}\n\n{_CARD_LINE} `{manifest.manifest_sha256}` (`prima release check` compares)\n"


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
        if not path.is_file() or path.stat().st_size > MAX_MANIFEST_BYTES:
            raise FileNotFoundError
        raw = path.read_bytes()
    except OSError as error:
        raise ReleaseError(
            f"{folder}: found no readable {MANIFEST_FILE}, expected a release folder (prima convert makes one)"
        ) from error
    manifest = Manifest.from_text(raw.decode("utf-8", errors="replace"))
    _check_files(folder, manifest, verify, on_hash)
    return Release(folder=folder, manifest=manifest, sha256=hashlib.sha256(raw).hexdigest())


def _check_files(folder: Path, manifest: Manifest, verify: bool, on_hash: Callable[[str], None] | None) -> None:
    problems: list[str] = []
    for name, record in manifest.files.items():
        path = folder / name
        try:
            status = path.stat()
        except OSError:
            problems.append(f"{name}: found no such file")
            continue
        if not stat.S_ISREG(status.st_mode):
            problems.append(f"{name}: found a folder, pipe or device, expected a file")
            continue
        if status.st_size != record.num_bytes:
            problems.append(f"{name}: found {status.st_size} bytes, expected {record.num_bytes}")
            continue
        large = record.num_bytes > ALWAYS_HASHED_BYTES
        if large and not verify and remembered_sha256(path) == record.sha256:
            continue
        if large and on_hash is not None:
            on_hash(name)
        found = _sha256(path)
        if found != record.sha256:
            problems.append(f"{name}: found sha256 {found[:12]}…, expected {record.sha256[:12]}…")
        elif large:
            remember_sha256(path, found)
    if problems:
        raise ReleaseError(f"release {folder}: " + "; ".join(problems) + "; restore it or convert it again")


class _NoInitialValues(TorchFunctionMode):
    """Leaves out the random values that a file is about to replace; on the meta device alone they cost a second."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        values = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return values["tensor"] if "tensor" in values else args[0]
        return func(*args, **values)


def _built(network: Callable[[Any], Network], config: Any, what: str) -> Network:
    """A network without values; sizes that make none are the release's fault."""
    try:
        with torch.device("meta"), _NoInitialValues():
            return network(config)
    except (ArithmeticError, AssertionError, IndexError, MemoryError, RuntimeError, TypeError, ValueError) as error:
        line = " ".join(str(error).split())[:200]
        raise ReleaseError(f"release.json: found sizes that make no {what} ({line}); restore the file") from None


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


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


__all__ = [
    "CARD_FILE",
    "Release",
    "ReleaseWriter",
    "load_release",
    "packaged_release",
]
