"""What a release says of a folder of tokens, with the truth beside it, as `prima evaluate` reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from prima.model.engine.engine import Engine
from prima.model.engine.outputs import make_findings
from prima.predict.table_columns import row_of
from prima.predict.table_file import write_predictions
from prima.study.ontology import DIAGNOSIS_NAMES, SERVICES
from prima.tables.columns import referral_column
from prima.train.data.token_folder import StudyFacts, TokenFolder
from prima.workflow.watcher import NOBODY, Watcher

PREDICTIONS_FILE, TRUTH_FILE, LESIONS_FILE = "predictions.parquet", "truth.parquet", "lesions.parquet"
_OF_THE_STUDY = ("scanner", "site", "after_drift", "age_years", "sex", "race_ethnicity")


def predict_tokens(engine: Engine, examples: TokenFolder, out: Path, *, watcher: Watcher = NOBODY) -> None:
    """Write predictions.parquet, truth.parquet and lesions.parquet.

    Args:
        engine: a release, whose tokenizer made the tokens.
        examples: studies that are known by the truth.
        out: the folder for the tables.
        watcher: told how many studies are done.
    """
    out.mkdir(parents=True, exist_ok=True)
    labels, lesions = truth_of(examples.facts)
    labels.write_parquet(out / TRUTH_FILE)
    lesions.write_parquet(out / LESIONS_FILE)
    write_predictions(out / PREDICTIONS_FILE, engine.manifest, engine.mode, _rows(engine, examples, watcher))


def truth_of(facts: Sequence[StudyFacts]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Labels of studies, a row each; and their lesions with how subtle they are, a row each."""
    labels, lesions = [], []
    for known in facts:
        more = known.more or {}
        labels.append(
            {"study_uid": known.study_uid, "patient": known.patient, "priority": known.priority}
            | {name: more.get(name) for name in _OF_THE_STUDY}
            | {name: name in known.present for name in DIAGNOSIS_NAMES}
            | {referral_column(service.name): service.name in (known.referrals or ()) for service in SERVICES}
        )
        lesions += [
            {"study_uid": known.study_uid, "diagnosis": name, "subtlety": subtlety}
            for name, subtlety in more.get("subtlety", {}).items()
        ]
    schema = {"study_uid": pl.String(), "diagnosis": pl.String(), "subtlety": pl.Int64()}
    return pl.DataFrame(labels), pl.DataFrame(lesions, schema=schema)


def _rows(engine: Engine, examples: TokenFolder, watcher: Watcher) -> Iterator[dict[str, Any]]:
    for index, study_uid in enumerate(examples.study_uids):
        example = examples.read(index)
        outputs = engine.outputs(example.tokens, example.indication)
        findings = make_findings(
            engine.manifest,
            engine.stamp,
            study_uid=study_uid,
            logits=outputs.logits,
            familiarity=outputs.familiarity,
            scores_anyway=engine.scores_anyway,
        )
        yield row_of(findings) | {"num_series_used": len(example.tokens.series)}
        watcher.count("predictions", index + 1, len(examples))
