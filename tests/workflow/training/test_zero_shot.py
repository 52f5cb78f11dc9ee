"""Zero-shot measures of a run folder: what they are read from, and what is said when it is not there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from prima.errors import UnreadableError
from prima.model.networks.report_encoder import ReportEncoder
from prima.model.networks.vision import HierarchicalViT
from prima.model.release.stage_folder import Part, write_part, write_run_facts
from prima.tokens.contract import OPEN
from prima.train.data.token_folder import TokenFolder
from prima.train.recipes import recipe_of
from prima.train.run_folder import BPE_FILE, REPORT_FILE, read_report_encoder, write_report_encoder
from prima.train.study.bpe import train_bpe
from prima.train.study.features import features_of
from prima.train.study.zero_shot import report_retrieval, text_encoder, zero_shot
from prima.workflow.training import StageOptions, measure_zero_shot

from ...train.made import token_source

OPTIONS = StageOptions(device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return token_source(tmp_path_factory.mktemp("tokens"), width=64) / "train"


@pytest.fixture(scope="module")
def run(tokens: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a study stage of random weights."""
    folder = tmp_path_factory.mktemp("run")
    study = recipe_of("tiny").study.model
    assert study.report is not None
    torch.manual_seed(0)
    write_run_facts(folder, OPEN, "image+names")
    tensors = HierarchicalViT(study.vision).state_dict()
    write_part(folder, "clip", Part(config=study.vision, tensors=tensors, record=None))
    sentences = [sentence for facts in TokenFolder(tokens).facts for sentence in facts.sentences]
    bpe = train_bpe(sentences, 300, study.report.max_tokens)
    bpe.save(folder / BPE_FILE)
    write_report_encoder(folder, ReportEncoder(replace(study.report, vocabulary=bpe.vocabulary)))
    return folder


def test_a_run_is_measured_by_its_own_vision_model_and_report_encoder(run: Path, tokens: Path) -> None:
    found = measure_zero_shot(run, tokens, OPTIONS)
    from prima.train.run_folder import read_vision

    vision, contract, mode = read_vision(run)
    encoder, tokenizer = read_report_encoder(run)
    encode = text_encoder(encoder, tokenizer)
    examples = TokenFolder(tokens)
    features = features_of(examples, vision, contract, mode=mode)
    assert found.num_studies == len(examples)
    assert found.zero_shot == zero_shot(features.joint, features.labels.diagnoses, encode)
    assert found.reports is not None
    summaries = [facts.sentences or ("Normal MRI of the brain.",) for facts in examples.facts]
    expected, _ = report_retrieval(
        features.joint, summaries, np.stack([facts.labels() for facts in examples.facts]), encode, tokenizer.num_tokens
    )
    assert found.reports == expected
    assert json.loads(json.dumps(found.to_json()))["zero_shot"]["mean_auroc"] == found.zero_shot.mean_auroc


def test_what_is_not_there_is_named(run: Path, tokens: Path, tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="found no trained vision model"):
        measure_zero_shot(tmp_path, tokens, OPTIONS)
    with pytest.raises(UnreadableError, match="found no report encoder; run prima train clip, with a recipe"):
        read_report_encoder(tmp_path)
    write_report_encoder(tmp_path, torch.nn.Linear(2, 2))
    with pytest.raises(UnreadableError, match="found an encoder of --text-model, expected that of a recipe"):
        read_report_encoder(tmp_path)
    (tmp_path / REPORT_FILE).write_bytes((run / REPORT_FILE).read_bytes()[:-100])
    with pytest.raises(UnreadableError, match="found no report encoder; run prima train clip again"):
        read_report_encoder(tmp_path)
