"""Predictions of a release for a folder of tokens, with the truth beside them, as `prima evaluate` reads them.

    python runs/demo/predict_tokens.py RELEASE TOKENS OUT [--image-only]

Writes OUT/predictions.parquet, OUT/truth.parquet and OUT/lesions.parquet. The tokens must be those of the release's
tokenizer; the truth is what stands in the folder, so it must have been made with `--labels truth`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import torch

from prima.model.engine.engine import Engine
from prima.model.engine.outputs import make_findings
from prima.model.release.folder import load_release
from prima.predict.table import write_predictions
from prima.predict.table_row import row_of
from prima.study.ontology import DIAGNOSIS_NAMES, SERVICES
from prima.tables.columns import referral_column
from prima.tokens.precision import choose_precision
from prima.train.data.token_folder import TokenFolder


def rows(engine: Engine, examples: TokenFolder) -> Iterator[dict[str, Any]]:
    """One row a study."""
    for index, study_uid in enumerate(examples.study_uids):
        example = examples.read(index)
        logits = engine.outputs(example.tokens, example.indication).logits
        yield row_of(make_findings(engine.manifest, engine.stamp, study_uid=study_uid, logits=logits)) | {
            "num_series_used": len(example.tokens.series)
        }
        if index % 100 == 99:
            print(f"{index + 1} of {len(examples)}", flush=True)


def truth(examples: TokenFolder) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Labels, and lesions with their subtlety."""
    labels, lesions = [], []
    for known in examples.facts:
        more = known.more or {}
        labels.append(
            {"study_uid": known.study_uid, "patient": known.patient, "priority": known.priority}
            | {
                name: more.get(name)
                for name in ("scanner", "site", "after_drift", "age_years", "sex", "race_ethnicity")
            }
            | {name: name in known.present for name in DIAGNOSIS_NAMES}
            | {referral_column(service.name): service.name in (known.referrals or ()) for service in SERVICES}
        )
        lesions += [
            {"study_uid": known.study_uid, "diagnosis": name, "subtlety": level}
            for name, level in more.get("subtlety", {}).items()
        ]
    return pl.DataFrame(labels), pl.DataFrame(lesions)


def main() -> None:
    """Predict and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", type=Path)
    parser.add_argument("tokens", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--image-only", action="store_true", help="show the model no text")
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    release, examples = load_release(given.release), TokenFolder(given.tokens)
    labels, lesions = truth(examples)
    labels.write_parquet(given.out / "truth.parquet")
    lesions.write_parquet(given.out / "lesions.parquet")
    engine = Engine(release, choose_precision("cpu", "float32"), image_only=given.image_only)
    write_predictions(given.out / "predictions.parquet", release.manifest, engine.mode, rows(engine, examples))


if __name__ == "__main__":
    main()
