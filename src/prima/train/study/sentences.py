"""The summary of a report as the text that the report encoder reads: a numbered list, shuffled, some left out.

Leaving sentences out keeps the contrast from needing the whole report at once, and brings training closer to the short
prompts of zero-shot use (the sentence dropout of the authors of HLIP, arXiv 2505.21862).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prima.train.data.examples import Example

NORMAL_SENTENCE = "Normal MRI of the brain."
"""What the summary of a study without findings says when its report has no sentence of its own for it."""


@dataclass(frozen=True, kw_only=True)
class SentenceConfig:
    """How a summary becomes text in training.

    Args:
        drop: probability that a sentence is left out; one always stays.
        alone: probability that a study is told by one of its sentences only.
        shuffle: whether the sentences change places.
        max_tokens: largest length of the text in tokens, the end token among them; 200 published.
    """

    drop: float = 0.3
    alone: float = 0.1
    shuffle: bool = True
    max_tokens: int = 200


WHOLE = SentenceConfig(drop=0.0, alone=0.0, shuffle=False)
"""Every sentence in the report's order: for measuring."""


def summary_of(example: Example) -> tuple[str, ...]:
    """The sentences that tell of a study: see `summary`."""
    return summary(example.sentences, example.labels)


def summary(sentences: Sequence[str], labels: NDArray[np.float32]) -> tuple[str, ...]:
    """The sentences that tell of a study: its summary, or that it is normal when its labels say so and nothing else.

    Args:
        sentences: what its report was read to say.
        labels: [diagnoses] 1 present, 0 absent, NaN not known.

    Returns:
        Empty when there is no report and the labels do not say that the study is normal: such a study has no text, and
        no part in a contrast.
    """
    written = tuple(sentence for sentence in sentences if sentence.strip())
    return written or ((NORMAL_SENTENCE,) if bool((labels == 0).all()) else ())


def report_text(
    sentences: Sequence[str],
    config: SentenceConfig,
    random: np.random.Generator,
    num_tokens: Callable[[str], int] | None = None,
) -> str:
    """A numbered list of some of the sentences.

    Args:
        sentences: the summary, at least one.
        config: what is left out, and how long the text may be.
        random: decides; the same state gives the same text.
        num_tokens: length of a text in tokens, the end token among them. Whole sentences are left out, last ones first,
            until the text fits; a single sentence stays, for the tokenizer to cut. None when length does not matter.

    Raises:
        ValueError: there is no sentence.

    Example:
        >>> report_text(["A mass.", "Edema."], WHOLE, np.random.default_rng(0))
        '1. A mass. 2. Edema.'
    """
    if not sentences:
        raise ValueError("found no sentence; a study without report or labels has no text")
    # every decision is drawn each time, so that a change of one rate does not shift the others
    alone, chosen_index = random.random() < config.alone, int(random.integers(len(sentences)))
    kept = np.flatnonzero(random.random(len(sentences)) >= config.drop)
    order = random.permutation(len(sentences))
    if alone or not len(kept):
        kept = np.array([chosen_index])
    if config.shuffle:
        kept = order[np.isin(order, kept)]
    chosen = [sentences[index] for index in kept.tolist()]
    text = numbered(chosen)
    while num_tokens is not None and len(chosen) > 1 and num_tokens(text) > config.max_tokens:
        chosen.pop()
        text = numbered(chosen)
    return text


def numbered(sentences: Sequence[str]) -> str:
    """Sentences as the numbered list that reports and prompts alike are written in.

    Example:
        >>> numbered(["Meningioma."])
        '1. Meningioma.'
    """
    return " ".join(f"{index}. {' '.join(sentence.split())}" for index, sentence in enumerate(sentences, start=1))
