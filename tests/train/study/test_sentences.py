"""Summaries as texts: what is left out, in which order, within which length."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from prima.tokens.batch import StudyTokens
from prima.train.data.examples import Example
from prima.train.study.sentences import NORMAL_SENTENCE, WHOLE, SentenceConfig, numbered, report_text, summary_of

SENTENCES = tuple(f"Finding {letter}." for letter in "abcdefgh")


def parts(text: str) -> list[str]:
    return re.sub(r"\d+\. ", "", text).replace(". ", ".|").split("|")


def draw(config: SentenceConfig, seed: int, sentences: tuple[str, ...] = SENTENCES, **options: object) -> str:
    return report_text(sentences, config, np.random.default_rng(seed), **options)  # type: ignore[arg-type]


def test_the_same_state_gives_the_same_text_and_another_another() -> None:
    texts = [draw(SentenceConfig(), seed) for seed in range(20)]
    assert texts == [draw(SentenceConfig(), seed) for seed in range(20)]
    assert len(set(texts)) > 15


def test_sentences_are_left_out_as_often_as_told() -> None:
    random = np.random.default_rng(0)
    config = SentenceConfig(drop=0.3, alone=0.0)
    counts = [len(parts(report_text(SENTENCES, config, random))) for _ in range(3000)]
    assert np.mean(counts) == pytest.approx(0.7 * len(SENTENCES), abs=0.1)
    alone = SentenceConfig(drop=0.0, alone=0.25)
    shares = [len(parts(report_text(SENTENCES, alone, random))) == 1 for _ in range(3000)]
    assert np.mean(shares) == pytest.approx(0.25, abs=0.03)


def test_one_sentence_always_stays_and_each_is_it_sometimes() -> None:
    texts = {draw(SentenceConfig(drop=1.0), seed) for seed in range(200)}
    assert texts == {f"1. {sentence}" for sentence in SENTENCES}


def test_shuffling_is_fair_and_numbers_stay_in_order() -> None:
    config = SentenceConfig(drop=0.0, alone=0.0)
    texts = [draw(config, seed) for seed in range(800)]
    assert all(sorted(parts(text)) == sorted(SENTENCES) for text in texts)
    assert all(re.findall(r"(\d+)\. ", text) == [str(n) for n in range(1, 9)] for text in texts)
    first = [SENTENCES.index(parts(text)[0]) for text in texts]
    assert np.bincount(first, minlength=8).min() > 60
    kept = [parts(draw(replace(config, shuffle=False, drop=0.5), seed)) for seed in range(50)]
    assert all(one == sorted(one) for one in kept)


def test_whole_sentences_go_until_the_text_fits() -> None:
    def num_words(text: str) -> int:
        return len(text.split()) + 1

    config = SentenceConfig(drop=0.0, alone=0.0, max_tokens=14)
    text = draw(config, 0, num_tokens=num_words)
    assert num_words(text) == 13  # four findings of three words, and the end
    assert set(parts(text)) < set(SENTENCES)
    assert draw(replace(config, max_tokens=1), 0, num_tokens=num_words).startswith("1. Finding")


def test_measuring_reads_every_sentence_in_the_order_of_the_report() -> None:
    assert draw(WHOLE, 3) == numbered(SENTENCES)


def test_a_sentence_is_one_line() -> None:
    assert numbered(["A mass\n 2. of  the pons."]) == "1. A mass 2. of the pons."


def test_no_sentence_is_an_error() -> None:
    with pytest.raises(ValueError, match="found no sentence"):
        draw(SentenceConfig(), 0, ())


def test_a_study_without_findings_is_told_as_normal_only_when_that_is_known() -> None:
    example = Example(
        study_uid="1.2",
        patient="p",
        tokens=StudyTokens(series=(), description=""),
        sentences=(),
        labels=np.zeros(3, np.float32),
        priority=-1,
        referrals=np.zeros(0, np.float32),
    )
    assert summary_of(example) == (NORMAL_SENTENCE,)
    assert summary_of(replace(example, sentences=("No change.",))) == ("No change.",)
    for labels in ([0, 1, 0], [0, np.nan, 0]):
        assert summary_of(replace(example, labels=np.array(labels, np.float32))) == ()
