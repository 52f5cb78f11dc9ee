"""Folders of tokens: what was written is read, and what does not fit is named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from prima.errors import UnreadableError
from prima.train.data.token_folder import StudyFacts, TokenFolder, write_part

from ..made import MENINGIOMA, NUMBER, dense_of, facts_of, token_source, tokens_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return token_source(tmp_path, width=8, train=6, validation=2, masks=True) / "train"


def test_what_was_written_is_read(folder: Path) -> None:
    studies = TokenFolder(folder)
    assert studies.study_uids == tuple(f"1.2.5.{number}" for number in range(6))
    assert studies.patients == tuple(f"SIM5-{number}" for number in range(6))
    assert studies.num_tokens.tolist() == [36] * 6
    random = np.random.default_rng(len("train"))
    for number in range(6):
        facts = facts_of("train", number)
        expected = tokens_of(facts, random, width=8)
        found = studies.read(number)
        assert studies.facts[number] == facts
        assert [one.name for one in found.tokens.series] == [one.name for one in expected.series]
        for one, other in zip(found.tokens.series, expected.series, strict=True):
            assert torch.equal(one.latents, other.latents)
            assert torch.equal(one.coordinates, other.coordinates)
        assert found.labels[NUMBER] == (number % 2 == 0)
        assert found.labels.sum() == (number % 2 == 0)
        assert (found.priority, found.indication) == (3 if number % 2 == 0 else 0, "Headache.")
        assert found.dense is not None
        assert found.dense.token.tolist() == dense_of(facts).token.tolist()


def test_without_masks_there_are_no_dense_targets(tmp_path: Path) -> None:
    assert TokenFolder(token_source(tmp_path, width=8) / "train").read(0).dense is None


def test_some_studies_can_be_chosen(folder: Path) -> None:
    assert TokenFolder(folder, only=["1.2.5.4", "1.2.5.1"]).study_uids == ("1.2.5.1", "1.2.5.4")


def test_labels_of_a_study_without_tokens_are_named(folder: Path) -> None:
    with pytest.raises(UnreadableError, match=r"found no tokens of 1 studies that have labels"):
        TokenFolder(folder, only=["1.2.5.1", "9.9"])


def test_what_is_not_known_is_not_a_number() -> None:
    facts = StudyFacts(study_uid="1", patient="P", present=(MENINGIOMA,), unknown=("spine_syrinx",))
    labels = facts.labels()
    assert (labels[NUMBER], np.isnan(labels).sum()) == (1, 1)
    assert facts.priority_number() == -1
    assert np.isnan(facts.referral_values()).all()
    assert np.isnan(replace(facts, unknown=None, present=()).labels()).all()


@pytest.mark.parametrize("change", [{"present": ("toothache",)}, {"priority": "soon"}, {"referrals": ("dentist",)}])
def test_a_label_of_no_name_names_the_study(change: dict[str, object]) -> None:
    facts = StudyFacts(study_uid="1.2.3", patient="P", **change)  # type: ignore[arg-type]
    with pytest.raises(UnreadableError, match=r"labels of study 1\.2\.3: found '.*', expected one of the \d+"):
        facts.labels(), facts.priority_number(), facts.referral_values()


def test_tokens_without_a_line_of_facts_are_refused(folder: Path) -> None:
    path = folder / "000.studies.jsonl"
    path.write_text("\n".join(path.read_text().splitlines()[1:]) + "\n")
    with pytest.raises(UnreadableError, match="found nothing about 1 studies"):
        TokenFolder(folder)


@pytest.mark.parametrize("text", ["{", '{"study_uid": "1"}', '{"study_uid": "1", "patient": "P", "mood": "good"}'])
def test_broken_facts_are_named(folder: Path, text: str) -> None:
    (folder / "000.studies.jsonl").write_text(text)
    with pytest.raises(UnreadableError, match=r"000\.studies\.jsonl: found no readable facts"):
        TokenFolder(folder)


def test_a_damaged_shard_is_named(folder: Path) -> None:
    path = folder / "001.tokens"
    data = bytearray(path.read_bytes())
    data[-2000] ^= 1
    path.write_bytes(data)
    with pytest.raises(UnreadableError, match=r"001\.tokens"):
        studies = TokenFolder(folder)
        for number in range(6):
            studies.read(number)


def test_damaged_dense_targets_are_named(folder: Path) -> None:
    (folder / "000.dense.npz").write_bytes(b"PK\x03\x04 cut short")
    studies = TokenFolder(folder)
    with pytest.raises(UnreadableError, match=r"000\.dense\.npz: found no whole file"):
        studies.read(0)


def test_a_part_is_replaced_as_a_whole(folder: Path) -> None:
    facts = facts_of("train", 40)
    tokens = tokens_of(facts, np.random.default_rng(0), width=8)
    write_part(folder, "000", [(facts, tokens, None)], {"contract": json.dumps({})})
    assert TokenFolder(folder).study_uids == ("1.2.5.40", "1.2.5.3", "1.2.5.4", "1.2.5.5")
