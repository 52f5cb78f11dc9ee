"""What every baseline is given: the studies of a part with their labels, and what kind of image each series is."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prima.errors import UnreadableError
from prima.report.label import RuleLabeller
from prima.report.labelled import label_reports
from prima.report.report import Report
from prima.study.ontology import DIAGNOSIS_NAMES, PRIORITIES, SERVICES

LEVELS = tuple(priority.level for priority in PRIORITIES)
SERVICE_NAMES = tuple(service.name for service in SERVICES)
NUM_DIAGNOSES, NUM_LEVELS, NUM_SERVICES = len(DIAGNOSIS_NAMES), len(LEVELS), len(SERVICE_NAMES)
NUM_OUTPUTS = NUM_DIAGNOSES + NUM_LEVELS + NUM_SERVICES
DIAGNOSES_AT = slice(0, NUM_DIAGNOSES)
LEVELS_AT = slice(NUM_DIAGNOSES, NUM_DIAGNOSES + NUM_LEVELS)
SERVICES_AT = slice(NUM_DIAGNOSES + NUM_LEVELS, NUM_OUTPUTS)

KINDS = ("t1", "t1c", "t2", "flair", "b0", "dwi", "adc", "swi", "tof", "other")
_RULES = (
    ("b0", r"_b0$"),
    ("adc", r"adc|apparent_diff"),
    ("dwi", r"_b\d+$|dwi|trace"),
    ("tof", r"tof|mra|3di_mc|inhance"),
    ("other", r"ciss|fiesta|drive|t1w?_ir|\bir_tse|_ir_|pd"),
    ("t1", r"t1|mprage|bravo|tfe|spgr"),
    ("flair", r"flair|tirm|dark_fluid"),
    ("swi", r"swi|swan|t2_star|t2s|hemo|ffe|gre"),
    ("t2", r"t2"),
)
_POST = r"plus_c|post|_km|_gd|_c$"
_REGION = r"sella|pituitar|iac|hippo|temporal|orbit"
_VOLUMETRIC = r"3d|mprage|bravo|tfe|cube|space|iso|mpr|reformat|swi|swan|tof|mc_hr"


def kind_of(name: str) -> str:
    """Which kind of image a series is, from its name.

    Example:
        >>> [kind_of(name) for name in ("AX_DWI_B1000_b0", "Ax_T1__plus_C", "t2_tirm_tra_dark_fluid", "T2W_FFE")]
        ['b0', 't1c', 'flair', 'swi']
    """
    # A protocol's name repeats for all its series and may name the study: the description comes first.
    low = re.sub(r"-.*-protocol", "", name.lower())
    kind = next((kind for kind, rule in _RULES if re.search(rule, low)), "other")
    return "t1c" if kind == "t1" and re.search(_POST, low) else kind


def is_regional(name: str) -> bool:
    """Whether a series is aimed at a part of the head, by its name."""
    return re.search(_REGION, name.lower().split("-")[0]) is not None


def slice_distance_mm(name: str) -> float:
    """The usual distance of a series' slices (slabs, where thin slices were averaged); files of patches do not say."""
    if re.search(_VOLUMETRIC, name.lower().split("-")[0]):
        return 4.0
    return 3.0 if is_regional(name) else 6.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """The studies of a part.

    Args:
        name: train, validation or test.
        files: [n] of patches.
        facts: [n] what is known of each study.
        names: [n] the names of its series.
        descriptions: [n] study descriptions.
        labels: [n, diagnoses] 1, 0 or NaN, what is learnt from (or, in other parts, the truth).
        priority: [n] level, -1 unknown.
        referrals: [n, services] as labels.
    """

    name: str
    files: tuple[Path, ...]
    facts: tuple[dict[str, Any], ...]
    names: tuple[tuple[str, ...], ...]
    descriptions: tuple[str, ...]
    labels: NDArray[np.float32]
    priority: NDArray[np.int64]
    referrals: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.files)

    @property
    def study_uids(self) -> tuple[str, ...]:
        """StudyInstanceUIDs."""
        return tuple(facts["study_uid"] for facts in self.facts)

    @property
    def patients(self) -> tuple[str, ...]:
        """Patient of each study."""
        return tuple(facts["patient"] for facts in self.facts)

    @property
    def digest(self) -> str:
        """Changes with the studies and with their labels."""
        found = hashlib.sha256("\n".join(self.study_uids).encode())
        for values in (self.labels, self.priority, self.referrals):
            found.update(values.tobytes())
        return found.hexdigest()[:16]


def read_part(data: Path, name: str, last: int | None = None, labels: str = "truth") -> Part:
    """Read all but the voxels of the studies of a part.

    Args:
        data: with a folder `name` of files of patches.
        name: of the part.
        last: only files with a number below it.
        labels: "truth", or "reports": what the rules read in the report.

    Raises:
        UnreadableError: a file of patches is damaged.
    """
    files = tuple(sorted((data / name).glob("*.npz")))
    files = tuple(file for file in files if last is None or int(file.stem) < last)
    texts = [_read_text(file) for file in files]
    facts = tuple(text["facts"] for text in texts)
    rules = RuleLabeller() if labels == "reports" else None
    rows = [_values(known, rules) for known in facts]
    return Part(
        name=name,
        files=files,
        facts=facts,
        names=tuple(tuple(text["names"]) for text in texts),
        descriptions=tuple(text["description"] for text in texts),
        labels=np.array([row[0] for row in rows], np.float32).reshape(-1, NUM_DIAGNOSES),
        priority=np.array([row[1] for row in rows], np.int64),
        referrals=np.array([row[2] for row in rows], np.float32).reshape(-1, NUM_SERVICES),
    )


def _read_text(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as file:
            text: dict[str, Any] = json.loads(file["text"].tobytes())
    except (OSError, KeyError, ValueError, EOFError) as error:
        raise UnreadableError(f"{path.name}: found no whole file of patches; make it again") from error
    return text


def _values(known: dict[str, Any], rules: RuleLabeller | None) -> tuple[list[float], int, list[float]]:
    """Labels, priority and referrals of a study, as simulated or as its report says."""
    present, unknown = set(known["labels"]), set()
    priority, referrals = known["priority"], known["referrals"]
    if rules is not None:
        (read,) = label_reports([Report(text=known["report"])], rules, age_of=lambda _: known["age_years"])
        if read.labels is None:
            return [np.nan] * NUM_DIAGNOSES, -1, [np.nan] * NUM_SERVICES
        present = set(read.labels.present())
        unknown = {name for name, label in read.labels.labels.items() if label.assertion == "uncertain"} - present
        priority, referrals = read.priority, read.referrals
    values = [np.nan if name in unknown else float(name in present) for name in DIAGNOSIS_NAMES]
    level = -1 if priority is None else LEVELS.index(priority)
    services = [np.nan if referrals is None else float(name in referrals) for name in SERVICE_NAMES]
    return values, level, services


def folds_of(patients: Sequence[str], num_folds: int) -> NDArray[np.int64]:
    """A fold for each study, the same for all studies of a patient, whatever else is there."""
    return np.array([int(hashlib.sha256(one.encode()).hexdigest()[:8], 16) % num_folds for one in patients])
