"""Retrieval and zero-shot scores against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from prima.study.ontology import DIAGNOSES, display_name
from prima.train.study.prompts import NORMAL_PROMPTS, PROMPTS
from prima.train.study.retrieval import prompt_embeddings, ranks, retrieval, zero_shot_scores


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.sqrt(a @ a) / np.sqrt(b @ b))


def naive_rank(query: int, queries: np.ndarray, answers: np.ndarray, groups: list[int]) -> int:
    """Walk down the list, wrong answers first among equals, until a right one comes."""
    order = sorted(
        range(len(answers)),
        key=lambda one: (-round(cosine(queries[query], answers[one]), 9), groups[one] == groups[query]),
    )
    return next(place for place, one in enumerate(order) if groups[one] == groups[query])


@pytest.mark.parametrize("groups", [None, [0, 1, 1, 2, 3, 0, 4, 5, 0, 6, 7, 8, 9]])
def test_ranks_and_retrieval_are_the_naive_ones(groups: list[int] | None) -> None:
    random = np.random.default_rng(0)
    queries, answers = random.normal(size=(13, 4)), random.normal(size=(13, 4)).astype(np.float32)
    answers[5] = 2 * answers[2]  # a tie
    numbers = None if groups is None else np.array(groups)
    expected = [naive_rank(i, queries, answers, groups or list(range(13))) for i in range(13)]
    assert ranks(queries, answers, numbers, chunk=5).tolist() == expected
    found = retrieval(queries, answers, numbers, ks=(1, 3, 13))
    assert found.at == {k: np.mean([place < k for place in expected]) for k in (1, 3, 13)}
    assert found.at[13] == 1
    assert found.median_rank == np.median(expected) + 1
    assert found.mean_rank == pytest.approx(np.mean(expected) + 1)
    assert found.num == 13


def test_one_embedding_for_everything_finds_nothing() -> None:
    assert retrieval(np.ones((20, 3)), np.ones((20, 3)), ks=(1, 19)).at == {1: 0.0, 19: 0.0}


def test_chance_is_what_a_random_order_reaches() -> None:
    random = np.random.default_rng(0)
    groups = np.array([0, 0, 0, 0, 1, 1, 2, 3, 4, 5])
    told = retrieval(random.normal(size=(10, 5)), random.normal(size=(10, 5)), groups, ks=(1, 3, 9)).chance
    hits = {k: [] for k in told}
    for _ in range(4000):
        order = random.permutation(10)
        for k in told:
            hits[k] += [bool((groups[order[:k]] == group).any()) for group in groups]
    assert told == {k: pytest.approx(np.mean(some), abs=0.01) for k, some in hits.items()}


def test_zero_shot_scores_are_cosines_less_cosines() -> None:
    random = np.random.default_rng(1)
    study, there, absent = (random.normal(size=(num, 6)) for num in (5, 3, 3))
    scores = zero_shot_scores(study, there, absent)
    expected = [[cosine(s, p) - cosine(s, n) for p, n in zip(there, absent, strict=True)] for s in study]
    np.testing.assert_allclose(scores, expected)
    np.testing.assert_allclose(zero_shot_scores(study, there), [[cosine(s, p) for p in there] for s in study])
    one = zero_shot_scores(study, there, absent[:1])
    np.testing.assert_allclose(one, [[cosine(s, p) - cosine(s, absent[0]) for p in there] for s in study])


def test_a_study_scores_highest_where_its_own_prompts_point() -> None:
    vectors = {text: np.eye(52)[number] for number, one in enumerate(PROMPTS) for text in one.positive}
    positive = prompt_embeddings([one.positive for one in PROMPTS], lambda texts: np.stack([vectors[t] for t in texts]))
    assert zero_shot_scores(np.eye(52) + 0.1, positive).argmax(1).tolist() == list(range(52))


def test_prompts_are_averaged_as_unit_vectors_and_encoded_once() -> None:
    calls: list[list[str]] = []
    vectors = {"a": [10.0, 0], "b": [0, 0.1], "c": [-3.0, 0]}

    def encode(texts: list[str]) -> np.ndarray:
        calls.append(texts)
        return np.array([vectors[text] for text in texts])

    found = prompt_embeddings([["a", "b"], ["c"], ["b", "a"]], encode)
    np.testing.assert_allclose(found, [[np.sqrt(0.5)] * 2, [-1, 0], [np.sqrt(0.5)] * 2])
    assert calls == [["a", "b", "c"]]


def test_every_diagnosis_has_prompts_in_proper_words() -> None:
    assert len(PROMPTS) == len(DIAGNOSES) == 52
    for diagnosis, prompts in zip(DIAGNOSES, PROMPTS, strict=True):
        assert len(set(prompts.positive)) == len(prompts.positive) > 5
        first = display_name(diagnosis.name).split(", ")[0]
        assert all(first.lower() in text.lower() for text in (*prompts.positive[:5], *prompts.denied))
        assert all(text.startswith("1. ") and text[3] == text[3].upper() for text in prompts.positive)
        assert not any("_" in text or "{" in text for text in (*prompts.positive, *prompts.denied))
    # no prompt stands for two diagnoses, nor for a normal study
    every = [text for one in PROMPTS for text in one.positive]
    assert len(set(every)) == len(every)
    assert not set(every) & set(NORMAL_PROMPTS)
