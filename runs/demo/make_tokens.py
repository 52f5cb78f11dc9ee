"""Patches of the simulated studies → folders of tokens with labels, by a trained tokenizer.

    python runs/demo/make_tokens.py PATCHES RUN OUT [--part train] [--labels truth|reports] [--first 0] [--last N]
        [--copies 1]

RUN is where `prima train tokenizer` worked. With `--labels reports` a study is known by what the rules read in its
report, as in a hospital; with `truth` by what was simulated. Parts of 50 studies that are there are kept. With
`--copies`, each study also comes mirrored and with another contrast, so many times.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from prima.model.release.stage_folder import read_contract, read_part
from prima.report.label import RuleLabeller
from prima.report.labelled import label_reports
from prima.report.report import Report
from prima.study.ontology import DIAGNOSIS_NAMES
from prima.tokens.batch import SeriesTokens, StudyTokens
from prima.tokens.contract import PLANE_OF_PLANE_AXIS, Contract
from prima.tokens.precision import cpu_has_bfloat16
from prima.tokens.text import order_text
from prima.tokens.vqvae import VQVAE, VQVAEConfig
from prima.train.data.patch_file import StudyPatches, read_patches, to_float
from prima.train.data.token_folder import StudyFacts, write_part
from prima.train.tokenizer.augment import PatchAugmentation, augmented
from prima.train.tokenizer.dense import DenseConfig, mark_hidden

PER_PART = 50
MICRO_BATCH = 256


def tokens_of(study: StudyPatches, encoder: torch.nn.Module, dtype: torch.dtype, device: torch.device) -> StudyTokens:
    """The tokens of a study, encoded in micro-batches of one size."""
    voxels = torch.from_numpy(study.voxels)
    with torch.inference_mode():
        pieces = [
            encoder(to_float(some.to(device)).unsqueeze(1).to(dtype)).flatten(1).to(torch.bfloat16).cpu()
            for some in torch.split(voxels, MICRO_BATCH)
        ]
    latents = torch.cat(pieces)
    return StudyTokens(
        series=tuple(
            SeriesTokens(
                latents=latents[start:stop],
                coordinates=torch.from_numpy(study.coordinates[start:stop].astype("int32")),
                plane=PLANE_OF_PLANE_AXIS[study.planes[number]],
                name=study.names[number],
                num_patches=study.num_patches[number],
            )
            for number, (start, stop) in enumerate(zip(study.offsets[:-1], study.offsets[1:], strict=True))
        ),
        description=study.description,
    )


def facts_of(study: StudyPatches, labels: str, rules: RuleLabeller) -> StudyFacts:
    """What is known of a study: the truth, or what the rules read in its report."""
    known = study.facts
    (read,) = label_reports([Report(text=known["report"])], rules, age_of=lambda _: known["age_years"])
    more = {
        name: known[name]
        for name in ("subtlety", "size_mm", "scanner", "site", "after_drift", "age_years", "sex", "race_ethnicity")
    }
    facts = StudyFacts(
        study_uid=known["study_uid"],
        patient=known["patient"],
        present=tuple(known["labels"]),
        priority=known["priority"],
        referrals=tuple(known["referrals"]),
        sentences=read.findings,
        indication=order_text(known["indication"], known["age_years"], known["sex"]),
        more=more,
    )
    if labels == "truth" or read.labels is None:
        return facts
    unsure = {name for name, label in read.labels.labels.items() if label.assertion == "uncertain"}
    return replace(
        facts,
        present=tuple(name for name in DIAGNOSIS_NAMES if name in read.labels.present()),
        unknown=tuple(sorted(unsure - read.labels.present())),
        priority=read.priority,
        referrals=read.referrals,
    )


def main() -> None:
    """Make what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("patches", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--part", choices=("train", "validation", "test"), default="train")
    parser.add_argument("--labels", choices=("truth", "reports"), default="truth")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--last", type=int, default=10**6)
    parser.add_argument("--copies", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args()
    if given.device == "cpu":
        torch.set_num_threads(1)
    contract = read_contract(given.run) or Contract()
    part = read_part(given.run, "tokenizer")
    if part is None or not isinstance(part.config, VQVAEConfig):
        parser.error(f"{given.run}: found no trained tokenizer; run prima train tokenizer first")
    network = VQVAE(part.config)
    network.load_state_dict(part.tensors)
    dtype = torch.bfloat16 if given.device != "cpu" or cpu_has_bfloat16() else torch.float32
    encoder = network.encoder.eval().to(given.device, dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    rules, dense = RuleLabeller(), DenseConfig()
    folder = given.out / given.part
    files = sorted((given.patches / given.part).glob("*.npz"))
    files = [file for file in files if given.first <= int(file.stem) < given.last]
    for number in range(0, len(files), PER_PART):
        some = files[number : number + PER_PART]
        name = some[0].stem
        if (folder / f"{name}.tokens").exists():
            continue
        studies = []
        for file in some:
            study = read_patches(file)
            facts = facts_of(study, given.labels, rules)
            marked = mark_hidden(study, dense)
            for copy in range(1 + given.copies):
                random = np.random.default_rng((int(file.stem), copy))
                seen = augmented(study, contract, random, PatchAugmentation()) if copy else study
                tokens = tokens_of(seen, encoder, dtype, torch.device(given.device))
                uid = f"{facts.study_uid}.{copy}" if copy else facts.study_uid
                studies.append((replace(facts, study_uid=uid), tokens, marked))
        write_part(folder, name, studies, {"contract": json.dumps(contract.to_json()), "dtype": str(dtype)})
        print(f"{given.part}: {min(number + PER_PART, len(files))} of {len(files)}", flush=True)


if __name__ == "__main__":
    os.nice(0)
    main()
