"""Which simulated studies a model learns from, is validated with and tested on: recipes of data.

Each of them is a health system of its own, with its own patients.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

from prima.errors import UsageError
from prima.simulate.people.case import Case
from prima.simulate.plan.cases import case_at
from prima.simulate.plan.enrichment import Enrichment, enriched
from prima.simulate.plan.plan import Plan, make_plan
from prima.simulate.reports.banks import Writers
from prima.simulate.study.simulate import AS_ONE, Variety
from prima.train.tokenizer.augment import PatchAugmentation

Labels = Literal["truth", "reports"]
Side = Literal["train", "validation", "test"]
TEST_SEED = 900


@dataclass(frozen=True, kw_only=True)
class SimulatedData:
    """Studies of one health system, and what is known of them.

    Args:
        name: train, validation or test; also the folder that files of it go to.
        plan: of the health system.
        writers: who writes the reports.
        enrichment: how the cases are changed; None leaves them as they come.
        spacing_mm: grids that heads are built on, study by study in turn.
        labels: what a study is known by: what was simulated, or what the rules read in its report, as in a hospital.
        copies: how often the tokens of each study are made again from patches that are changed by chance.
        augmentation: how the patches of copies are changed.
        variety: heads and appearances beside the packaged ones; simulator version 2.
    """

    name: Side
    plan: Plan
    writers: Writers = "dev"
    enrichment: Enrichment | None = None
    spacing_mm: tuple[float, ...] = (1.5,)
    labels: Labels = "truth"
    copies: int = 0
    augmentation: PatchAugmentation = field(default_factory=PatchAugmentation)
    variety: Variety = AS_ONE

    def case(self, index: int) -> Case:
        """The study with an index."""
        case = case_at(self.plan, index)
        return case if self.enrichment is None else enriched(case, self.plan, self.enrichment)

    def prior(self, case: Case) -> Case | None:
        """The patient's study before."""
        return None if case.prior_index is None else case_at(self.plan, case.prior_index)

    def first_studies(self, count: int | None = None) -> range:
        """Indices of the first so many studies; of all when None.

        Raises:
            UsageError: there are fewer.
        """
        count = self.plan.num_studies if count is None else count
        if not 0 <= count <= self.plan.num_studies:
            raise UsageError(f"{self.name}: found {count} studies asked for, expected at most {self.plan.num_studies}")
        return range(count)

    @property
    def sha256(self) -> str:
        """A hash of everything that decides the studies."""
        return hashlib.sha256(repr(self).encode()).hexdigest()


def demo_data(
    name: Side, *, labels: Labels = "truth", test_seed: int = TEST_SEED, variety: Variety = AS_ONE
) -> SimulatedData:
    """The data of the demo release.

    | name | health system |
    |---|---|
    | train | two years, a sixth of the studies normal, no drift, enriched; three heads of four on a 2 mm grid |
    | validation | another one, as it comes: for calibration and thresholds |
    | test | a prospective year of a third one, whose drifted scanner is there from the first day |

    Args:
        name: which.
        labels: what training and validation studies are known by. A test study is always known by the truth.
        test_seed: another seed is another test year.
        variety: simulator version 2, on any of the three.

    Example:
        >>> from dataclasses import replace
        >>> train = demo_data("train")
        >>> train.plan.num_studies, train.copies, train.spacing_mm
        (8000, 1, (1.5, 2.0, 2.0, 2.0))
        >>> as_it_comes = replace(train, enrichment=None, copies=0)
    """
    if name == "train":
        plan = make_plan(num_studies=8000, seed=11, start=date(2022, 1, 1), days=730, prevalence={"normal": 0.16})
        return SimulatedData(
            name=name,
            plan=replace(plan, drift=None),
            enrichment=Enrichment(),
            spacing_mm=(1.5, 2.0, 2.0, 2.0),
            labels=labels,
            copies=1,
            variety=variety,
        )
    if name == "validation":
        plan = make_plan(num_studies=1000, seed=12, start=date(2024, 1, 1), days=366)
        return SimulatedData(name=name, plan=replace(plan, drift=None), labels=labels, variety=variety)
    first_day = date(2025, 1, 1)
    plan = make_plan(num_studies=2500, seed=test_seed, start=first_day, days=365, drift_on=first_day)
    return SimulatedData(name=name, plan=plan, writers="heldout", variety=variety)
