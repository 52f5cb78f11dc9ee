"""What a language model is asked, and how its answer is read."""

from __future__ import annotations

import json
import re
from typing import Any

from prima.report.labels import Failure, Label, Labels, Mention, strongest, with_consequences
from prima.study.ontology import DIAGNOSES, DIAGNOSIS_NAMES, PRIORITIES, SERVICES

PROMPT_VERSION = "1"

_STANCES = ("present", "absent", "uncertain", "historical", "other_experiencer")
_LEVELS = tuple(priority.level for priority in PRIORITIES)
_SERVICES = tuple(service.name for service in SERVICES)

_RULES = """You label radiology reports of brain MRI. Report what the text says, never what you would expect.
For each diagnosis of the list that the report speaks of give one entry: its name exactly as listed, an assertion, and
as evidence the shortest words of the report that say so, copied letter for letter. Leave out what it does not name.
Assertions: present (visible on this study, also when known, chronic, residual or unchanged); absent (denied);
uncertain (possible, suspected, one of several, cannot be excluded); historical (resolved, removed, or only in the
history); other_experiencer (a relative has it). Where mentions differ, the first of this order counts: present,
uncertain, historical, absent, other_experiencer. A resected tumor without residual is historical. What the order asks
about is no finding. A tumor does not imply mass effect; nothing implies anything but what is listed.

Diagnoses:
"""
_TRIAGE = """
Also give the priority of the study and the services it should be referred to.
Priorities: {levels}
Services: {services}
"""


def messages_for(text: str, *, triage: bool) -> list[dict[str, str]]:
    """The conversation that asks for the labels of a report.

    Args:
        text: the report.
        triage: ask for priority and referrals, too.
    """
    listed = "\n".join(f"- {diagnosis.name}: {diagnosis.display}. {diagnosis.definition}" for diagnosis in DIAGNOSES)
    rules = _RULES + listed
    if triage:
        rules += _TRIAGE.format(
            levels="; ".join(f"{level.level}: {level.definition}" for level in PRIORITIES),
            services="; ".join(f"{service.name}: {service.scope}" for service in SERVICES),
        )
    return [{"role": "system", "content": rules}, {"role": "user", "content": f"<report>\n{text}\n</report>"}]


def response_format(*, triage: bool) -> dict[str, Any]:
    """The JSON schema that the answer must follow (OpenAI's structured output)."""
    finding = _object(
        diagnosis={"type": "string", "enum": list(DIAGNOSIS_NAMES)},
        assertion={"type": "string", "enum": list(_STANCES)},
        evidence={"type": "string"},
    )
    fields: dict[str, Any] = {"findings": {"type": "array", "items": finding}}
    if triage:
        fields["priority"] = {"type": "string", "enum": list(_LEVELS)}
        fields["referrals"] = {"type": "array", "items": {"type": "string", "enum": list(_SERVICES)}}
    schema = {"name": "labels", "strict": True, "schema": _object(**fields)}
    return {"type": "json_schema", "json_schema": schema}


def _object(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def read_answer(content: str, text: str, labeller: str, *, triage: bool) -> Labels | Failure:
    """The labels in an answer; a failure when it is not what was asked for.

    Evidence that does not stand in the report is left empty: the label is the model's word only.

    Example:
        >>> answer = '{"findings": [{"diagnosis": "structural_edema", "assertion": "absent", "evidence": "No edema"}]}'
        >>> read_answer(answer, "No edema.", "x", triage=False).public()
        {'structural_edema': {'assertion': 'absent', 'evidence': 'No edema'}}
    """
    try:
        answer = json.loads(content.strip().removeprefix("```json").removeprefix("```").removesuffix("```"))
    except (ValueError, RecursionError):
        return Failure(reason="malformed answer: not JSON")
    findings = answer.get("findings") if isinstance(answer, dict) else None
    if not isinstance(findings, list):
        return Failure(reason="malformed answer: no list of findings")
    mentions: list[Mention] = []
    for finding in findings:
        if not isinstance(finding, dict) or finding.get("diagnosis") not in DIAGNOSIS_NAMES:
            return Failure(reason="malformed answer: a finding that is none of the 52 diagnoses")
        stance = finding.get("assertion")
        if stance not in _STANCES:
            return Failure(reason="malformed answer: an assertion that is none of the five")
        start, end = _place(finding.get("evidence"), text)
        mentions += [Mention(name, stance, start, end) for name in with_consequences(finding["diagnosis"], stance)]
    best = strongest(mentions)
    labels = {
        name: Label(best[name].assertion, text[best[name].start : best[name].end], best[name].start, best[name].end)
        for name in DIAGNOSIS_NAMES
        if name in best
    }
    if not triage:
        return Labels(labels=labels, labeller=labeller, mentions=tuple(mentions))
    level, services = answer.get("priority"), answer.get("referrals")
    if level not in _LEVELS or not isinstance(services, list) or any(name not in _SERVICES for name in services):
        return Failure(reason="malformed answer: priority or referrals that do not exist")
    referrals = tuple(name for name in _SERVICES if name in services)
    return Labels(labels=labels, labeller=labeller, mentions=tuple(mentions), priority=level, referrals=referrals)


def _place(evidence: Any, text: str) -> tuple[int, int]:
    """Where the evidence stands in the report, whatever the spaces and case; (0, 0) when it does not."""
    words = evidence.split() if isinstance(evidence, str) else []
    found = re.search(r"\s+".join(map(re.escape, words)), text, re.IGNORECASE) if words else None
    return found.span() if found else (0, 0)
