"""What release.json says: the one file that makes a folder of weights a release.

Every field is needed and unknown ones are refused, so that a release is never half understood.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from prima.errors import ReleaseError
from prima.files.strict_json import added, read_json, values_of
from prima.model.networks.vision import VisionConfig
from prima.model.release.calibration import HeadCalibration, PriorityCalibration
from prima.model.release.familiarity_record import FAMILIARITY_FILE, FamiliarityRecord
from prima.study.mode import Mode
from prima.tokens.contract import Contract
from prima.tokens.vqvae import VQVAEConfig

FORMAT = "openprima/release/2"
MANIFEST_FILE = "release.json"
HASH_KEY = "manifest_sha256"
LARGEST_SIZE, MOST_LAYERS = 1 << 20, 512
_SHA256 = re.compile("[0-9a-f]{64}")
TOKENIZER_FILE = "tokenizer.safetensors"
VISION_FILE = "vision.safetensors"
CARD_FILE = "MODEL_CARD.md"


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """Size and hash of one file of the release."""

    num_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class HeadRecord:
    """One named output: a column of an MLP minus an offset is its logit.

    Args:
        name: what the head is called; for diagnoses the released name.
        mlp: index into the manifest's `mlps`.
        column: column of the MLP's last layer.
        offset: subtracted from the column.
        calibration: how the logit becomes a probability and a decision; None when it does not.
    """

    name: str
    mlp: int
    column: int
    offset: float
    calibration: HeadCalibration | None = None


@dataclass(frozen=True, kw_only=True)
class PriorityRecord:
    """The priority head: one column for each level, side by side in one MLP.

    Args:
        mlp: index into the manifest's `mlps`.
        levels: of the columns, in their order.
        column: of the first level.
        calibration: how the logits become probabilities; None when they do not.
    """

    mlp: int
    levels: tuple[str, ...]
    column: int = 0
    calibration: PriorityCalibration | None = None


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The contents of release.json.

    Args:
        name: what the release is called.
        trained: False for random weights; every output then says that its numbers mean nothing.
        calibrated: whether every head's logit becomes a probability.
        mode: what of a study besides the image the model may see.
        contract: the preprocessing the weights expect.
        tokenizer: sizes of the VQ-VAE.
        vision: sizes of the hierarchical vision model.
        mlps: files of the head networks.
        diagnoses: heads of the diagnoses, in the release's order.
        referrals: heads of the referrals.
        priority: the priority head, None when there is none.
        provenance: where the weights come from, as plain values.
        files: size and hash of every other file of the folder.
        familiarity: the check for unfamiliar studies; None when there is none.
    """

    name: str
    trained: bool
    calibrated: bool
    mode: Mode
    contract: Contract
    tokenizer: VQVAEConfig
    vision: VisionConfig
    mlps: tuple[str, ...]
    diagnoses: tuple[HeadRecord, ...]
    referrals: tuple[HeadRecord, ...]
    priority: PriorityRecord | None
    provenance: dict[str, Any]
    files: dict[str, FileRecord]
    familiarity: FamiliarityRecord | None = added(None)  # noqa: RUF009 (a field of a plain value)

    @property
    def demonstrates(self) -> bool:
        """Whether any stage was trained on made-up studies: such weights demonstrate, they do not diagnose."""
        stages = self.provenance.get("stages", {})
        return isinstance(stages, dict) and any(
            isinstance(record, dict) and record.get("simulated") is True for record in stages.values()
        )

    @property
    def adapted_only(self) -> bool:
        """Whether it knows a site's studies, while its calibration is still that of the release it was adapted from."""
        adapted = self.provenance.get("adapted")
        return isinstance(adapted, dict) and adapted.get("calibrated") is not True

    @property
    def manifest_sha256(self) -> str:
        """SHA-256 of everything the manifest says but its `files`; it stands in release.json and on the card."""
        return sha256_of_values({"format": FORMAT, **values_of(self)})

    @property
    def weights_sha256(self) -> str:
        """SHA-256 over the hashes of all weights: equal for two releases whose weights are."""
        weights = {name: self.files[name].sha256 for name in (TOKENIZER_FILE, VISION_FILE, *self.mlps)}
        return hashlib.sha256(json.dumps(weights, sort_keys=True).encode()).hexdigest()

    def to_text(self) -> str:
        """The text of release.json.

        Raises:
            ReleaseError: a number is not finite.
        """
        values = {"format": FORMAT, "manifest_sha256": self.manifest_sha256, **values_of(self)}
        return json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read release.json.

        Raises:
            ReleaseError: it is not JSON, of another format, or a field is missing, unknown or of the wrong kind.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ReleaseError(f"{MANIFEST_FILE}: found text that is not JSON; restore the file") from error
        found = values.pop("format", None) if isinstance(values, dict) else None
        if found != FORMAT:
            raise ReleaseError(
                f"{MANIFEST_FILE}: found format {ascii(found)[:60]}, expected {FORMAT!r}; {_remedy(found)}"
            )
        stated = values.pop(HASH_KEY, None)
        manifest = read_json(cls, values, MANIFEST_FILE)
        manifest._check()
        if stated is not None and stated != sha256_of_values({"format": FORMAT, **values}):
            raise ReleaseError(
                f"{MANIFEST_FILE}: found other contents than {HASH_KEY} was made of, expected them unchanged; restore "
                "the file, or make the change with prima calibrate"
            )
        return manifest

    def _check(self) -> None:
        for name, record in self.files.items():
            if not _is_plain(name):
                raise ReleaseError(
                    f"{MANIFEST_FILE}: found file name {ascii(name)[:60]}, expected one inside the release"
                )
            if record.num_bytes < 0 or not _SHA256.fullmatch(record.sha256):
                raise ReleaseError(f"{MANIFEST_FILE}: found no size and SHA-256 of {name}; restore the file")
        for what, config in (("tokenizer", self.tokenizer), ("vision", self.vision)):
            _check_sizes(values_of(config), what)
        needed = {TOKENIZER_FILE, VISION_FILE, *self.mlps}
        if self.familiarity is not None:
            self.familiarity.check()
            needed.add(FAMILIARITY_FILE)
        if missing := sorted(needed - set(self.files)):
            raise ReleaseError(f"{MANIFEST_FILE}: found no hash of {missing[0]}; restore the file")
        heads = [*self.diagnoses, *self.referrals]
        for kind in (self.diagnoses, self.referrals):
            names = [head.name for head in kind]
            if repeated := sorted({name for name in names if names.count(name) > 1}):
                raise ReleaseError(f"{MANIFEST_FILE}: found two heads of the name {repeated[0]!r}; restore the file")
        used = [head.mlp for head in heads] + ([] if self.priority is None else [self.priority.mlp])
        if any(not 0 <= index < len(self.mlps) for index in used):
            raise ReleaseError(f"{MANIFEST_FILE}: found a head whose network is not listed; restore the file")
        self._check_calibration()

    def _check_calibration(self) -> None:
        heads = [*self.diagnoses, *self.referrals]
        for head in heads:
            if head.calibration is not None:
                head.calibration.check(head.name)
        priority = self.priority
        if priority is not None and priority.calibration is not None:
            found = priority.calibration
            if found.slope <= 0 or len(found.offsets) != len(priority.levels):
                raise ReleaseError(f"{MANIFEST_FILE}: found a calibration of other levels; restore the file")
        if self.calibrated and uncalibrated(heads, priority):
            raise ReleaseError(
                f"{MANIFEST_FILE}: found 'calibrated' but no calibration of {uncalibrated(heads, priority)[0]}; "
                "restore the file"
            )


