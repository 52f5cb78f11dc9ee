"""One figure: every diagnosis with its interval, whether probabilities hold, the worklist and the referrals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from prima.evaluate.evaluation import FEW, STATEMENT, Estimate, Evaluation, LabelResult, PriorityResult
from prima.evaluate.formatting import format_estimate, format_number
from prima.evaluate.svg import GRID, INK, MAIN, MAIN_SOFT, SOFT, WARN, Figure
from prima.study.ontology import LEVELS

WEAK = 0.8
_WIDTH, _MARGIN, _ROW, _TOP = 1280, 36, 16, 128
_NAMES, _PLOT, _RIGHT = 218, 270, 742
_SQUARE = 340


@dataclass(frozen=True)
class _Axis:
    """From a value to its place."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def figure_svg(evaluation: Evaluation) -> str:
    """The figure as one SVG document; colours carry nothing that words or places do not."""
    figure = Figure(_WIDTH)
    means = evaluation.means
    figure.text(_MARGIN, 44, _title(evaluation), size=20, strong=True)
    figure.text(_MARGIN, 66, _subtitle(evaluation), size=12.5, ink=SOFT)
    left = _forest(figure, evaluation.diagnoses, means.auroc, place=(_MARGIN, _TOP), title="AUROC of each diagnosis")
    right = _reliability(figure, evaluation, place=(_RIGHT + 46, _TOP))
    if evaluation.priority is not None:
        right = _worklist(figure, evaluation.priority, place=(_RIGHT + 46, right + 70))
    if evaluation.referral_means is not None:
        place = (_RIGHT, right + 62)
        area = evaluation.referral_means.auroc
        right = _forest(
            figure, evaluation.referrals, area, place=place, title="AUROC of each referral", names=206, plot=130
        )
    bottom = max(left, right) + 34
    figure.text(_MARGIN, bottom, f"{STATEMENT} {_legend(evaluation)}", size=11, ink=SOFT)
    return figure.svg(
        bottom + 24, f"Evaluation: mean AUROC {format_number(means.auroc.value)} over {means.evaluable} diagnoses"
    )


def _title(evaluation: Evaluation) -> str:
    names = ", ".join(evaluation.releases)
    subject = f"{names if len(names) <= 60 else names[:59] + '…'}: " if names else ""
    means = evaluation.means
    plural = "es" if means.evaluable != 1 else "is"
    return f"{subject}mean AUROC {format_estimate(means.auroc)} over {means.evaluable} diagnos{plural}"


def _subtitle(evaluation: Evaluation) -> str:
    parts = [f"{evaluation.scored:,} studies with a score of {evaluation.studies:,}, {evaluation.patients:,} patients"]
    if evaluation.not_evaluable:
        parts.append(f"{len(evaluation.not_evaluable)} not evaluable")
    resampling = evaluation.resampling
    parts.append(f"{resampling.level:.0%} intervals from {resampling.replicates:,} draws of patients")
    return "; ".join(parts)


def _legend(evaluation: Evaluation) -> str:
    rows = [row for row in (*evaluation.diagnoses, *evaluation.referrals) if row.reason is None]
    words = [f"Orange: AUROC under {WEAK:.2f}."] if any(row.auroc.value < WEAK for row in rows) else []
    words += [f"Hollow: fewer than {FEW} positive studies."] if any(row.positives < FEW for row in rows) else []
    return " ".join(words)


def _forest(
    figure: Figure,
    results: Sequence[LabelResult],
    mean: Estimate,
    *,
    place: tuple[float, float],
    title: str,
    names: float = _NAMES,
    plot: float = _PLOT,
) -> float:
    """Rows from the best to the worst, those that cannot be evaluated last; returns the bottom."""
    x, y = place
    rows = sorted((row for row in results if row.reason is None), key=lambda row: -row.auroc.value)
    not_evaluable = [row for row in results if row.reason is not None]
    lows = [row.auroc.low for row in rows if not math.isnan(row.auroc.low)]
    least = min([0.5, *lows], default=0.5)
    axis = _Axis(math.floor(least * 10) / 10, 1.0, x + names + 12, x + names + 12 + plot)
    bottom = y + _ROW * max(len(rows), 1)
    figure.text(x, y - 26, title, size=14, strong=True)
    figure.text(axis.end + 12, y - 8, "AUROC", size=10, ink=SOFT)
    figure.text(axis.end + 150, y - 8, "positives", size=10, ink=SOFT, anchor="end")
    if not math.isnan(mean.value):
        figure.box((axis(mean.low), y), (axis(mean.high) - axis(mean.low), bottom - y), fill=MAIN_SOFT)
        figure.text(axis(mean.value), y - 8, "mean", size=10, ink=MAIN, anchor="middle")
    for tenth in range(round(axis.low * 10), 11):
        figure.line((axis(tenth / 10), y), (axis(tenth / 10), bottom))
        figure.text(axis(tenth / 10), bottom + 14, f"{tenth / 10:.1f}", size=10, ink=SOFT, anchor="middle")
    for index, row in enumerate(rows):
        middle = y + _ROW * (index + 0.5)
        ink = WARN if row.auroc.value < WEAK else MAIN
        figure.text(x + names, middle + 4, row.display, size=11, anchor="end")
        figure.line((axis(row.auroc.low), middle), (axis(row.auroc.high), middle), ink=ink, wide=1.6)
        figure.dot(axis(row.auroc.value), middle, ink=ink, hollow=row.positives < FEW)
        figure.text(axis.end + 12, middle + 4, format_estimate(row.auroc), size=10, ink=INK)
        figure.text(axis.end + 150, middle + 4, f"{row.positives:,}", size=10, ink=SOFT, anchor="end")
    bottom += 20
    for row in not_evaluable:
        bottom += _ROW
        figure.text(x + names, bottom, row.display, size=11, anchor="end", ink=SOFT)
        figure.text(axis.start, bottom, f"not evaluable: {row.reason}", size=10, ink=SOFT)
    return bottom


