"""Diagnosis by text prompts and retrieval of reports: what studies and texts in one space are worth, nothing fitted.

Shape suffixes: N studies, D diagnoses, J joint width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from prima.evaluate.metrics import mean_auroc
from prima.model.networks.report_encoder import ReportEncoder, TextTokenizer, pack_texts
from prima.study.ontology import DIAGNOSIS_NAMES
from prima.train.study.losses import alike_groups
from prima.train.study.prompts import NORMAL_PROMPTS, PROMPTS
from prima.train.study.retrieval import Retrieval, prompt_embeddings, retrieval, zero_shot_scores
from prima.train.study.sentences import WHOLE, report_text

TEXTS_PER_PASS = 64

EncodeTexts = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts → [n, J] embeddings in the space shared with studies."""


@dataclass(frozen=True, kw_only=True)
class ZeroShot:
    """AUROC of diagnoses by text prompts.

    Args:
        mean_auroc: over the diagnoses that can be measured; NaN when there is none.
        auroc: of each diagnosis with a positive and a negative among the studies whose label is known.
    """

    mean_auroc: float
    auroc: dict[str, float]


def text_encoder(encoder: ReportEncoder, tokenizer: TextTokenizer) -> EncodeTexts:
    """A report encoder as a function of texts."""
    encoder = encoder.eval()

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        starts = range(0, len(texts), TEXTS_PER_PASS)
        with torch.inference_mode():
            passes = [encoder(pack_texts(texts[start : start + TEXTS_PER_PASS], tokenizer)) for start in starts]
        embeddings: NDArray[np.float32] = torch.cat(passes).float().numpy()
        return embeddings

    return encode


def zero_shot(joint_NJ: NDArray[np.float32], labels_ND: NDArray[np.float32], encode: EncodeTexts) -> ZeroShot:
    """Compare studies with sentences that name a diagnosis, less sentences that call a study normal.

    Args:
        joint_NJ: [N, J] studies in the space shared with texts, of any length.
        labels_ND: [N, D] 1 present, 0 absent, NaN not known: such a study takes no part in that diagnosis.
        encode: texts to embeddings.
    """
    positive = prompt_embeddings([prompts.positive for prompts in PROMPTS], encode)
    negative = prompt_embeddings([NORMAL_PROMPTS], encode)
    scores = zero_shot_scores(joint_NJ, positive, negative)
    auroc = {}
    for column, name in enumerate(DIAGNOSIS_NAMES):
        value, num_measured = mean_auroc(scores[:, [column]], labels_ND[:, [column]])
        if num_measured:
            auroc[name] = value
    mean, _ = mean_auroc(scores, labels_ND)
    return ZeroShot(mean_auroc=mean, auroc=auroc)


def report_retrieval(
    joint_NJ: NDArray[np.float32],
    summaries: Sequence[Sequence[str]],
    labels_ND: NDArray[np.float32],
    encode: EncodeTexts,
    num_tokens: Callable[[str], int] | None = None,
) -> tuple[Retrieval, Retrieval]:
    """How well studies find their reports, and reports their studies.

    Args:
        joint_NJ: [N, J] studies in the space shared with texts.
        summaries: the sentences of each study's report, at least one (`sentences.summary_of`).
        labels_ND: [N, D] labels: normal studies are right answers to each other.
        encode: texts to embeddings.
        num_tokens: length of a text, by which a summary that is too long loses its last sentences.
    """
    random = np.random.default_rng(0)  # WHOLE leaves nothing to chance
    reports = encode([report_text(summary, WHOLE, random, num_tokens) for summary in summaries])
    groups = alike_groups(summaries, labels_ND).numpy()
    return retrieval(joint_NJ, reports, groups), retrieval(reports, joint_NJ, groups)
