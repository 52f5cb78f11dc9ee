"""A synthetic health system in a folder."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Literal

from prima.errors import PrimaError, UsageError
from prima.simulate.anatomy.anatomies import read_anatomies
from prima.simulate.health_system import Making, make_health_system
from prima.simulate.plan.plan import Plan
from prima.simulate.scanner.appearance import AppearancePlan
from prima.simulate.study.simulate import AS_ONE, Variety
from prima.workflow.watcher import NOBODY, Watcher


def variety_of(version: int, anatomies: Path | None = None) -> Variety:
    """What a version of the simulator varies.

    Args:
        version: 1 knows the packaged head and physics; 2 adds appearance at random and, with a folder, real heads.
        anatomies: label maps of heads, each checked; version 2 only.

    Raises:
        UsageError: no such version, a folder with version 1, or a folder without usable label maps.
    """
    if version not in (1, 2):
        raise UsageError(f"simulator version {version} is unknown; expected 1 or 2")
    if version == 1 and anatomies is not None:
        raise UsageError("label maps of heads need version 2 of the simulator; leave --simulator out, or give 2")
    if version == 1:
        return AS_ONE
    heads = None if anatomies is None else read_anatomies(anatomies)
    return Variety(anatomies=heads, appearance=AppearancePlan())


def simulate_health_system(
    plan: Plan,
    out: Path,
    *,
    spacing_mm: float = 1.5,
    writers: Literal["dev", "heldout"] = "dev",
    negatives: int = 0,
    workers: int = 1,
    variety: Variety = AS_ONE,
    watcher: Watcher = NOBODY,
) -> None:
    """Make the studies, reports and truth of a plan; an interrupted call is resumed by the same one.

    Args:
        plan: who is scanned when, and what is seen.
        out: new or empty, or begun with the same plan.
        spacing_mm: grid of the anatomy: 1, 1.5 or 2.
        writers: dev, or heldout for writers that share no phrase with dev.
        negatives: studies that are no brain MRI.
        workers: processes, one thread each.
        variety: heads and appearances beside the packaged ones (`variety_of`); simulator version 2.
        watcher: told how many studies are made.

    Raises:
        PrimaError: no space is left.
    """
    making = Making(spacing_mm=spacing_mm, writers=writers, negatives=negatives, workers=workers, variety=variety)
    progress = (0, plan.num_studies + negatives)

    def on_study(done: int, total: int) -> None:
        nonlocal progress
        progress = (done, total)
        watcher.count("studies", done, total)

    try:
        make_health_system(plan, out, making, on_study)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        done, total = progress
        raise PrimaError(
            f"{out}: no space left after {done} of {total} studies; make room and run the same again to go on"
        ) from None
