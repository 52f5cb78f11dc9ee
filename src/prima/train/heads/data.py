"""What heads are trained, calibrated and measured on: study features, labels, and the logits that come of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from prima.errors import UsageError
from prima.study.ontology import DIAGNOSIS_NAMES, LEVELS, SERVICE_NAMES


@dataclass(frozen=True, kw_only=True, eq=False)
class HeadLabels:
    """What is known of N studies.

    Args:
        patients: patient of each study.
        diagnoses: [N, D] float32: 1 present, 0 absent, NaN not known.
        referrals: [N, R] float32, likewise.
        priority: [N] number of the level, -1 when not known.
        diagnosis_names: of the D columns.
        referral_names: of the R columns.
        levels: of the priority, the least urgent first.

    Raises:
        UsageError: the tables do not have the same studies, or hold values that are no label.
    """

    patients: tuple[str, ...]
    diagnoses: NDArray[np.float32]
    referrals: NDArray[np.float32]
    priority: NDArray[np.int64]
    diagnosis_names: tuple[str, ...] = DIAGNOSIS_NAMES
    referral_names: tuple[str, ...] = SERVICE_NAMES
    levels: tuple[str, ...] = LEVELS

    def __post_init__(self) -> None:
        num_studies = len(self.patients)
        tables = {
            "diagnoses": (self.diagnoses, self.diagnosis_names),
            "referrals": (self.referrals, self.referral_names),
        }
        for label_kind, (table, names) in tables.items():
            if table.shape != (num_studies, len(names)):
                raise UsageError(f"{label_kind}: found shape {table.shape}, expected {(num_studies, len(names))}")
            if not np.isin(table[~np.isnan(table)], (0.0, 1.0)).all():
                raise UsageError(f"{label_kind}: found a value that is no label, expected 0, 1 or NaN")
        if self.priority.shape != (num_studies,):
            raise UsageError(f"priority: found shape {self.priority.shape}, expected {(num_studies,)}")
        if num_studies and not (self.priority.min() >= -1 and self.priority.max() < len(self.levels)):
            raise UsageError(f"priority: found a level beyond the {len(self.levels)} there are; -1 means not known")

    def __len__(self) -> int:
        """Studies."""
        return len(self.patients)

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> Self:
        """Some of the studies."""
        index = np.asarray(rows, dtype=np.int64)
        return type(self)(
            patients=tuple(self.patients[row] for row in index),
            diagnoses=self.diagnoses[index],
            referrals=self.referrals[index],
            priority=self.priority[index],
            diagnosis_names=self.diagnosis_names,
            referral_names=self.referral_names,
            levels=self.levels,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class HeadData:
    """Frozen features with their labels.

    Args:
        features: [N, F] float32, the heads' input as the vision model gives it.
        labels: of the same studies.

    Raises:
        UsageError: the tables do not have the same studies, or a feature is not finite.
    """

    features: NDArray[np.float32]
    labels: HeadLabels

    def __post_init__(self) -> None:
        if self.features.ndim != 2 or len(self.features) != len(self.labels):
            raise UsageError(f"features: found shape {self.features.shape}, expected ({len(self.labels)}, feature)")
        bad = np.flatnonzero(~np.isfinite(self.features).all(axis=1))
        if len(bad):
            raise UsageError(f"features: found {len(bad)} studies with a value that is not finite, the first {bad[0]}")

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> Self:
        """Some of the studies."""
        index = np.asarray(rows, dtype=np.int64)
        return type(self)(features=self.features[index], labels=self.labels.take(index))


@dataclass(frozen=True, kw_only=True, eq=False)
class HeadLogits:
    """What heads say of N studies.

    Args:
        diagnoses: [N, D] float32.
        referrals: [N, R] float32.
        priority: [N, levels] float32; None without a priority head.
        diagnosis_names: of the D columns.
        referral_names: of the R columns.
        levels: of the priority's columns; empty without a priority head.
    """

    diagnoses: NDArray[np.float32]
    referrals: NDArray[np.float32]
    priority: NDArray[np.float32] | None
    diagnosis_names: tuple[str, ...] = DIAGNOSIS_NAMES
    referral_names: tuple[str, ...] = SERVICE_NAMES
    levels: tuple[str, ...] = LEVELS

    def __len__(self) -> int:
        """Studies."""
        return len(self.diagnoses)
