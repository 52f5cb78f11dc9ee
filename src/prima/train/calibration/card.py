"""What a model card says of a calibration."""

from __future__ import annotations

from prima.model.release.calibration import FEW_POSITIVES, MIN_NEGATIVES, MIN_POSITIVES, HeadCalibration
from prima.train.calibration.fit import Calibration

CARD_HEADING = "## Calibration"


def calibration_section(calibration: Calibration) -> str:
    """The section, Markdown, with its heading: on what, for what, and what each threshold reached there."""
    rows = [_row(head, curve) for head, curve in calibration.heads.items()]
    target = calibration.target.replace("@", ", held with a confidence of ")
    return f"""{CARD_HEADING}

Probabilities, intervals, thresholds and abstention come from {calibration.num_studies} labelled studies of
{calibration.num_patients} patients, with thresholds for {target}.
The columns say what each threshold reached on those same studies, which is kinder than what other studies will show. A
head with fewer than {FEW_POSITIVES} positives is weakly supported. One with fewer than {MIN_POSITIVES} positives or
{MIN_NEGATIVES} negatives has no probability, and one whose target no threshold reaches has no threshold: neither calls.

| head | curve | positives | threshold | sensitivity | specificity | PPV | abstained |
|---|---|---|---|---|---|---|---|
{chr(10).join(rows)}
"""


def _row(name: str, head: HeadCalibration) -> str:
    def share(value: float | None) -> str:
        return "–" if value is None else f"{value:.2f}"

    positives = f"{head.num_positives}, weak" if head.weak else str(head.num_positives)
    threshold = "not called" if head.threshold_called is None else f"{head.threshold_called:.4f}"
    return (
        f"| `{name}` | {head.kind} | {positives} | {threshold} | {share(head.sensitivity)} "
        f"| {share(head.specificity)} | {share(head.ppv)} | {head.abstained:.3f} |"
    )
