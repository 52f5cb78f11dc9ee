"""Zero-shot diagnosis: unknown labels take no part, and the text encoder is the network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from prima.evaluate.metrics import auroc
from prima.model.networks.report_encoder import ReportEncoder, ReportEncoderConfig, pack_texts
from prima.study.ontology import DIAGNOSIS_NAMES
from prima.train.recipes.parts import report_encoder_config
from prima.train.study import zero_shot as module
from prima.train.study.prompts import NORMAL_PROMPTS, PROMPTS
from prima.train.study.retrieval import prompt_embeddings, zero_shot_scores
from prima.train.study.zero_shot import report_retrieval, text_encoder, zero_shot

WIDTH = 6


def encode(texts: Sequence[str]) -> np.ndarray:
    """Any fixed embedding of a text."""
    return np.stack([np.random.default_rng(list(text.encode())).normal(size=WIDTH) for text in texts]).astype("f4")


def test_a_study_whose_label_is_unknown_takes_no_part() -> None:
    random = np.random.default_rng(3)
    joint = random.normal(size=(30, WIDTH)).astype(np.float32)
    labels = np.zeros((30, len(DIAGNOSIS_NAMES)), np.float32)
    labels[:, 1] = random.random(30) < 0.4
    labels[:, 2] = random.random(30) < 0.4
    labels[5:20, 2] = np.nan
    labels[:, 3] = np.where(np.arange(30) < 4, 1, np.nan)  # no known negative
    found = zero_shot(joint, labels, encode)
    positive = prompt_embeddings([prompts.positive for prompts in PROMPTS], encode)
    scores = zero_shot_scores(joint, positive, prompt_embeddings([NORMAL_PROMPTS], encode))
    known = ~np.isnan(labels[:, 2])
    expected = {
        DIAGNOSIS_NAMES[1]: auroc(scores[:, 1], labels[:, 1] == 1),
        DIAGNOSIS_NAMES[2]: auroc(scores[known, 2], labels[known, 2] == 1),
    }
    assert found.auroc == pytest.approx(expected)
    assert found.mean_auroc == pytest.approx(sum(expected.values()) / 2)
    as_absent = auroc(scores[:, 2], np.nan_to_num(labels[:, 2]) == 1)
    assert abs(found.auroc[DIAGNOSIS_NAMES[2]] - as_absent) > 0.01


def test_nothing_to_measure_is_nan() -> None:
    found = zero_shot(np.eye(3, WIDTH, dtype=np.float32), np.zeros((3, len(DIAGNOSIS_NAMES)), np.float32), encode)
    assert np.isnan(found.mean_auroc)
    assert found.auroc == {}


def test_a_perfect_space_finds_every_report() -> None:
    summaries = [(f"A mass of {size} mm.",) for size in range(5)]
    labels = np.ones((5, len(DIAGNOSIS_NAMES)), np.float32)
    reports = encode([f"1. A mass of {size} mm." for size in range(5)])
    forth, back = report_retrieval(reports, summaries, labels, encode)
    assert (forth.at[1], back.at[1]) == (1.0, 1.0)
    forth, back = report_retrieval(np.roll(reports, 1, axis=0), summaries, labels, encode)
    assert (forth.at[1], back.at[1]) == (0.0, 0.0)
    labels[:] = 0  # all normal: every report is right for every study
    forth, _ = report_retrieval(np.roll(reports, 1, axis=0), summaries, labels, encode)
    assert forth.at[1] == 1.0


class Letters:
    """A text tokenizer of letters."""

    max_tokens = 20

    def encode(self, text: str) -> list[int]:
        return [ord(letter) % 50 for letter in text[: self.max_tokens]]

    def num_tokens(self, text: str) -> int:
        return len(text)


def test_texts_are_encoded_in_passes_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    config = report_encoder_config(width=32, depth=1, joint_dim=8)
    config = ReportEncoderConfig(vocabulary=50, max_tokens=20, transformer=config.transformer, joint_dim=8)
    torch.manual_seed(0)
    encoder = ReportEncoder(config)
    texts = [f"text {number}" for number in range(7)]
    with torch.no_grad():
        expected = encoder.eval()(pack_texts(texts, Letters())).numpy()
    monkeypatch.setattr(module, "TEXTS_PER_PASS", 3)
    np.testing.assert_allclose(text_encoder(encoder, Letters())(texts), expected, atol=1e-5)
