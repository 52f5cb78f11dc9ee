"""The lines that sum an evaluation up, for the terminal and for the page alike."""

from __future__ import annotations

import math
from collections.abc import Iterator

from prima.evaluate.evaluation import Account, Evaluation
from prima.evaluate.formatting import format_estimate, format_number


def summary_lines(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    """What was measured and what came out, the most important first."""
    means = evaluation.means
    yield (
        "Mean AUROC",
        f"{format_estimate(means.auroc)}  over {means.evaluable} diagnoses, spread ± {format_number(means.spread)}",
    )
    if evaluation.scored < evaluation.studies:
        yield (
            "  with unscored studies",
            f"{format_number(means.auroc_with_refusals)}  a pair with such a study counts half",
        )
    yield "Mean average precision", format_estimate(means.average_precision)
    if not math.isnan(means.ece):
        floor = f"{format_number(means.ece_floor)} would be chance alone"
        yield (
            "Calibration error (ECE)",
            f"{format_number(means.ece)}  mean of diagnoses; {floor}; all pairs {format_number(means.ece_pooled)}",
        )
        yield "Brier score", format_number(means.brier)
    if not math.isnan(means.sensitivity):
        yield (
            "At thresholds",
            f"sensitivity {format_number(means.sensitivity)}, specificity {format_number(means.specificity)}  means",
        )
    if evaluation.priority is not None:
        yield "Priority high", f"{format_estimate(evaluation.priority.high)}  AUROC against the rest"
        yield "Priority medium or high", f"{format_estimate(evaluation.priority.medium)}  AUROC against the rest"
        if evaluation.priority.confusion:
            agreement = f"agreement {evaluation.priority.agreement:.1%}"
            yield (
                "Priority as called",
                f"kappa {format_estimate(evaluation.priority.kappa)}  quadratic-weighted; {agreement}",
            )
    if evaluation.referral_means is not None:
        area = evaluation.referral_means.auroc
        yield "Referrals", f"{format_estimate(area)}  mean AUROC over {evaluation.referral_means.evaluable} services"


def account_lines(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    """Where studies and diagnoses went that were not measured."""
    account = evaluation.account or Account(
        predictions=evaluation.studies, truth=evaluation.studies, matched=evaluation.studies, scored=evaluation.scored
    )
    yield (
        "Studies",
        f"{evaluation.scored:,} with a score of {account.matched:,} matched, {evaluation.patients:,} patients",
    )
    statuses = (("unanswered", account.unanswered), ("refused", account.refused), ("failed", account.failed))
    for word, ends in statuses:
        if ends:
            reasons = ", ".join(f"{number_of:,} {reason}" for reason, number_of in ends.items())
            share = f" ({sum(ends.values()) / account.matched:.1%} of the matched)" if word == "unanswered" else ""
            yield f"  {word}", reasons + share
    for word, uids in (("without truth", account.no_truth), ("without prediction", account.no_prediction)):
        if uids:
            yield f"  {word}", f"{len(uids):,}: {_first(uids)}"
    if evaluation.not_evaluable:
        named = tuple(f"{name} ({reason})" for name, reason in evaluation.not_evaluable.items())
        yield "Not evaluable", f"{len(named)}: {_first(named)}"
    if account.not_predicted:
        yield "Not predicted", f"{len(account.not_predicted)} diagnoses: {_first(account.not_predicted)}"
    for note in account.notes:
        yield "Note", note


def _first(names: tuple[str, ...], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")
