"""`Examples` whose tokens lie in a store and whose facts are at hand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prima.tokens.store import TokenStore
from prima.train.data.examples import Example
from prima.train.data.token_folder import StudyFacts


class StoredExamples:
    """`Examples` of one side of a split.

    Args:
        store: the tokens.
        facts: what is known of each study, all of them in the store.
    """

    def __init__(self, store: TokenStore, facts: tuple[StudyFacts, ...]) -> None:
        self.store = store
        self.facts = facts
        self._num_tokens = np.array([store.num_tokens_of(study.study_uid) for study in facts], np.int64)

    @property
    def study_uids(self) -> tuple[str, ...]:
        """StudyInstanceUIDs."""
        return tuple(study.study_uid for study in self.facts)

    @property
    def patients(self) -> tuple[str, ...]:
        """Patient of each study."""
        return tuple(study.patient for study in self.facts)

    @property
    def num_tokens(self) -> NDArray[np.int64]:
        """Tokens of each study."""
        return self._num_tokens

    def read(self, index: int) -> Example:
        """The study with an index."""
        facts = self.facts[index]
        return facts.example(self.store.read(facts.study_uid))
