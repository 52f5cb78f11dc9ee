"""Simulated studies in memory, one after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prima.simulate.plan.cases import case_at
from prima.simulate.plan.plan import make_plan
from prima.simulate.study.simulate import SimulatedStudy, simulate_study


def simulate_studies(
    num_studies: int,
    *,
    seed: int = 0,
    only: Sequence[str] = (),
    normal: bool = False,
    subtlety: int | None = None,
    spacing_mm: float = 1.5,
) -> Iterator[SimulatedStudy]:
    """Studies of a synthetic health system with their truth; the voxels are those that `prima simulate` writes.

    Args:
        num_studies: how many.
        seed: the same seed, the same studies.
        only: released names of diagnoses; every study shows these.
        normal: every study is normal.
        subtlety: 1 plain, 2 moderate, 3 subtle; as it comes when None.
        spacing_mm: grid of the anatomy: 1, 1.5 or 2.

    Raises:
        UsageError: there is no such diagnosis, or the options exclude each other.

    Example:
        >>> simulated = next(simulate_studies(1, seed=3, normal=True, spacing_mm=2))
        >>> simulated.case.labels, len(simulated.study.series) > 2
        ((), True)
    """
    plan = make_plan(num_studies=num_studies, seed=seed, only=only, normal=normal, subtlety=subtlety)
    for index in range(num_studies):
        yield simulate_study(case_at(plan, index), spacing_mm=spacing_mm)
