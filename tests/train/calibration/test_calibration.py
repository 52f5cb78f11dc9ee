"""Calibration: it finds known distortions again, keeps to its targets, and says how sure it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from prima.errors import UsageError
from prima.model.release.calibration import MIN_NEGATIVES, MIN_POSITIVES, HeadCalibration, sigmoid
from prima.study.ontology import LEVELS
from prima.train.calibration.fit import CalibrationRecipe, calibrate
from prima.train.calibration.isotonic import fit_isotonic, pool_adjacent_violators
from prima.train.calibration.platt import fit_line
from prima.train.calibration.target import Target, choose_threshold
from prima.train.heads.data import HeadLabels, HeadLogits

NUM_HEADS = 12
NAMES = tuple(f"head_{number}" for number in range(NUM_HEADS))
SLOPES = np.linspace(0.4, 1.6, NUM_HEADS)
QUICK = CalibrationRecipe(replicates=60)


def studies(
    num: int, seed: int, *, bent: bool = False, rare: float = 0.02
) -> tuple[HeadLogits, HeadLabels, NDArray[np.float64]]:
    """Heads whose logits distort the true log-odds, which come third; the patients have two studies each, about."""
    random = np.random.default_rng(seed)
    prevalence = np.geomspace(rare, 0.3, NUM_HEADS)
    present = random.random((num, NUM_HEADS)) < prevalence
    apart = np.linspace(1.5, 3, NUM_HEADS)
    score = random.standard_normal((num, NUM_HEADS)) + apart * present
    # Normal scores of equal spread: the log-odds are a straight line of the score.
    log_odds = apart * score - apart**2 / 2 + np.log(prevalence / (1 - prevalence))
    logits = np.sign(log_odds) * log_odds**2 + 1 if bent else (log_odds - 1.5) / SLOPES
    levels = random.standard_normal((num, 4))
    chances = np.exp(0.5 * levels + np.array([1, 0.5, 0, -0.5]))
    chances /= chances.sum(axis=1, keepdims=True)
    priority = (random.random((num, 1)) > chances.cumsum(axis=1)).sum(axis=1)
    return (
        HeadLogits(
            diagnoses=logits.astype(np.float32),
            referrals=np.zeros((num, 0), np.float32),
            priority=levels.astype(np.float32),
            diagnosis_names=NAMES,
            referral_names=(),
            levels=LEVELS,
        ),
        HeadLabels(
            patients=tuple(map(str, random.integers(0, num // 2, num))),
            diagnoses=present.astype(np.float32),
            referrals=np.zeros((num, 0), np.float32),
            priority=priority.astype(np.int64),
            diagnosis_names=NAMES,
            referral_names=(),
        ),
        log_odds,
    )


def calibration_error(probabilities: NDArray[np.float64], present: NDArray[np.float32]) -> float:
    """Expected calibration error over ten bins of equal width."""
    place = np.minimum((probabilities * 10).astype(int), 9)
    parts = [(place == one) for one in range(10) if (place == one).any()]
    return float(sum(part.mean() * abs(probabilities[part].mean() - present[part].mean()) for part in parts))


@pytest.mark.parametrize("bent", [False, True])
def test_the_error_falls_on_studies_that_were_not_seen(bent: bool) -> None:
    logits, labels, _ = studies(1500, 1, bent=bent)
    fresh, truth, _ = studies(6000, 2, bent=bent)
    found = calibrate(logits, labels, "sensitivity=0.9", QUICK)
    before, after = [], []
    for column, name in enumerate(NAMES):
        present = truth.diagnoses[:, column]
        before.append(calibration_error(sigmoid(fresh.diagnoses[:, column]), present))
        after.append(calibration_error(found.heads[name].probabilities(fresh.diagnoses[:, column])[:, 0], present))
    assert np.mean(after) < 0.02 < np.mean(before) / 1.5
    assert max(after) < 0.05
    kinds = {head.kind for head in found.heads.values()}
    assert kinds == {"platt", "isotonic"} if bent else kinds == {"platt"}


def test_a_line_is_found_again() -> None:
    logits, labels, log_odds = studies(20_000, 3)
    for column in range(NUM_HEADS):
        x = logits.diagnoses[:, column].astype(float)
        fit = fit_line(x, labels.diagnoses[:, column] == 1, (0.0, 1.5))
        slope = np.exp(fit.log_slope[0])
        assert slope == pytest.approx(SLOPES[column], rel=0.12)
        assert np.abs(fit.intercept[0] + slope * x - log_odds[:, column]).mean() < 0.2


def test_the_line_is_the_most_likely_one() -> None:
    """Against a search that knows nothing of derivatives."""
    logits, labels, _ = studies(400, 4)
    x, y = logits.diagnoses[:, 3].astype(float), labels.diagnoses[:, 3]
    mean, spread = 0.2, 0.5

    def loss(intercept: float, log_slope: float) -> float:
        p = sigmoid(intercept + np.exp(log_slope) * x)
        mass = y + 0.5 / len(x), 1 - y + 0.5 / len(x)
        prior = (log_slope - mean) ** 2 / (2 * spread**2)
        return float(-(mass[0] * np.log(p) + mass[1] * np.log1p(-p)).sum() + prior)

    fit = fit_line(x, y == 1, (mean, spread))
    best = loss(fit.intercept[0], fit.log_slope[0])
    around = [
        loss(fit.intercept[0] + a, fit.log_slope[0] + b) for a in (-1e-3, 0, 1e-3) for b in (-1e-3, 0, 1e-3) if a or b
    ]
    assert best < min(around)


def naive_isotonic(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The max-min formula (Robertson, Wright and Dykstra 1988, 1.4), in cubic time."""
    num = len(values)
    return np.array(
        [
            max(
                min(np.average(values[low : high + 1], weights=weights[low : high + 1]) for high in range(at, num))
                for low in range(at + 1)
            )
            for at in range(num)
        ]
    )


