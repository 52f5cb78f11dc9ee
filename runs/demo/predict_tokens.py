"""Predictions of a release for a folder of tokens, with the truth beside them, as `prima evaluate` reads them.

    python runs/demo/predict_tokens.py RELEASE TOKENS OUT [--mode image|image+names|image+names+indication]

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

from prima.model.engine.outputs import findings_of, priority_of
from prima.model.release.folder import Release, load_release
from prima.predict.table import write_predictions
from prima.predict.table_row import row_of
from prima.study import Findings, ReleaseStamp
from prima.study.ontology import DIAGNOSIS_NAMES, SERVICES
from prima.tokens.batch import pack
from prima.train.data.token_folder import TokenFolder
from prima.train.run_folder import TRAINING_MODES
from prima.train.study.dropout import in_mode


def rows(release: Release, examples: TokenFolder, mode: str) -> Iterator[dict[str, Any]]:
    """One row a study."""
    manifest, vision = release.manifest, release.vision()
    heads = release.heads(torch.device("cpu"))
    stamp = ReleaseStamp(
        name=manifest.name,
        sha256=release.sha256,
        trained=manifest.trained,
        calibrated=manifest.calibrated,
        mode=mode,
    )
    for number, study_uid in enumerate(examples.study_uids):
        tokens = in_mode(examples.read(number), TRAINING_MODES[mode]).tokens
        with torch.inference_mode():
            outputs = heads(vision(pack([tokens], manifest.contract)).study[0].float())
        findings = Findings(
            study_uid=study_uid,
            description=None,
            reason=None,
            release=stamp,
            status="done",
            diagnoses=findings_of(outputs.diagnoses, manifest.diagnoses),
            referrals=findings_of(outputs.referrals, manifest.referrals),
            priority=priority_of(outputs.priority, manifest.priority),
            series=(),
            timings_s={},
        )
        yield row_of(findings) | {"num_series_used": len(tokens.series)}
        if number % 100 == 99:
            print(f"{number + 1} of {len(examples)}", flush=True)


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
            | {f"referral_{service.name}": service.name in (known.referrals or ()) for service in SERVICES}
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
    parser.add_argument("--mode", choices=tuple(TRAINING_MODES), help="show the model less than it was trained with")
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    release, examples = load_release(given.release), TokenFolder(given.tokens)
    labels, lesions = truth(examples)
    labels.write_parquet(given.out / "truth.parquet")
    lesions.write_parquet(given.out / "lesions.parquet")
    mode = given.mode or release.manifest.mode
    made = rows(release, examples, mode)
    write_predictions(given.out / "predictions.parquet", release.manifest, mode, made)


if __name__ == "__main__":
    main()
