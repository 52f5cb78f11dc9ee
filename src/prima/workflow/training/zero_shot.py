"""A run without its heads: diagnosis by text prompts and retrieval of reports, on a folder of tokens."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from prima.tokens.precision import choose_precision
from prima.train.data.token_folder import TokenFolder
from prima.train.run_folder import read_report_encoder, read_vision
from prima.train.study.features import features_of
from prima.train.study.retrieval import Retrieval
from prima.train.study.sentences import summary
from prima.train.study.zero_shot import ZeroShot, report_retrieval, text_encoder, zero_shot
from prima.workflow.training.stage import StageOptions
from prima.workflow.watcher import NOBODY, Watcher


@dataclass(frozen=True, kw_only=True)
class ZeroShotResult:
    """What was measured.

    Args:
        num_studies: of the folder.
        zero_shot: AUROC of diagnoses by prompts.
        reports: retrieval of reports by studies, among the studies with a summary; None when there is none.
        studies: retrieval of studies by reports.
    """

    num_studies: int
    zero_shot: ZeroShot
    reports: Retrieval | None
    studies: Retrieval | None

    def to_json(self) -> dict[str, Any]:
        """JSON-ready values; None where nothing could be measured."""
        values = asdict(self)
        if math.isnan(self.zero_shot.mean_auroc):
            values["zero_shot"]["mean_auroc"] = None
        return values


def measure_zero_shot(
    run: Path, tokens: Path, options: StageOptions | None = None, *, watcher: Watcher = NOBODY
) -> ZeroShotResult:
    """Measure a run on studies that it has not learnt from.

    Args:
        run: with a finished clip stage and the recipe's report encoder.
        tokens: a folder of `TokenFolder`.
        options: device and number format.
        watcher: told how many studies are read.

    Raises:
        UnreadableError: the stage is not finished, or has no such report encoder.
    """
    options = options or StageOptions()
    precision = choose_precision(options.device, options.dtype)
    vision, contract, mode = read_vision(run)
    encoder, tokenizer = read_report_encoder(run)
    encode = text_encoder(encoder, tokenizer)
    examples = TokenFolder(tokens)
    features = features_of(
        examples, vision, contract, mode=mode, device=precision.device, dtype=precision.dtype,
        on_studies=lambda done: watcher.count("features", done, len(examples)),
    )  # fmt: skip
    labels = features.labels.diagnoses
    summaries = [summary(facts.sentences, facts.labels()) for facts in examples.facts]
    rows = np.array([row for row, sentences in enumerate(summaries) if sentences], np.int64)
    reports = studies = None
    if len(rows):
        reports, studies = report_retrieval(
            features.joint[rows], [summaries[row] for row in rows], labels[rows], encode, tokenizer.num_tokens
        )
    return ZeroShotResult(
        num_studies=len(examples),
        zero_shot=zero_shot(features.joint, labels, encode),
        reports=reports,
        studies=studies,
    )
