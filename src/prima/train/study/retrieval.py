"""How well studies find their reports and reports their studies, and diagnosis by text alone (zero-shot).

Shape suffixes: N studies, D diagnoses, P prompts of a diagnosis, J joint width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


@dataclass(frozen=True, kw_only=True)
class Retrieval:
    """How well one side finds the other.

    Args:
        at: k → share of queries with a right answer among the first k.
        chance: k → what a random order would reach.
        median_rank: median over queries of the wrong answers before the first right one, plus one.
        mean_rank: their mean.
        num: number of queries, and of answers to choose from.
    """

    at: dict[int, float]
    chance: dict[int, float]
    median_rank: float
    mean_rank: float
    num: int


def retrieval(
    queries_NJ: Floats, answers_NJ: Floats, groups: NDArray[np.int64] | None = None, ks: Sequence[int] = (1, 5, 10)
) -> Retrieval:
    """Retrieval of answers by queries, row i of each belonging together; swap them for the other direction.

    Args:
        queries_NJ: [N, J] embeddings of any length.
        answers_NJ: [N, J].
        groups: [N] studies of one group have reports that say the same: each is a right answer to the others.
        ks: how many of the first answers are looked at.

    Example:
        >>> retrieval(np.eye(4), np.eye(4)[[0, 1, 3, 2]], ks=(1, 4)).at
        {1: 0.5, 4: 1.0}
    """
    place = ranks(queries_NJ, answers_NJ, groups)
    num = len(place)
    right = np.ones(num) if groups is None else _group_sizes(groups)
    return Retrieval(
        at={k: float(np.mean(place < k)) for k in ks},
        chance={k: float(np.mean(_chance(right, num, k))) for k in ks},
        median_rank=float(np.median(place) + 1),
        mean_rank=float(np.mean(place) + 1),
        num=num,
    )


def ranks(
    queries_NJ: Floats, answers_NJ: Floats, groups: NDArray[np.int64] | None = None, chunk: int = 512
) -> NDArray[np.int64]:
    """Wrong answers that a query finds before its first right one, or as near as it: [N], 0 is best.

    Ties count against the model, so that one embedding for everything finds nothing.
    """
    queries, answers = unit(queries_NJ), unit(answers_NJ)
    place = np.empty(len(queries), np.int64)
    column = np.arange(len(answers))
    for start in range(0, len(queries), chunk):
        rows = column[start : start + chunk]
        cosines = queries[rows] @ answers.T
        right = rows[:, None] == column if groups is None else groups[rows][:, None] == groups
        best = np.max(cosines, axis=1, where=right, initial=-np.inf)
        place[rows] = np.sum(~right & (cosines >= best[:, None]), axis=1)
    return place


def zero_shot_scores(study_NJ: Floats, positive_DJ: Floats, negative_DJ: Floats | None = None) -> NDArray[np.float64]:
    """Scores of diagnoses by text: nearness to what says it is there, less nearness to what says it is not.

    Args:
        study_NJ: [N, J] projected studies, of any length.
        positive_DJ: [D, J] of `prompt_embeddings`.
        negative_DJ: likewise, or [1, J] for one negative of all diagnoses, or None.

    Returns:
        [N, D], from −2 to 2; times the logit scale it is the logit of the positive against the negative.
    """
    study = unit(study_NJ)
    scores = study @ unit(positive_DJ).T
    return scores if negative_DJ is None else scores - study @ unit(negative_DJ).T


def prompt_embeddings(prompts: Sequence[Sequence[str]], encode: Callable[[list[str]], Floats]) -> NDArray[np.float64]:
    """One embedding per diagnosis: the mean of its prompts' unit vectors, of unit length.

    Args:
        prompts: D lists of texts.
        encode: texts → [n, J] embeddings; called once with each different text.

    Returns:
        [D, J].
    """
    texts = sorted({text for prompt in prompts for text in prompt})
    encoded = dict(zip(texts, unit(encode(texts)), strict=True))
    return unit(np.stack([np.mean([encoded[text] for text in prompt], axis=0) for prompt in prompts]))


def unit(vectors: Floats) -> NDArray[np.float64]:
    """Rows of length 1, in float64; a row of zeros stays one."""
    vectors = np.asarray(vectors, np.float64)
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length == 0, 1.0, length)


def _group_sizes(groups: NDArray[np.int64]) -> NDArray[np.float64]:
    _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    return sizes[member].astype(np.float64)


def _chance(right: NDArray[np.float64], num: int, k: int) -> NDArray[np.float64]:
    """Probability that k of `num` answers, drawn at random, hold one of `right` right ones."""
    missed = np.ones(len(right))
    for drawn in range(min(k, num)):
        missed *= np.clip(num - right - drawn, 0, None) / (num - drawn)
    return 1 - missed
