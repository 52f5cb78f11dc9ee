"""Patches of simulated studies in files, for the tokenizer to learn from."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from prima.model.gate.admit import packaged_gate
from prima.simulate.workers import carry_out
from prima.tokens.contract import Contract
from prima.train.data.patch_file import write_patches
from prima.workflow.simulated.data import SimulatedData
from prima.workflow.simulated.examples import make_example
from prima.workflow.watcher import NOBODY, Watcher, warn_of_few

NUM_NAMED = 20


def make_patches(
    data: SimulatedData,
    folder: Path,
    contract: Contract,
    *,
    num_studies: int | None = None,
    workers: int = 1,
    watcher: Watcher = NOBODY,
) -> int:
    """Write a file of patches for each study that has none yet: FOLDER/NAME/INDEX.npz. Resumable after any end.

    A study of about 3,300 tokens takes 1.7 MB and, on one core, one to four seconds.

    Args:
        data: what is simulated.
        folder: gets a folder with the name of the data.
        contract: how patches are cut.
        num_studies: the first so many studies; all when None.
        workers: processes, one thread each.
        watcher: told how many studies are made, and which have no series that the gate lets in.

    Returns:
        Number of files.

    Raises:
        UsageError: the data has fewer studies.
    """
    wanted = {index: folder / data.name / f"{index:05d}.npz" for index in data.first_studies(num_studies)}
    jobs = [partial(_make_file, data, index, path, contract) for index, path in wanted.items() if not path.exists()]
    kept = len(wanted) - len(jobs)
    for done, _ in enumerate(carry_out(jobs, workers=workers), start=1):
        watcher.count(f"patches of {data.name}", kept + done, len(wanted))
    absent = [index for index, path in wanted.items() if not path.exists()]
    warn_of_few(
        watcher, [f"study {index} of {data.name} has no patches: no series can be used" for index in absent],
        most=NUM_NAMED,
    )  # fmt: skip
    return len(wanted) - len(absent)


def _make_file(data: SimulatedData, index: int, path: Path, contract: Contract) -> None:
    example = make_example(data, index, contract, packaged_gate())
    if example.prepared.series:
        write_patches(example.patches, path)
