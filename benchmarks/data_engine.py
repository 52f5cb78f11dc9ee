"""What the stages of the data engine cost: processor seconds an instance, and tokens and bytes a series.

    python benchmarks/data_engine.py --scratch SCRATCH [--studies 4] [--result FILE]

Phantom studies of clinical size (`clinical_study.py`), uncompressed. Each stage runs in this process with one thread
and is measured in processor seconds (`time.process_time`), so that waiting for a disk does not count and a busy machine
counts little; seconds by the clock stand beside. The encoder has the published size and random weights. Reports
are not part of it: their labels cost milliseconds.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from clinical_study import write_clinical_studies

from prima.archive.ingest.folder import folder_instances
from prima.archive.ingest.ingest import ingest_instances
from prima.archive.stages.deidentify import deidentify_archive
from prima.archive.store.layout import Archive
from prima.dicom.deidentify.key import SiteKey
from prima.dicom.deidentify.policy import Policy
from prima.dicom.header.scan import scan
from prima.dicom.read import read_dicom_study
from prima.model.release.untrained import PUBLISHED_SIZES
from prima.tokens.batch import SeriesTokens, StudyTokens
from prima.tokens.contract import PUBLISHED
from prima.tokens.precision import choose_precision
from prima.tokens.shard import write_shard
from prima.tokens.store import TokenStore
from prima.tokens.tokenizer import Tokenizer, patches_of
from prima.tokens.vqvae import Encoder

NUM_ENCODED = 600
"""Tokens that the encoder is timed on."""


@dataclass
class Costs:
    """Processor and clock seconds by stage."""

    processor_s: dict[str, float] = field(default_factory=dict)
    clock_s: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Add what happens inside to a stage."""
        processor, clock = time.process_time(), time.perf_counter()
        yield
        self.processor_s[stage] = self.processor_s.get(stage, 0) + time.process_time() - processor
        self.clock_s[stage] = self.clock_s.get(stage, 0) + time.perf_counter() - clock


def main() -> None:
    """Run and print; `--result FILE` also writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--studies", type=int, default=4)
    parser.add_argument("--result", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    export = options.scratch / "export"
    write_clinical_studies(export, options.studies)
    for name in ("archive", "clean"):
        shutil.rmtree(options.scratch / name, ignore_errors=True)
    archive = Archive.open_or_make(options.scratch / "archive")
    costs = Costs()
    with costs.of("ingest"):
        ingest_instances(archive, folder_instances(export), "export")
    with costs.of("deidentify"):
        deidentify_archive(archive, options.scratch / "clean", Policy(key=SiteKey.random(), keep_patient=True))
    clean = Archive.open(options.scratch / "clean")
    studies = tokenised(clean, costs)
    shard = options.scratch / "0.tokens"
    with costs.of("shard, written and read"):
        write_shard(shard, studies, {})
        store = TokenStore(options.scratch)
        for uid in store.study_uids:
            store.read(uid)
    text = "\n".join([*machine(), "", *sizes(clean, studies, shard), "", *table(clean, costs), "", *encoder(studies)])
    print(text)
    if options.result:
        options.result.write_text(f"# {datetime.date.today()}: what the data engine costs\n\n{text}\n")


def tokenised(archive: Archive, costs: Costs) -> list[tuple[str, StudyTokens]]:
    """Every study read and cut into patches; latents of the published width, all zero, stand for the encoder's."""
    found = []
    for uid in archive.study_uids():
        with costs.of("read: headers, selection"):
            scanned = scan(archive.instances(uid), one_study=True)
        with costs.of("read: pixels, volumes"):
            study = read_dicom_study(scanned.studies[0], workers=1)
        with costs.of("patches"):
            patches = [patches_of(series, PUBLISHED) for series in study.series]
        series = tuple(
            SeriesTokens(
                latents=torch.zeros(one.num_kept, 256, dtype=torch.bfloat16),
                coordinates=one.coordinates,
                plane=one.plane,
                name="AX_T2_FLAIR",
                num_patches=one.num_patches,
            )
            for one in patches
        )
        found.append((uid, StudyTokens(series=series, description="MRI BRAIN")))
    return found


def machine() -> list[str]:
    """What it was measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "?")
    return [
        f"- date: {datetime.date.today()}; torch {torch.__version__}; Python {platform.python_version()}",
        f"- processor: {model}, one thread; load of the machine at the end {os.getloadavg()[0]:.1f}",
    ]


def sizes(archive: Archive, studies: list[tuple[str, StudyTokens]], shard: Path) -> list[str]:
    """How large the studies and their tokens are."""
    files = [path for uid in archive.study_uids() for path in archive.instances(uid)]
    series = [one for _, study in studies for one in study.series]
    tokens, patches = sum(one.num_tokens for one in series), sum(one.num_patches for one in series)
    return [
        "| size | value |",
        "|---|---:|",
        f"| studies, series, instances | {len(studies)}, {len(series)}, {len(files)} |",
        f"| kB an instance, uncompressed | {sum(path.stat().st_size for path in files) / len(files) / 1e3:.0f} |",
        f"| patches an instance | {patches / len(files):.1f} |",
        f"| tokens among patches | {100 * tokens / patches:.0f} % |",
        f"| bytes of a shard a token, bfloat16 | {shard.stat().st_size / tokens:.1f} |",
    ]


def table(archive: Archive, costs: Costs) -> list[str]:
    """What each stage costs an instance."""
    number = sum(len(archive.instances(uid)) for uid in archive.study_uids())
    rows = [
        f"| {stage} | {1e3 * seconds / number:.2f} | {1e3 * costs.clock_s[stage] / number:.2f} |"
        for stage, seconds in costs.processor_s.items()
    ]
    return ["| stage | processor ms an instance | clock ms an instance |", "|---|---:|---:|", *rows]


def encoder(studies: list[tuple[str, StudyTokens]]) -> list[str]:
    """The rate of the published encoder on one thread."""
    precision = choose_precision("cpu", "auto")
    network = Encoder(PUBLISHED_SIZES.tokenizer)
    tokenizer = Tokenizer(network, PUBLISHED, device=precision.device, dtype=precision.dtype)
    tokenizer.prepare()
    shape = PUBLISHED.encoder_shape("axial")
    times = NUM_ENCODED // tokenizer.micro_batch
    voxels = torch.rand(tokenizer.micro_batch, 1, *shape).to(precision.dtype)
    voxels = voxels.contiguous(memory_format=torch.channels_last_3d)
    encode = tokenizer._encoder("axial")
    costs = Costs()
    with torch.inference_mode(), costs.of("encode"):
        for _ in range(times):
            encode(voxels)
    count = times * tokenizer.micro_batch
    per_study = sum(one.num_tokens for _, study in studies for one in study.series) / len(studies)
    return [
        "| encoder of the published size, one thread | value |",
        "|---|---:|",
        f"| format | {precision.dtype} |",
        f"| processor ms a token | {1e3 * costs.processor_s['encode'] / count:.2f} |",
        f"| clock ms a token | {1e3 * costs.clock_s['encode'] / count:.2f} |",
        f"| tokens a study | {per_study:.0f} |",
    ]


if __name__ == "__main__":
    main()
