"""MODEL_CARD.md: what a release is for, what it was made of, what was measured, and what it must not be used for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from prima.model.networks.cost import encoder_flops
from prima.model.release.manifest import FileRecord, HeadRecord, Manifest
from prima.model.release.stage_folder import STAGES, StageRecord
from prima.study.ontology import display_name

MODES = {
    "image": "images only",
    "image+names": "images, series names and study description",
    "image+names+indication": "images, series names, study description, and of the order age, sex and indication",
}
STAGE_WORDS = {"tokenizer": "tokenizer", "clip": "studies with reports", "heads": "heads"}
UNKNOWN = "–"


@dataclass(frozen=True, kw_only=True)
class DiagnosisRow:
    """One line of the table of diagnoses; numbers as text, a dash where there is none."""

    display: str
    positives: str
    auroc: str
    average_precision: str
    ece: str
    threshold: str
    sensitivity: str
    specificity: str
    note: str


def render_card(manifest: Manifest, records: Mapping[str, StageRecord], evaluation: Mapping[str, Any] | None) -> str:
    """The card of a release.

    Args:
        manifest: of the release; its `files` give the size.
        records: how each stage was made.
        evaluation: what `prima evaluate` wrote, or None: the card then says that nothing was measured.

    Returns:
        Markdown; the same arguments give the same text.
    """
    measured = evaluation or {}
    files: Mapping[str, FileRecord] = manifest.files
    text: str = (
        _environment()
        .get_template("card.md.j2")
        .render(
            manifest=manifest,
            mode=MODES[manifest.mode],
            records=[(STAGE_WORDS[stage], records[stage]) for stage in STAGES if stage in records],
            simulated=any(record.simulated for record in records.values()),
            energy_kwh=sum(record.energy_kwh for record in records.values()),
            hours=sum(record.seconds for record in records.values()) / 3600,
            evaluation=evaluation,
            summary=_summary(measured),
            groups=_groups(measured),
            comparison=_comparison(measured),
            rows=_rows(manifest.diagnoses, measured.get("diagnoses") or []),
            referral_rows=_rows(manifest.referrals, measured.get("referrals") or []),
            weak=[display_name(head.name) for head in manifest.diagnoses if head.calibration and head.calibration.weak],
            gflops=encoder_flops(manifest.tokenizer, manifest.contract) / 1e9,
            megabytes=sum(record.num_bytes for record in files.values()) / 1e6,
        )
    )
    return re.sub(r"\n{3,}", "\n\n", text).rstrip("\n") + "\n"


FAMILIARITY_HEADING = "## Unfamiliar studies"


def with_familiarity_section(card: str, manifest: Manifest) -> str:
    """A card with the section on unfamiliar studies at its end, in place of one that it has; as it is without a check.

    Args:
        card: Markdown; the line with the manifest's hash, which is written again, may be on it.
        manifest: of the release.
    """
    record = manifest.familiarity
    if record is None:
        return card
    before = re.split(rf"^(?:{FAMILIARITY_HEADING}$|`manifest_sha256`:)", card, flags=re.MULTILINE)[0].rstrip()
    text: str = (
        _environment()
        .get_template("familiarity.md.j2")
        .render(
            heading=FAMILIARITY_HEADING,
            record=record,
            facts=manifest.provenance.get("familiarity") or {},
            adapted=manifest.provenance.get("adapted"),
        )
    )
    section = re.sub(r"\n{3,}", "\n\n", text).strip("\n")
    return f"{before}\n\n{section}\n"


def _summary(measured: Mapping[str, Any]) -> list[tuple[str, str]]:
    means, referrals = measured.get("means") or {}, measured.get("referral_means") or {}
    priority = measured.get("priority") or {}
    lines = [
        ("mean AUROC of the diagnoses", estimate(means.get("auroc"))),
        ("mean average precision", estimate(means.get("average_precision"))),
        ("expected calibration error, mean", number(means.get("ece"))),
        ("expected calibration error, pooled", number(means.get("ece_pooled"))),
        ("AUROC of high priority", estimate(priority.get("high"))),
        ("AUROC of medium or high priority", estimate(priority.get("medium"))),
        ("mean AUROC of the referrals", estimate(referrals.get("auroc"))),
    ]
    return [(words, value) for words, value in lines if value != UNKNOWN]


def _groups(measured: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    return [
        (str(group["by"]), str(group["value"]), str(group["studies"]), estimate(group.get("auroc")))
        for group in measured.get("groups") or []
    ]


def _comparison(measured: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    comparison = measured.get("comparison") or {}
    return [
        (str(row["display"]), number(row["first"]), number(row["second"]), estimate(row.get("difference")))
        for row in comparison.get("summary") or []
    ]


def _rows(heads: tuple[HeadRecord, ...], results: list[Mapping[str, Any]]) -> list[DiagnosisRow]:
    by_name = {result["name"].removeprefix("referral_"): result for result in results}
    rows = []
    for head in heads:
        result = by_name.get(head.name.removeprefix("referral_"), {})
        calibration = head.calibration
        notes = [result.get("reason") or ""]
        threshold = None if calibration is None else calibration.threshold_called
        if calibration is not None and threshold is None:
            notes.append(f"not called: {calibration.num_positives} positive studies gave no threshold")
        elif calibration is not None and calibration.weak:
            notes.append(f"threshold from {calibration.num_positives} positive studies")
        if calibration is not None and threshold is not None and calibration.reached is False:
            notes.append(f"{calibration.target} not reached")
        rows.append(
            DiagnosisRow(
                display=display_name(head.name),
                positives=str(result.get("positives", UNKNOWN)),
                auroc=estimate(result.get("auroc")),
                average_precision=number((result.get("average_precision") or {}).get("value")),
                ece=number(result.get("ece")),
                threshold=UNKNOWN if threshold is None else f"{threshold:.3f}",
                sensitivity=estimate(result.get("sensitivity")),
                specificity=estimate(result.get("specificity")),
                note="; ".join(filter(None, notes)),
            )
        )
    return rows


def estimate(value: Mapping[str, Any] | None) -> str:
    """A number with its interval.

    Example:
        >>> estimate({"value": 0.9134, "low": 0.9, "high": 0.92}), estimate({"value": 0.5, "low": None, "high": None})
        ('0.913 (0.900–0.920)', '0.500')
    """
    if not value or value.get("value") is None:
        return UNKNOWN
    interval = [value.get("low"), value.get("high")]
    if None in interval:
        return f"{value['value']:.3f}"
    return f"{value['value']:.3f} ({interval[0]:.3f}–{interval[1]:.3f})"


def number(value: float | None) -> str:
    """Three digits, or a dash.

    Example:
        >>> number(0.04567), number(None)
        ('0.046', '–')
    """
    return UNKNOWN if value is None else f"{value:.3f}"


def cell(text: object) -> str:
    """Text that stays inside one cell of a table.

    Example:
        >>> cell("one | two")
        'one / two'
    """
    return " ".join(str(text).replace("|", "/").split())


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(  # noqa: S701 (Markdown, not HTML; nothing of a study is in it)
        loader=PackageLoader("prima.model.packaging", "."),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = cell
    return environment
