"""Diagnosis by text prompts, and retrieval of reports by studies, of a run on a folder of tokens.

    python runs/demo/zero_shot.py RUN TOKENS OUT.json

Nothing is fitted: a study is compared with sentences that name a diagnosis, less sentences that call it normal.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from prima.evaluate.metrics import auroc
from prima.model.networks.report_encoder import ReportEncoder, ReportEncoderConfig, pack_texts
from prima.study.ontology import DIAGNOSIS_NAMES
from prima.train.data.token_folder import TokenFolder
from prima.train.run_folder import read_vision
from prima.train.study.bpe import ReportTokenizer
from prima.train.study.features import features_of
from prima.train.study.losses import alike_groups
from prima.train.study.prompts import NORMAL_PROMPTS, PROMPTS
from prima.train.study.retrieval import prompt_embeddings, retrieval, zero_shot_scores
from prima.train.study.sentences import WHOLE, report_text, summary_of

KS = (1, 5, 10)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("tokens", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    vision, contract, mode = read_vision(given.run)
    weights = given.run / "clip" / "report.safetensors"
    with safe_open(weights, framework="pt") as file:
        config = ReportEncoderConfig.from_json(json.loads(file.metadata()["config"]))
    encoder = ReportEncoder(config).eval()
    encoder.load_state_dict(load_file(weights))
    tokenizer = ReportTokenizer.load(given.run / "clip" / "bpe.json", config.max_tokens)

    def encode(texts: list[str]) -> np.ndarray:
        with torch.inference_mode():
            return np.concatenate(
                [encoder(pack_texts(texts[n : n + 64], tokenizer)).numpy() for n in range(0, len(texts), 64)]
            )

    examples = TokenFolder(given.tokens)
    found = features_of(examples, vision, contract, mode=mode)
    positive = prompt_embeddings([one.positive for one in PROMPTS], encode)
    negative = prompt_embeddings([NORMAL_PROMPTS], encode)
    scores = zero_shot_scores(found.joint, positive, negative)
    labels = found.labels.diagnoses == 1
    each = {
        name: auroc(scores[:, column], labels[:, column])
        for column, name in enumerate(DIAGNOSIS_NAMES)
        if 0 < labels[:, column].sum() < len(labels)
    }
    read = [examples.read(number) for number in range(len(examples))]
    told = [number for number, one in enumerate(read) if summary_of(one)]
    rng = np.random.default_rng(0)
    reports = encode([report_text(summary_of(read[number]), WHOLE, rng, tokenizer.num_tokens) for number in told])
    groups = alike_groups([read[number].sentences for number in told], found.labels.diagnoses[told]).numpy()
    there = retrieval(found.joint[told], reports, groups, KS)
    back = retrieval(reports, found.joint[told], groups, KS)
    result = {
        "studies": len(examples),
        "zero_shot_mean_auroc": float(np.mean(list(each.values()))),
        "zero_shot_auroc": each,
        "retrieval_of_reports": {"at": there.at, "chance": there.chance, "median_rank": there.median_rank},
        "retrieval_of_studies": {"at": back.at, "chance": back.chance, "median_rank": back.median_rank},
    }
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"zero-shot mean AUROC {result['zero_shot_mean_auroc']:.3f} over {len(each)} diagnoses")
    print(f"reports found by studies: {there.at}, by chance {there.chance}, of {there.num}")


if __name__ == "__main__":
    main()