@pytest.mark.parametrize("seed", range(6))
def test_isotonic_equals_a_naive_reference(seed: int) -> None:
    random = np.random.default_rng(seed)
    values, weights = random.integers(0, 4, 30).astype(float), random.uniform(0.1, 2, 30)
    levels, starts = pool_adjacent_violators(values, weights)
    sizes = np.diff(np.append(starts, len(values)))
    assert np.repeat(levels, sizes) == pytest.approx(naive_isotonic(values, weights))
    assert (np.diff(levels) > 0).all()


def test_isotonic_knots_are_few_ascending_and_keep_the_mean() -> None:
    logits, labels, _ = studies(3000, 5, bent=True)
    x, y = logits.diagnoses[:, -1].astype(float), labels.diagnoses[:, -1].astype(float)
    knots, log_odds = fit_isotonic(x, y, np.ones(len(x)), (0.5, 0.5))
    assert 2 <= len(knots) <= 12
    assert (np.diff(knots) > 0).all() and (np.diff(log_odds) > 0).all()
    assert sigmoid(np.interp(x, knots, log_odds)).mean() == pytest.approx(y.mean(), abs=0.01)


@pytest.mark.parametrize("target", ["sensitivity=0.9", "sensitivity=0.75", "ppv=0.5", "alerts=0.05"])
def test_thresholds_reach_their_target_on_the_studies_they_were_chosen_on(target: str) -> None:
    logits, labels, _ = studies(1500, 6)
    found = calibrate(logits, labels, target, QUICK)
    aim = Target.parse(target)
    for column, name in enumerate(NAMES):
        head = found.heads[name]
        called = head.probabilities(logits.diagnoses[:, column])[:, 0] >= head.threshold
        present = labels.diagnoses[:, column] == 1
        assert head.reached
        assert head.threshold_source == "validation"
        assert head.alerts == pytest.approx(called.mean())
        assert head.sensitivity == pytest.approx(called[present].mean())
        if aim.kind == "sensitivity":
            # one study less would miss it
            assert aim.value <= called[present].mean() < aim.value + 1 / present.sum()
        elif aim.kind == "ppv":
            assert present[called].mean() >= aim.value
        else:
            assert aim.value - 1 / len(present) < called.mean() <= aim.value


