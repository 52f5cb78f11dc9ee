"""What can be found out about a release without a study: is it whole, does it answer as it did, what does it lack."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError, safe_open

from prima.errors import ReleaseError
from prima.model.networks.cost import encoder_flops
from prima.model.packaging.probe import PROBE_FILE, TOLERANCE, compare, read_probe, run_probe
from prima.model.release.folder import Release, load_release
from prima.model.release.manifest import CARD_FILE, HASH_KEY, MANIFEST_FILE, HeadRecord, Manifest, uncalibrated
from prima.model.release.stage_folder import read_text_json
from prima.study.ontology import DIAGNOSIS_NAMES, LEVELS, SERVICE_NAMES

Status = Literal["ok", "warn", "fail"]

SMALL_BYTES = 30_000_000
"""What a release that ships in the wheel may weigh."""
CHEAP_FLOPS = 1e9
"""What its encoder may cost for one token."""

_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class ReleaseCheck:
    """One line of `prima release check`.

    Args:
        name: what was looked at.
        status: fail: do not use it; warn: know this before you use it.
        found: in words.
    """

    name: str
    status: Status
    found: str


def check_release(folder: Path, *, on_hash: Callable[[str], None] | None = None) -> list[ReleaseCheck]:
    """Look at everything; a release that cannot be loaded gets the one line that says why.

    Args:
        folder: of the release.
        on_hash: told the name of each large file before it is hashed.
    """
    try:
        release = load_release(folder, verify=True, on_hash=on_hash)
    except ReleaseError as error:
        return [ReleaseCheck(name="files", status="fail", found=str(error))]
    return list(_checks(release))


def _checks(release: Release) -> Iterator[ReleaseCheck]:
    manifest = release.manifest
    yield _files(release)
    yield _manifest(release)
    yield _values(release)
    yield _unknown_files(release)
    yield _size(manifest)
    yield ReleaseCheck(
        name="card",
        status="ok" if CARD_FILE in manifest.files else "fail",
        found="MODEL_CARD.md is there" if CARD_FILE in manifest.files else "no MODEL_CARD.md among its files",
    )
    yield ReleaseCheck(
        name="trained",
        status="ok" if manifest.trained else "warn",
        found="yes" if manifest.trained else "no: its numbers mean nothing",
    )
    yield ReleaseCheck(name="mode", status="ok", found=manifest.mode)
    yield _order("diagnoses", manifest.diagnoses, DIAGNOSIS_NAMES, "fail")
    yield _order("referrals", manifest.referrals, SERVICE_NAMES, "warn")
    yield _levels(manifest)
    yield _calibration(manifest)
    yield _thresholds(manifest)
    yield _familiarity(release)
    if "adapted" in manifest.provenance:
        yield _adapted(manifest)
    yield _encoder(manifest)
    yield _probe(release)


def _files(release: Release) -> ReleaseCheck:
    count = len(release.manifest.files)
    return ReleaseCheck(name="files", status="ok", found=f"{count} files, every hash as recorded")


def _manifest(release: Release) -> ReleaseCheck:
    """That what the manifest says (thresholds, calibration, order of labels, …) is what the card was made for."""
    stated = HASH_KEY in read_text_json(release.folder / MANIFEST_FILE)
    own = release.manifest.manifest_sha256
    try:
        card = (release.folder / CARD_FILE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        card = ""
    on_card = re.findall(rf"^`{HASH_KEY}`: `([0-9a-f]{{64}})`", card, re.MULTILINE)
    if on_card and on_card != [own]:
        return ReleaseCheck(
            name="manifest", status="fail", found="thresholds, calibration or labels changed: not the card's"
        )
    if not stated or not on_card:
        where = "release.json" if not stated else "its card"
        return ReleaseCheck(
            name="manifest", status="warn", found=f"no {HASH_KEY} in {where}: made by an older openprima"
        )
    return ReleaseCheck(name="manifest", status="ok", found=f"{own[:12]}…, in release.json and on the card")


def _values(release: Release) -> ReleaseCheck:
    """That every weight is a number."""
    for name in release.manifest.files:
        if name.endswith(".safetensors"):
            try:
                with safe_open(release.folder / name, framework="pt", device="cpu") as file:
                    bad = [key for key in file.keys() if not _is_finite(file.get_tensor(key))]  # noqa: SIM118
            except (SafetensorError, OSError, RuntimeError) as error:
                found = f"{name} cannot be read ({' '.join(str(error).split())[:100]})"
                return ReleaseCheck(name="values", status="fail", found=found)
            if bad:
                return ReleaseCheck(name="values", status="fail", found=f"{name}: not finite: {_few(bad)}")
    return ReleaseCheck(name="values", status="ok", found="every weight is finite")


def _is_finite(tensor: torch.Tensor) -> bool:
    return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())


def _unknown_files(release: Release) -> ReleaseCheck:
    known = {*release.manifest.files, MANIFEST_FILE}
    paths = (path for path in release.folder.rglob("*") if path.is_file())
    unknown = sorted({path.relative_to(release.folder).as_posix() for path in paths} - known)
    if not unknown:
        return ReleaseCheck(name="nothing else", status="ok", found="no file that it does not name")
    return ReleaseCheck(name="nothing else", status="warn", found=f"files that it does not name: {_few(unknown)}")


def _size(manifest: Manifest) -> ReleaseCheck:
    size = sum(record.num_bytes for record in manifest.files.values())
    small = size <= SMALL_BYTES
    more = "" if small else f", more than the {SMALL_BYTES / 1e6:.0f} MB of one that ships with prima"
    return ReleaseCheck(name="size", status="ok" if small else "warn", found=f"{size / 1e6:.1f} MB{more}")


def _order(name: str, heads: tuple[HeadRecord, ...], expected: tuple[str, ...], otherwise: Status) -> ReleaseCheck:
    names = tuple(head.name for head in heads)
    if names == expected:
        return ReleaseCheck(name=name, status="ok", found=f"{len(names)}, in the order of the ontology")
    absent = [head_name for head_name in expected if head_name not in names]
    unknown = [head_name for head_name in names if head_name not in expected]
    words = [
        *([f"without {_few(absent)}"] if absent else []),
        *([f"not in the ontology: {_few(unknown)}"] if unknown else []),
    ]
    return ReleaseCheck(name=name, status=otherwise, found=f"{len(names)}, {'; '.join(words) or 'in another order'}")


def _levels(manifest: Manifest) -> ReleaseCheck:
    if manifest.priority is None:
        return ReleaseCheck(name="priority", status="warn", found="no priority head")
    levels = manifest.priority.levels
    return ReleaseCheck(name="priority", status="ok" if levels == LEVELS else "fail", found=", ".join(levels))


def _calibration(manifest: Manifest) -> ReleaseCheck:
    missing = uncalibrated([*manifest.diagnoses, *manifest.referrals], manifest.priority)
    if not missing:
        return ReleaseCheck(name="calibration", status="ok", found="every head")
    total = len(manifest.diagnoses) + len(manifest.referrals) + (manifest.priority is not None)
    return ReleaseCheck(
        name="calibration",
        status="warn",
        found=f"{len(missing)} of {total} heads give no probability: {_few(list(missing))}; prima calibrate mends it",
    )


def _thresholds(manifest: Manifest) -> ReleaseCheck:
    """That thresholds are probabilities is checked on loading; here, what they rest on."""
    heads = {
        head.name: head.calibration
        for head in (*manifest.diagnoses, *manifest.referrals)
        if head.calibration is not None
    }
    silent = [name for name, calibration in heads.items() if calibration.threshold_called is None]
    weak = [name for name, calibration in heads.items() if calibration.weak and name not in silent]
    missed = [name for name, calibration in heads.items() if calibration.reached is False and name not in silent]
    words = [
        *([f"{len(weak)} rest on few positives: {_few(weak)}"] if weak else []),
        *([f"{len(missed)} miss their target: {_few(missed)}"] if missed else []),
        *([f"{len(silent)} have none and are not called: {_few(silent)}"] if silent else []),
    ]
    if not heads:
        return ReleaseCheck(name="thresholds", status="warn", found="on logits, at 0")
    words_of_heads = "; ".join([f"{len(heads)}, all finite", *words])
    return ReleaseCheck(name="thresholds", status="warn" if words else "ok", found=words_of_heads)


def _familiarity(release: Release) -> ReleaseCheck:
    record = release.manifest.familiarity
    if record is None:
        found = "no check for unfamiliar studies; prima calibrate or prima adapt adds one"
        return ReleaseCheck(name="familiarity", status="warn", found=found)
    try:
        release.familiarity()
    except ReleaseError as error:
        return ReleaseCheck(name="familiarity", status="fail", found=str(error))
    low, high = (100 * end for end in record.interval)
    found = (
        f"limits for 1 to {len(record.limits)} series; {record.num_refused} of {record.num_held_out} studies like "
        f"those seen refused ({low:.1f} to {high:.1f} %)"
    )
    return ReleaseCheck(name="familiarity", status="ok", found=found)


def _adapted(manifest: Manifest) -> ReleaseCheck:
    """That only statistics moved: the weights are those of the release it was adapted from."""
    adapted = manifest.provenance["adapted"]
    if not isinstance(adapted, dict) or adapted.get("weights_sha256") != manifest.weights_sha256:
        found = "the weights are not those of the release that it was adapted from"
        return ReleaseCheck(name="adapted", status="fail", found=found)
    parent = f"{str(adapted.get('parent_sha256'))[:12]}…"
    unchanged = "weights, probabilities and thresholds are" if manifest.adapted_only else "weights are"
    found = f"to {adapted.get('num_studies')} unlabelled studies; {unchanged} those of {parent}"
    return ReleaseCheck(name="adapted", status="warn" if manifest.adapted_only else "ok", found=found)


def _encoder(manifest: Manifest) -> ReleaseCheck:
    flops = encoder_flops(manifest.tokenizer, manifest.contract)
    cheap = flops <= CHEAP_FLOPS
    more = "" if cheap else f", more than the {CHEAP_FLOPS / 1e9:.0f} GFLOP of one that ships with prima"
    return ReleaseCheck(
        name="encoder", status="ok" if cheap else "warn", found=f"{flops / 1e9:.2f} GFLOP a token{more}"
    )


def _probe(release: Release) -> ReleaseCheck:
    try:
        if PROBE_FILE not in release.manifest.files:
            run_probe(release)
            return ReleaseCheck(
                name="probe", status="warn", found=f"it answers, and has no {PROBE_FILE} to compare with"
            )
        expected = read_probe(release.folder / PROBE_FILE)
        result = compare(expected, run_probe(release))
    except ReleaseError as error:
        return ReleaseCheck(name="probe", status="fail", found=str(error))
    logits = f"{len(expected.logits)} logits"
    machine = "the same machine type" if result.same_machine else f"another machine type ({expected.machine.processor})"
    if result.verdict == "equal":
        return ReleaseCheck(name="probe", status="ok", found=f"{logits} equal to the digit, on {machine}")
    words = f"{logits} differ by up to {result.largest:.2g} ({result.where}), on {machine}"
    if result.verdict == "close":
        return ReleaseCheck(name="probe", status="ok", found=f"{words}: within {TOLERANCE:g}")
    expected_words = "none" if result.same_machine else f"at most {TOLERANCE:g}"
    return ReleaseCheck(name="probe", status="fail", found=f"{words}; expected {expected_words}")


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
