"""The lines that sum an evaluation up, for the terminal and for the page alike."""

from __future__ import annotations

import math
from collections.abc import Iterator

from prima.evaluate.evaluation import Account, Evaluation
from prima.evaluate.wording import number, span


def summary_lines(found: Evaluation) -> Iterator[tuple[str, str]]:
    """What was measured and what came out, the most important first."""
    means = found.means
    yield "Mean AUROC", f"{span(means.auroc)}  over {means.evaluable} diagnoses, spread ± {number(means.spread)}"
    if found.scored < found.studies:
        yield "  with unscored studies", f"{number(means.auroc_with_refusals)}  a pair with such a study counts half"
    yield "Mean average precision", span(means.average_precision)
    if not math.isnan(means.ece):
        floor = f"{number(means.ece_floor)} would be chance alone"
        yield (
            "Calibration error (ECE)",
            f"{number(means.ece)}  mean of diagnoses; {floor}; all pairs {number(means.ece_pooled)}",
        )
        yield "Brier score", number(means.brier)
    if not math.isnan(means.sensitivity):
        yield (
            "At thresholds",
            f"sensitivity {number(means.sensitivity)}, specificity {number(means.specificity)}  means",
        )
    if found.priority is not None:
        yield "Priority high", f"{span(found.priority.high)}  AUROC against the rest"
        yield "Priority medium or high", f"{span(found.priority.medium)}  AUROC against the rest"
        if found.priority.confusion:
            agreement = f"agreement {found.priority.agreement:.1%}"
            yield "Priority as called", f"kappa {span(found.priority.kappa)}  quadratic-weighted; {agreement}"
    if found.referral_means is not None:
        area = found.referral_means.auroc
        yield "Referrals", f"{span(area)}  mean AUROC over {found.referral_means.evaluable} services"


def account_lines(found: Evaluation) -> Iterator[tuple[str, str]]:
    """Where studies and diagnoses went that were not measured."""
    account = found.account or Account(
        predictions=found.studies, truth=found.studies, matched=found.studies, scored=found.scored
    )
    yield "Studies", f"{found.scored:,} with a score of {account.matched:,} matched, {found.patients:,} patients"
    statuses = (("unanswered", account.unanswered), ("refused", account.refused), ("failed", account.failed))
    for word, ends in statuses:
        if ends:
            reasons = ", ".join(f"{number_of:,} {reason}" for reason, number_of in ends.items())
            yield f"  {word}", reasons
    for word, uids in (("without truth", account.no_truth), ("without prediction", account.no_prediction)):
        if uids:
            yield f"  {word}", f"{len(uids):,}: {_first(uids)}"
    if found.not_evaluable:
        named = tuple(f"{name} ({reason})" for name, reason in found.not_evaluable.items())
        yield "Not evaluable", f"{len(named)}: {_first(named)}"
    if account.not_predicted:
        yield "Not predicted", f"{len(account.not_predicted)} diagnoses: {_first(account.not_predicted)}"
    for note in account.notes:
        yield "Note", note


def _first(names: tuple[str, ...], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")