def test_a_precision_that_cannot_be_had() -> None:
    random = np.random.default_rng(0)
    probabilities, present = random.uniform(0.01, 0.1, 500), random.random(500) < 0.05
    found = choose_threshold(probabilities, present, Target.parse("ppv=0.9"))
    assert (found.threshold, found.reached, found.alerts, found.ppv) == (None, False, 0, None)


def test_a_head_whose_target_no_threshold_reaches_calls_nothing() -> None:
    """Also where a call or two at the target itself happen to be right: fewer than five say nothing."""
    logits, labels, _ = studies(400, 11)
    found = calibrate(logits, labels, "ppv=0.9", QUICK)
    sources = {"validation": 0, "none": 0}
    for column, name in enumerate(NAMES):
        head, values = found.heads[name], logits.diagnoses[:, column]
        decisions = [head.read(value).present for value in values.tolist()]
        if head.threshold is None:
            assert set(decisions) == {None}
        else:
            called = head.probabilities(values)[:, 0] >= head.threshold
            assert called.sum() >= 5 and (labels.diagnoses[called, column] == 1).mean() >= 0.9
        sources[head.threshold_source] += 1
    assert min(sources.values()) > 2


@pytest.mark.parametrize("num", [2, 20, 120])
def test_no_head_without_support_speaks(num: int) -> None:
    logits, labels, _ = studies(num, 12)
    found = calibrate(logits, labels, "sensitivity=0.9", QUICK)
    spoken = 0
    for column, name in enumerate(NAMES):
        head = found.heads[name]
        truth = labels.diagnoses[:, column] == 1
        enough = truth.sum() >= MIN_POSITIVES and (~truth).sum() >= MIN_NEGATIVES
        readings = [head.read(logit) for logit in (-100.0, 0.0, 100.0)]
        assert head.supported == enough
        assert all((reading.probability is not None) == enough for reading in readings)
        assert enough or all(reading.present is None for reading in readings)
        assert (head.num_positives, head.num_negatives) == (truth.sum(), (~truth).sum())
        spoken += enough
    assert (spoken > 0) == (num > 2)
    assert spoken < NUM_HEADS
    assert (found.priority is not None) == (num == 120)


def test_a_fixed_threshold_of_an_earlier_version_does_not_call() -> None:
    """Releases of earlier versions hold the target itself, or one half, where no labelled study gave a threshold."""
    logits, labels, _ = studies(400, 11)
    silent = next(h for h in calibrate(logits, labels, "ppv=0.9", QUICK).heads.values() if h.threshold is None)
    older = replace(silent, threshold=0.9, abstain_low=0.89, abstain_high=0.91, reached=False)
    assert older.threshold_called is None and older.threshold_source == "none"
    assert older.read(100.0).present is None and older.read(100.0).probability is not None
    assert replace(older, target="ppv=0.8", reached=True, alerts=0.1).threshold_called == 0.9


