"""What is withheld from the model by chance in training. On examples, before they are packed.

Shape suffixes: T tokens of all series of a study.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from prima.study.mode import Mode
from prima.tokens.batch import SeriesTokens, StudyTokens
from prima.tokens.shown import shown
from prima.train.data.dense_targets import DenseTargets
from prima.train.data.examples import Example


@dataclass(frozen=True, kw_only=True)
class DropoutConfig:
    """Probabilities of withholding something in training; the first three as published.

    Args:
        series: a whole series; one always stays.
        tokens: a token; one of each series always stays. 0.5 is patch dropout, which halves the cost of a step.
        names: the name of a series.
        description: the study description, and with it the indication.
        indication: the indication alone.
        protocol: the study description alone: a new protocol has another, and the order stays what it is.
    """

    series: float = 0.08
    tokens: float = 0.03
    names: float = 0.07
    description: float = 0.07
    indication: float = 0.2
    protocol: float = 0.0


NOTHING = DropoutConfig(series=0.0, tokens=0.0, names=0.0, description=0.0, indication=0.0, protocol=0.0)
"""Nothing by chance: for measuring."""


def withhold(example: Example, config: DropoutConfig, mode: Mode, random: np.random.Generator) -> Example:
    """The example as the model sees it once in training.

    Dense targets are re-numbered to the tokens that stay, and lose those of the others.

    Args:
        example: not changed.
        config: how much is withheld by chance.
        mode: what is never shown.
        random: decides; the same state gives the same result.
    """
    all_series = example.tokens.series
    keep_series = _some_true(random.random(len(all_series)) >= config.series, random)
    hidden_names = random.random(len(all_series)) < config.names
    hide_text, hide_indication, hide_description = random.random(3) < (
        config.description, config.indication, config.protocol
    )  # fmt: skip
    kept_tokens = []
    kept_series = []
    for series, is_kept, is_nameless in zip(all_series, keep_series, hidden_names, strict=True):
        keep = _some_true(random.random(series.num_tokens) >= config.tokens, random) & is_kept
        kept_tokens.append(keep)
        if is_kept:
            kept_series.append(_with_tokens(replace(series, name="") if is_nameless else series, keep))
    keep_T = np.concatenate(kept_tokens)
    description = "" if hide_text or hide_description else example.tokens.description
    shown_example = replace(
        example,
        tokens=StudyTokens(series=tuple(kept_series), description=description),
        indication="" if hide_text or hide_indication else example.indication,
        dense=None if example.dense is None else renumber(example.dense, keep_T),
    )
    return replace(shown_example, tokens=shown(shown_example.tokens, mode, shown_example.indication))


def renumber(dense: DenseTargets, keep_T: NDArray[np.bool_]) -> DenseTargets:
    """Dense targets of the tokens that stay, with the rows that those have then.

    Example:
        >>> dense = DenseTargets(token=np.array([0, 2]), diagnosis=np.array([7, 9]), share=np.array([255, 80]))
        >>> renumber(dense, np.array([False, True, True])).token
        array([1], dtype=int32)
    """
    stays = keep_T[dense.token]
    row = np.cumsum(keep_T) - 1
    return DenseTargets(
        token=row[dense.token[stays]].astype(np.int32), diagnosis=dense.diagnosis[stays], share=dense.share[stays]
    )


def sampling_weights(labels: NDArray[np.float32], abnormal: float = 3.0) -> NDArray[np.float64]:
    """How often each study is drawn, relative to a normal one.

    Args:
        labels: [N, diagnoses] 1 present, 0 absent, NaN not known.
        abnormal: weight of a study with any diagnosis present; 3 published.

    Returns:
        [N] weights, 1 or `abnormal`.
    """
    return np.where((labels == 1).any(axis=1), abnormal, 1.0)


def _some_true(keep: NDArray[np.bool_], random: np.random.Generator) -> NDArray[np.bool_]:
    """The same, or one true at random when none is; draws the same amount of randomness either way."""
    survivor = int(random.integers(max(1, len(keep))))
    if len(keep) and not keep.any():
        keep = keep.copy()
        keep[survivor] = True
    return keep


def _with_tokens(series: SeriesTokens, keep: NDArray[np.bool_]) -> SeriesTokens:
    if keep.all():
        return series
    rows = torch.from_numpy(np.flatnonzero(keep))
    return replace(series, latents=series.latents[rows], coordinates=series.coordinates[rows])
