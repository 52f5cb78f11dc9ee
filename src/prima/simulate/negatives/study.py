"""Negative studies with their voxels: what reaches a reader of brains and is none, for the gate before the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np

from prima.simulate.geometry.streams import stream
from prima.simulate.negatives.fruit import FRUIT
from prima.simulate.negatives.limbs import LIMBS
from prima.simulate.negatives.nothing import scan_nothing
from prima.simulate.negatives.phantoms import PHANTOMS
from prima.simulate.negatives.planned import DAYS, START, PlannedNegative, check_count, plan_negative
from prima.simulate.negatives.scene import Scene
from prima.simulate.negatives.spine import REGIONS, spine
from prima.simulate.negatives.stacks import StoredStack, scan_scene
from prima.simulate.negatives.tomography import scan_ct
from prima.simulate.negatives.trunk import TRUNKS
from prima.simulate.scanner.image_header import header_affine
from prima.simulate.scanner.scanners import Scanner
from prima.study.study import Acquisition, Series, Study
from prima.study.volume import Volume

MAKERS: dict[str, Callable[[np.random.Generator], Scene]] = {
    **{name: spine(name) for name in REGIONS}, **LIMBS, **TRUNKS, **PHANTOMS, **FRUIT
}  # fmt: skip
"""The maker of every subkind that is a thing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Negative:
    """A negative with the stored voxels of its series."""

    planned: PlannedNegative
    stacks: tuple[StoredStack, ...]

    @property
    def study(self) -> Study:
        """As a reader gives it that leaves nothing out: every series is there, computed tomography too."""
        planned = self.planned
        return Study(
            study_uid=planned.study_uid,
            description=planned.description or None,
            date=planned.day.isoformat(),
            series=tuple(
                self._series(series_number, stack) for series_number, stack in enumerate(self.stacks, start=1)
            ),
        )

    def _series(self, series_number: int, stack: StoredStack) -> Series:
        planned, sequence = self.planned, stack.sequence
        machine = planned.machine
        return Series(
            series_uid=planned.series_uid(series_number),
            number=series_number,
            description=planned.words[series_number - 1],
            protocol=planned.words[series_number - 1],
            volume=Volume(voxels=stack.voxels, affine=header_affine(stack.affine, stack.shape, stack.spacing_mm)),
            acquisition=Acquisition(
                manufacturer=machine.manufacturer,
                model=machine.model,
                station=machine.station,
                field_strength_t=machine.field_t if isinstance(machine, Scanner) else None,
                repetition_time_ms=sequence.tr_ms if sequence else None,
                echo_time_ms=sequence.te_ms if sequence else None,
                inversion_time_ms=(sequence.ti_ms or None) if sequence else None,
                flip_angle_deg=sequence.flip_deg if sequence else None,
                contrast_agent="Gadolinium" if sequence and sequence.contrast_agent else None,
            ),
            instance_uids=tuple(planned.instance_uid(series_number, index + 1) for index in range(len(stack.stored))),
        )


def make_negative(planned: PlannedNegative) -> Negative:
    """Make the voxels of a negative; the same plan gives the same voxels."""
    machine, key = planned.machine, planned.key
    if not isinstance(machine, Scanner):
        stacks = scan_ct(planned.subkind, machine, *key)
    elif planned.kind == "nothing":
        stacks = scan_nothing(planned.subkind, planned.roles, machine, *key)
    else:
        stacks = scan_scene(MAKERS[planned.subkind](stream(*key, "thing")), planned.roles, machine, *key)
    return Negative(planned=planned, stacks=stacks)


def negatives(seed: int, count: int, *, start: date = START, days: int = DAYS) -> Iterator[Study]:
    """Negative studies straight into memory, for training; each is made when it is asked for.

    Raises:
        UsageError: `count` is negative.

    Example:
        >>> [(study.description, len(study.series)) for study in negatives(0, 0)]
        []
    """
    check_count(count)
    return (make_negative(plan_negative(seed, index, start=start, days=days)).study for index in range(count))
