"""A synthetic health system with known truth: anatomy, pathology, scanner, reports, demographics, schedule."""

from typing import TYPE_CHECKING

from prima.files.lazy import lazy_exports

if TYPE_CHECKING:
    from prima.simulate.health_system import Making, make_health_system
    from prima.simulate.people.case import Case
    from prima.simulate.plan.cases import case_at
    from prima.simulate.plan.enrichment import Enrichment, enriched
    from prima.simulate.plan.plan import Plan, make_plan
    from prima.simulate.plan.truth import truth_tables
    from prima.simulate.studies import simulate_studies
    from prima.simulate.study.simulate import SimulatedStudy, simulate_study

__all__ = [
    "Case",
    "Enrichment",
    "Making",
    "Plan",
    "SimulatedStudy",
    "case_at",
    "enriched",
    "make_health_system",
    "make_plan",
    "simulate_studies",
    "simulate_study",
    "truth_tables",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "Case": "people.case",
        "Enrichment": "plan.enrichment",
        "Making": "health_system",
        "Plan": "plan.plan",
        "SimulatedStudy": "study.simulate",
        "case_at": "plan.cases",
        "enriched": "plan.enrichment",
        "make_health_system": "health_system",
        "make_plan": "plan.plan",
        "simulate_studies": "studies",
        "simulate_study": "study.simulate",
        "truth_tables": "plan.truth",
    },
)
