"""What training reads: studies as tokens, with whatever is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from prima.tokens.batch import StudyTokens
from prima.train.data.dense_targets import DenseTargets


@dataclass(frozen=True, kw_only=True, eq=False)
class Example:
    """One study.

    Args:
        study_uid: StudyInstanceUID.
        patient: identifier of the patient; studies of one patient are never on two sides of a split.
        tokens: of the used series.
        sentences: the summary of its report, one finding each; empty without a report.
        labels: [diagnoses] float32 in the order of the ontology: 1 present, 0 absent, NaN not known.
        priority: number of the level, -1 when not known.
        referrals: [services] float32: 1 recommended, 0 not, NaN not known.
        indication: what the study was ordered for.
        dense: how much of each token each finding fills, None without masks; a finding's row numbers those tokens.
    """

    study_uid: str
    patient: str
    tokens: StudyTokens
    sentences: tuple[str, ...]
    labels: NDArray[np.float32]
    priority: int
    referrals: NDArray[np.float32]
    indication: str = ""
    dense: DenseTargets | None = None


class Examples(Protocol):
    """Studies to train on or to measure with, in a fixed order; anything that can read one by its number."""

    @property
    def study_uids(self) -> tuple[str, ...]:
        """StudyInstanceUIDs."""
        ...

    @property
    def patients(self) -> tuple[str, ...]:
        """Patient of each study."""
        ...

    @property
    def num_tokens(self) -> NDArray[np.int64]:
        """Tokens of each study."""
        ...

    def read(self, index: int) -> Example:
        """The study with a number, 0 to one less than there are.

        Raises:
            UnreadableError: its tokens are damaged.
        """
        ...
