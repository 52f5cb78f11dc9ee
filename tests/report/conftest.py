"""Reports of made-up studies, written once."""

from __future__ import annotations

import pytest

from prima.simulate.plan.cases import case_at, cases
from prima.simulate.plan.plan import make_plan
from prima.simulate.reports import Filed, write_report


@pytest.fixture(scope="session")
def filed() -> list[Filed]:
    """Sixty reports of the development writers, with their cases."""
    plan = make_plan(num_studies=60, seed=5)
    made = []
    for case in cases(plan):
        prior = None if case.prior_index is None else case_at(plan, case.prior_index)
        made.append(Filed(case, write_report(case, prior=prior, writers="dev")))
    return made