def _reliability(figure: Figure, evaluation: Evaluation, *, place: tuple[float, float]) -> float:
    x, y = place
    across, up = _Axis(0, 1, x, x + _SQUARE), _Axis(0, 1, y + _SQUARE, y)
    figure.text(x - 46, y - 26, "Do probabilities hold?", size=14, strong=True)
    for tenth in range(0, 11, 2):
        share = tenth / 10
        figure.line((across(share), y), (across(share), y + _SQUARE))
        figure.line((x, up(share)), (x + _SQUARE, up(share)))
        figure.text(across(share), y + _SQUARE + 15, f"{share:.1f}", size=10, ink=SOFT, anchor="middle")
        figure.text(x - 8, up(share) + 4, f"{share:.1f}", size=10, ink=SOFT, anchor="end")
    figure.text(x + _SQUARE / 2, y + _SQUARE + 32, "predicted probability", size=11, ink=SOFT, anchor="middle")
    figure.text(x - 34, y + _SQUARE / 2, "share that has it", size=11, ink=SOFT, anchor="middle", turned=True)
    if evaluation.pooled_by_level is None:
        figure.text(x + _SQUARE / 2, y + _SQUARE / 2, "no probabilities", ink=SOFT, anchor="middle")
        return y + _SQUARE + 32
    figure.dashes((across(0), up(0)), (across(1), up(1)))
    for row in evaluation.diagnoses:
        if row.calibration is not None and row.reason is None:
            for predicted, observed in zip(row.calibration.predicted, row.calibration.observed, strict=True):
                figure.dot(across(predicted), up(observed), ink="#c3dcd9", radius=1.5)
    levels = evaluation.pooled_by_level
    bins = list(zip(levels.predicted, levels.observed, levels.counts, strict=True))
    figure.curve([(across(predicted), up(observed)) for predicted, observed, _ in bins])
    for predicted, observed, count in bins:
        low, high = _wilson(observed, count)
        figure.line((across(predicted), up(low)), (across(predicted), up(high)), ink=MAIN, wide=1.6)
        figure.dot(across(predicted), up(observed))
    means = evaluation.means
    lines = (
        f"ECE, mean of diagnoses {format_number(means.ece)}",
        f"by chance alone {format_number(means.ece_floor)}",
        f"ECE, all pairs {format_number(means.ece_pooled)}",
        f"Brier score {format_number(means.brier)}",
    )
    for index, words in enumerate(lines):
        figure.text(x + 12, y + 22 + 17 * index, words, size=11.5, strong=index == 0)
    keys = ("line: all diagnoses, ten bins of equal width", "pale: each diagnosis, bins of equal mass")
    for index, words in enumerate(keys):
        figure.text(x + _SQUARE - 8, y + _SQUARE - 24 + 14 * index, words, size=10, ink=SOFT, anchor="end")
    return y + _SQUARE + 32


def _wilson(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _worklist(figure: Figure, priority: PriorityResult, *, place: tuple[float, float]) -> float:
    """True against called level, rows as shares of the true level."""
    x, y = place
    cell, tall = 68, 32
    figure.text(x - 46, y - 26, "Priority", size=14, strong=True)
    if priority.confusion:
        for index, level in enumerate(LEVELS):
            figure.text(x + 30 + cell * (index + 0.5), y - 6, level, size=11, ink=SOFT, anchor="middle")
            figure.text(x + 22, y + tall * (index + 0.5) + 4, level, size=11, ink=SOFT, anchor="end")
            total = sum(priority.confusion[index])
            for predicted, count in enumerate(priority.confusion[index]):
                share = count / total if total else 0
                corner = (x + 30 + cell * predicted, y + tall * index)
                figure.box(corner, (cell - 2, tall - 2), fill=GRID)
                figure.box(corner, (cell - 2, tall - 2), fill=MAIN, shade=share)
                ink = "#ffffff" if share > 0.55 else INK
                middle = (corner[0] + cell / 2 - 1, corner[1] + tall / 2 + 3)
                figure.text(*middle, f"{count:,}", size=11, ink=ink, anchor="middle", strong=index == predicted)
        figure.text(x - 34, y + 2 * tall, "true", size=11, ink=SOFT, anchor="middle", turned=True)
        figure.text(x + 30 + 4 * cell + 8, y - 6, "called", size=11, ink=SOFT)
        y += 4 * tall + 18
    for index, words in enumerate(
        (
            f"AUROC of high against the rest {format_estimate(priority.high)}",
            f"AUROC of medium or high {format_estimate(priority.medium)}",
            f"quadratic-weighted kappa {format_estimate(priority.kappa)}"
            if priority.confusion
            else "no level was called",
        )
    ):
        figure.text(x - 16, y + 17 * index, words, size=11.5, strong=index == 0)
    return y + 34