def test_an_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Nine in ten, over heads, logits and repetitions; where the labelled studies can say anything."""
    holds = []
    for seed in range(10):
        logits, labels, _ = studies(1000, 10 + seed)
        fresh, _, log_odds = studies(300, 100 + seed)
        found = calibrate(logits, labels, "sensitivity=0.9", QUICK)
        for column, name in enumerate(NAMES):
            told = found.heads[name].probabilities(fresh.diagnoses[:, column])
            truth = sigmoid(log_odds[:, column])
            said = np.abs(log_odds[:, column]) < 5
            holds.append(((told[:, 1] <= truth) & (truth <= told[:, 2]))[said].mean())
    assert 0.84 < np.mean(holds) < 0.96


def test_patients_not_studies_make_the_interval() -> None:
    """Every study given four times over is no more evidence when the patients are the same."""
    logits, labels, _ = studies(500, 7)
    rows = np.tile(np.arange(500), 4)
    many = replace(logits, diagnoses=logits.diagnoses[rows], referrals=logits.referrals[rows], priority=None, levels=())
    alone = HeadLabels(**{**vars(labels.take(rows)), "patients": tuple(map(str, range(2000)))})
    name = NAMES[-1]

    def width(found: HeadCalibration) -> float:
        low, high = found.read(0.0).interval
        return high - low

    once = width(calibrate(logits, labels, "sensitivity=0.9", QUICK).heads[name])
    clustered = width(calibrate(many, labels.take(rows), "sensitivity=0.9", QUICK).heads[name])
    as_if_alone = width(calibrate(many, alone, "sensitivity=0.9", QUICK).heads[name])
    assert clustered == pytest.approx(once, rel=0.25)
    assert as_if_alone < 0.65 * clustered


def test_few_positives_lean_on_the_other_heads_and_are_marked() -> None:
    logits, labels, _ = studies(1500, 8)
    diagnoses = labels.diagnoses.copy()
    positives = np.flatnonzero(diagnoses[:, 0] == 1)
    diagnoses[positives[6:], 0] = 0
    diagnoses[:, 1] = 0
    few = replace(labels, diagnoses=diagnoses)
    found = calibrate(logits, few, "sensitivity=0.9", QUICK)
    six, none = found.heads[NAMES[0]], found.heads[NAMES[1]]
    assert six.weak and not found.heads[NAMES[-1]].weak
    assert (six.num_positives, none.num_positives) == (6, 0)
    assert (none.kind, none.threshold, none.reached, none.sensitivity) == ("none", None, None, None)
    assert (six.threshold_source, none.threshold_source) == ("validation", "none")
    slope = np.diff(six.log_odds[:2])[0] / np.diff(six.logits[:2])[0]
    assert 0.2 < slope < 3


def test_a_label_that_is_not_known_does_not_count() -> None:
    logits, labels, _ = studies(800, 9)
    diagnoses = labels.diagnoses.copy()
    diagnoses[::3, 2] = np.nan
    diagnoses[:, 5] = np.nan
    found = calibrate(logits, replace(labels, diagnoses=diagnoses), "sensitivity=0.9", QUICK)
    assert NAMES[5] not in found.heads
    head = found.heads[NAMES[2]]
    assert head.num_positives + head.num_negatives == 800 - 267
    assert len(found.heads) == NUM_HEADS - 1


@pytest.mark.parametrize("budget", [0.0, 0.01, 0.05])
def test_abstention_keeps_to_its_budget_and_lies_about_the_threshold(budget: float) -> None:
    logits, labels, _ = studies(1000, 11)
    found = calibrate(logits, labels, "ppv=0.5", replace(QUICK, max_abstained=budget))
    for column, name in enumerate(NAMES):
        head = found.heads[name]
        told = head.probabilities(logits.diagnoses[:, column])
        decisions = [head.decide(one) for one in told[:, 0].tolist()]
        silent = np.array([decision is None for decision in decisions])
        assert silent.mean() == pytest.approx(head.abstained) and head.abstained <= budget
        assert head.abstain_low <= head.threshold <= head.abstain_high
        # it is silent only where the interval does not settle the matter
        assert (told[silent, 1] < head.threshold).all() and (told[silent, 2] > head.threshold).all()
    if budget == 0.05:
        assert sum(head.abstained > 0 for head in found.heads.values()) > NUM_HEADS / 2


@pytest.mark.parametrize("sign", [0.0, -1.0])
def test_a_priority_that_tells_nothing_is_that_of_the_levels(sign: float) -> None:
    logits, labels, _ = studies(600, 15)
    assert logits.priority is not None
    found = calibrate(replace(logits, priority=sign * logits.priority), labels, "sensitivity=0.9", QUICK).priority
    assert found is not None and found.slope > 0
    told = found.probabilities(sign * logits.priority)
    assert told.std(axis=0).max() < 0.01
    assert told.mean(axis=0) == pytest.approx(np.bincount(labels.priority) / 600, abs=5e-3)


def test_priority_is_found_again() -> None:
    logits, labels, _ = studies(8000, 12)
    found = calibrate(logits, labels, "sensitivity=0.9", QUICK).priority
    assert found is not None and logits.priority is not None
    assert found.slope == pytest.approx(0.5, abs=0.05)
    assert np.array(found.offsets) == pytest.approx(np.array([0.75, 0.25, -0.25, -0.75]), abs=0.1)
    told = found.probabilities(logits.priority)
    assert told.mean(axis=0) == pytest.approx(np.bincount(labels.priority) / 8000, abs=1e-3)


def test_three_levels_of_older_files() -> None:
    logits, labels, _ = studies(2000, 13)
    assert logits.priority is not None
    older = replace(logits, priority=logits.priority[:, [0, 1, 3]], levels=("none", "low", "high"))
    found = calibrate(older, labels, "sensitivity=0.9", QUICK).priority
    assert found is not None
    assert sum(found.num_studies) == (labels.priority != 2).sum(), (
        "studies of a level that it does not have are left out"
    )
    without = replace(logits, priority=None, levels=())
    assert calibrate(without, labels, "sensitivity=0.9", QUICK).priority is None


def test_the_same_seed_gives_the_same_calibration() -> None:
    logits, labels, _ = studies(300, 14)
    first, again, other = (
        calibrate(logits, labels, "sensitivity=0.9", replace(QUICK, seed=seed)) for seed in (1, 1, 2)
    )
    assert first == again != other


@pytest.mark.parametrize(
    "text", ["", "sensitivity", "sensitivity=1", "ppv=0", "specificity=0.5", "alerts=x", "ppv=nan"]
)
def test_a_target_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match=r"expected sensitivity=0\.9"):
        Target.parse(text)


def test_what_cannot_be_calibrated_is_named() -> None:
    logits, labels, _ = studies(50, 15)
    with pytest.raises(UsageError, match="50 studies with logits and 40 with labels"):
        calibrate(logits, labels.take(range(40)), "sensitivity=0.9")
    broken = logits.diagnoses.copy()
    broken[3, 3] = np.nan
    with pytest.raises(UsageError, match="not finite"):
        calibrate(replace(logits, diagnoses=broken), labels, "sensitivity=0.9")


@pytest.mark.parametrize("value", [1e-9, 1e6])
def test_logits_of_any_scale(value: float) -> None:
    logits, labels, _ = studies(600, 16)
    scaled = replace(logits, diagnoses=(logits.diagnoses * value).astype(np.float32))
    plain, odd = (calibrate(one, labels, "sensitivity=0.9", QUICK) for one in (logits, scaled))
    for column, name in enumerate(NAMES):
        expected = plain.heads[name].probabilities(logits.diagnoses[:, column])[:, 0]
        assert odd.heads[name].probabilities(scaled.diagnoses[:, column])[:, 0] == pytest.approx(expected, abs=0.05)


def test_a_constant_logit_gives_the_share() -> None:
    logits, labels, _ = studies(600, 17)
    flat = replace(logits, diagnoses=np.full_like(logits.diagnoses, 2.0))
    found = calibrate(flat, labels, "sensitivity=0.9", QUICK)
    for column, name in enumerate(NAMES):
        share = labels.diagnoses[:, column].mean()
        assert found.heads[name].read(2.0).probability == pytest.approx(share, abs=0.005)
