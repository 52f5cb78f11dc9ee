"""Evaluation of a table of predictions against a table of truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prima.errors import PrimaError
from prima.evaluate.assess import evaluate
from prima.evaluate.bootstrap import Resampling
from prima.evaluate.evaluation import Evaluation
from prima.evaluate.join import match_tables


def evaluate_predictions(
    predictions: Path | str,
    truth: Path | str,
    *,
    by: Sequence[str] = (),
    lesions: Path | str | None = None,
    against: Path | str | None = None,
    only: Sequence[str] = (),
    replicates: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Measure predictions against their truth, with intervals from draws of patients.

    Args:
        predictions: table of `prima predict --table`, Parquet or CSV.
        truth: table with `study_uid`, a column for each diagnosis, and patient, priority, … where they are known.
        by: columns of the truth by which to divide, such as scanner.
        lesions: table of lesions, to divide by how subtle they are.
        against: predictions of another model or mode, for paired differences.
        only: released names of diagnoses.
        replicates: draws of patients.
        seed: of the draws.

    Raises:
        UsageError: a table lacks what is needed.
        UnreadableError: a table is absent or broken.
        PrimaError: no diagnosis can be evaluated.
    """
    path = Path(predictions)
    second_path = None if against is None else Path(against)
    lesions_path = None if lesions is None else Path(lesions)
    matched = match_tables(path, Path(truth), by=by, lesions=lesions_path, against=second_path, only=only)
    evaluation = evaluate(
        matched.predictions,
        matched.truth,
        resampling=Resampling(replicates=replicates, seed=seed),
        against=matched.against,
        account=matched.account,
        releases=matched.releases,
    )
    if not evaluation.means.evaluable:
        reasons = ", ".join(sorted(set(evaluation.not_evaluable.values())))
        raise PrimaError(f"{path}: none of {len(evaluation.diagnoses)} diagnoses can be evaluated ({reasons})")
    return evaluation
