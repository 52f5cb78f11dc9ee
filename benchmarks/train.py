"""How fast a training step of the published sizes is, how near the processor's peak, and how much memory it takes.

    python benchmarks/train.py [--device cpu] [--studies 4] [--steps 3] [--result FILE]

The step is that of the recipe um220k: vision model of the published size and a report encoder of GPT-2's size, CLIP,
discrimination of studies by their series, backward, clipping, AdamW. The batch is that of the reference's measurement:
4 studies of 5 series, 3,963 tokens. Every row is a process of its own; the peak is that of a matrix product of the same
format on the same cores, timed before and after the steps in that process.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import resource
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from prima.model.networks.aligned import without_padding
from prima.model.networks.report_encoder import Texts
from prima.model.networks.transformer import recompute_blocks
from prima.study.ontology import DIAGNOSES, SERVICES
from prima.tokens.batch import SeriesTokens, StudyTokens, offsets_of, pack
from prima.train.engine.estimate import _timed_product
from prima.train.engine.optimiser import OptimiserConfig, make_optimiser
from prima.train.recipes import um220k
from prima.train.study.losses import group_numbers, series_discrimination
from prima.train.study.model import StudyModel, StudyTargets
from prima.train.study.task import TrainingBatch

REFERENCE_TOKENS_PER_S = 400.0  # with text tower, fp32, 2 cores with AMX, torch 2.13
REFERENCE_GB = 8.45
TOKENS = 3963
WORDS = 150


def batch_of(num_studies: int) -> TrainingBatch:
    """Studies of five series each, of the reference's number of tokens for every four."""
    rng = np.random.default_rng(0)
    contract = um220k().contract
    total, num_series = TOKENS * num_studies // 4, 5 * num_studies
    cuts = np.linspace(0, total, num_series + 1).astype(int)
    series = [
        SeriesTokens(
            latents=torch.from_numpy(rng.normal(size=(stop - start, 256)).astype(np.float32)),
            coordinates=torch.from_numpy(rng.integers(0, 256, (stop - start, 3)).astype(np.int32)),
            plane="axial",
            name="ax_t2_tse",
            num_patches=stop - start,
        )
        for start, stop in pairwise(cuts.tolist())
    ]
    studies = [
        StudyTokens(series=tuple(series[n * 5 : n * 5 + 5]), description="mri brain") for n in range(num_studies)
    ]
    texts = torch.from_numpy(rng.integers(0, 50_000, WORDS * num_studies))
    return TrainingBatch(
        studies=pack(studies, contract),
        texts=Texts(tokens=texts, offsets=offsets_of([WORDS] * num_studies)),
        targets=StudyTargets(
            labels=torch.zeros(num_studies, len(DIAGNOSES)),
            priority=torch.zeros(num_studies, dtype=torch.int64),
            referrals=torch.zeros(num_studies, len(SERVICES)),
            groups=torch.arange(num_studies),
            text_rows=torch.arange(num_studies),
            studies=group_numbers([str(n) for n in range(num_studies) for _ in range(5)]),
        ),
    )


def measure(options: argparse.Namespace) -> dict[str, float]:
    """Seconds of a step, its arithmetic, the peak of a matrix product and memory, in this process."""
    device = torch.device(options.device)
    config = um220k().study.model
    if not options.text:
        config = replace(config, report=None)
    torch.manual_seed(0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    model = StudyModel(config).to(device)
    recompute_blocks(model, options.recompute)
    optimiser = make_optimiser(model, OptimiserConfig(), device)
    batch = batch_of(options.studies).to(device)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=options.dtype == "bfloat16"):
            seen, study, report = model(batch.studies, batch.texts)
        loss = 0.03 * series_discrimination(seen.series, batch.targets.studies)
        loss = loss + (study.float().square().mean() if report is None else model.contrast(study, report))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if device.type == "cuda":
            torch.cuda.synchronize()

    size = 8192 if device.type == "cuda" else 1024
    peaks = [_timed_product.__wrapped__(device.type, None, options.dtype, size)]
    step()
    seconds = []
    for _ in range(options.steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    peaks.append(_timed_product.__wrapped__(device.type, None, options.dtype, size))
    memory = torch.cuda.max_memory_allocated() / 1e9 if device.type == "cuda" else None
    whole = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    # The arithmetic of the model alone: neither padding nor what is computed a second time counts.
    recompute_blocks(model, 0.0)
    with without_padding(), FlopCounterMode(display=False) as counter:
        step()
    return {
        "tokens": float(len(batch.studies.tokens)),
        "seconds": min(seconds),
        "flops": float(counter.get_total_flops()),
        "peak": max(peaks),
        "memory_gb": memory if memory is not None else whole,
        "before_gb": before,
    }


def main() -> None:
    """Run every row, print a table; `--result FILE` also writes it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--studies", type=int, default=4)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument(
        "--recompute", type=float, default=0.0, help="share of blocks computed again in the backward pass"
    )
    parser.add_argument("--dtypes", nargs="+", choices=["float32", "bfloat16"], default=["float32", "bfloat16"])
    parser.add_argument("--result", type=Path)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], help=argparse.SUPPRESS)
    parser.add_argument("--text", type=int, default=1, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.dtype:
        print(json.dumps(measure(options)))
        return
    lines = [
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, torch {torch.__version__}, {options.device}, "
        f"{torch.get_num_threads()} threads, {platform.machine()}, load at the start {os.getloadavg()[0]:.1f}; "
        f"{options.studies} studies, {TOKENS * options.studies // 4} tokens, best of {options.steps} steps, "
        f"{options.recompute:.0%} of the blocks computed again in the backward pass.",
        "",
        "| step | seconds | tokens/s | against 400 tokens/s | GFLOP | of the matrix peak | peak memory | of 8.45 GB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for dtype in options.dtypes:
        for text in (1, 0):
            arguments = ["--device", options.device, "--studies", str(options.studies), "--steps", str(options.steps)]
            arguments += ["--recompute", str(options.recompute)]
            command = [sys.executable, __file__, *arguments, "--dtype", dtype, "--text", str(text)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            row = json.loads(done.stdout.splitlines()[-1])
            rate = row["tokens"] / row["seconds"]
            share = row["flops"] / row["seconds"] / row["peak"]
            lines.append(
                f"| {dtype}, {'with' if text else 'without'} text tower | {row['seconds']:.2f} | {rate:.0f} | "
                f"{rate / REFERENCE_TOKENS_PER_S:.2f}× | {row['flops'] / 1e9:.0f} | {share:.0%} of "
                f"{row['peak'] / 1e9:.0f} GFLOP/s | {row['memory_gb']:.2f} GB | {row['memory_gb'] / REFERENCE_GB:.0%} |"
            )
            print(lines[-1], flush=True)
    text_of_all = "\n".join(lines)
    print(text_of_all)
    if options.result:
        options.result.write_text(f"# A training step of the published sizes\n\n{text_of_all}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
