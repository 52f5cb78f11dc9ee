"""How many processes a stage over an archive gets, and what share of a GPU each."""

from __future__ import annotations

from prima.archive.stages.run import StageWorkers
from prima.tokens.precision import Precision

# Reading and cutting keep about nine cores busy for each H100, so eight tasks share one.
GPU_SHARE = 1 / 8


def workers_for(precision: Precision, *, processes: int | None, ray: str | None) -> StageWorkers:
    """StageWorkers of a stage.

    Args:
        precision: of the stage; on a GPU each task takes a share of it.
        processes: as asked for; when None one, or all that a Ray cluster has room for.
        ray: address of a Ray cluster, "local" for one on this machine, None for none.
    """
    count = processes or (None if ray not in (None, "local") else 1)
    return StageWorkers(processes=count, ray=ray, gpus=GPU_SHARE if precision.device.type == "cuda" else 0)