def sha256_of_values(values: Mapping[str, Any]) -> str:
    """SHA-256 over a manifest as canonical JSON: keys in order, no space, UTF-8, `files` and the hash itself left out.

    Raises:
        ReleaseError: a value is not finite, or nested too deeply.
    """
    kept = {key: value for key, value in values.items() if key not in (HASH_KEY, "files")}
    try:
        text = json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()
    except (ValueError, RecursionError):
        raise ReleaseError(
            f"{MANIFEST_FILE}: found a number that is not finite, text that is no text, or values nested too deeply; "
            "restore the file"
        ) from None


def _is_plain(name: str) -> bool:
    """Whether a file's name is one inside the release that any system takes."""
    parts = name.split("/")
    printable = name.isprintable() and "\\" not in name and name != MANIFEST_FILE
    return printable and all(part not in ("", ".", "..") and len(part.encode()) <= 255 for part in parts)


def _check_sizes(values: Any, what: str) -> None:
    """Refuse sizes of a network that no machine could build."""
    if isinstance(values, dict):
        for name, value in values.items():
            most = MOST_LAYERS if "depth" in name or "layers" in name else LARGEST_SIZE
            if isinstance(value, int) and not isinstance(value, bool) and not 0 <= value <= most:
                raise ReleaseError(f"{MANIFEST_FILE}: found {what}.{name} {value}, expected 0 to {most}")
            _check_sizes(value, f"{what}.{name}")
    elif isinstance(values, list | tuple):
        if len(values) > MOST_LAYERS:
            raise ReleaseError(f"{MANIFEST_FILE}: found {len(values)} entries of {what}, expected fewer")
        for value in values:
            _check_sizes({"size": value} if isinstance(value, int) else value, what)


def _remedy(found: object) -> str:
    """What to do about a release of another format."""
    name, _, number = FORMAT.rpartition("/")
    before, _, version = str(found).rpartition("/")
    if before != name or not version.isdecimal():
        return "it is no release.json of openprima; restore the file"
    if int(version) > int(number):
        return "it was written by a newer openprima; install that one (pip install --upgrade openprima)"
    return "it was written by an older openprima; build or convert the release again, or use the version that wrote it"


def uncalibrated(heads: Sequence[HeadRecord], priority: PriorityRecord | None) -> tuple[str, ...]:
    """Names of the heads without a probability, the priority head among them."""
    missing = tuple(head.name for head in heads if head.calibration is None or not head.calibration.supported)
    return missing if priority is None or priority.calibration is not None else (*missing, "priority")
