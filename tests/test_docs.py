"""The documentation is complete: every verb, option, field and page stands in it, and every page can be found."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from prima.archive.cohort.inclusion import REASON_WORDS
from prima.archive.cohort.match import ReportOutcome
from prima.archive.stages.label import COLUMNS as LABEL_STAGE_COLUMNS
from prima.archive.stages.tokenize import COLUMNS, FAILURES
from prima.archive.store.outcome import IngestOutcome, ReportIngestOutcome
from prima.archive.store.schema import TABLES
from prima.cli.main import DONE, INTERRUPTED, NOTHING_DONE, USAGE, app
from prima.model.release.familiarity_record import FamiliarityRecord
from prima.model.release.manifest import FileRecord, HeadRecord, Manifest, PriorityRecord
from prima.predict.table_columns import FINDING, FIXED
from prima.simulate.negatives import NEGATIVE_COLUMNS, SUBKINDS
from prima.simulate.people.effects import BIAS_ATTRIBUTES
from prima.simulate.plan.describe import effects_of
from prima.simulate.plan.plan import make_plan
from prima.simulate.plan.truth import LABEL_COLUMNS, LESION_COLUMNS
from prima.study import Reason
from prima.study.ontology import DIAGNOSES, IMPLICATIONS, PRIORITIES, SERVICES, Diagnosis
from prima.study.triage import PACKAGED
from prima.tokens.contract import Contract

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def sections(text: str) -> dict[str, str]:
    """Text by second-level heading."""
    _, *parts = re.split(r"^## ", text, flags=re.MULTILINE)
    return {part.splitlines()[0]: part for part in parts}


def verbs() -> dict[str, Any]:
    """Verbs by the words that call them; those of a group have two."""
    command: Any = get_command(app)
    found = {}
    for name, verb in command.commands.items():
        group = getattr(verb, "commands", None)
        found.update({name: verb} if group is None else {f"{name} {inner}": one for inner, one in group.items()})
    return found


def options(verb: Any) -> set[str]:
    return {
        name for parameter in verb.params for name in (*parameter.opts, *parameter.secondary_opts) if name[0] == "-"
    }


@pytest.mark.parametrize("verb", sorted(verbs()))
def test_every_verb_and_option_is_documented(verb: str) -> None:
    text = sections(page("reference/cli.md"))[f"prima {verb}"]
    documented = set(re.findall(r"^\| `(--[a-z-]+)", text, flags=re.MULTILINE))
    known = options(verbs()[verb]) - {"--help", "-h"}
    assert documented == {name for name in known if name.startswith("--")}
    assert all(re.search(rf"`{name}[` ]", text) for name in known)
    metavars = [
        parameter.metavar for parameter in verbs()[verb].params if isinstance(parameter, typer.core.TyperArgument)
    ]
    assert not [name for name in metavars if name not in text]


def test_no_verb_is_documented_that_is_not_there() -> None:
    documented = {
        name.removeprefix("prima ") for name in sections(page("reference/cli.md")) if name.startswith("prima ")
    }
    assert documented == set(verbs())


@pytest.mark.parametrize("status", [DONE, 1, USAGE, NOTHING_DONE, INTERRUPTED])
def test_every_exit_status_is_documented(status: int) -> None:
    assert f"\n| {status} |" in sections(page("reference/cli.md"))["Exit status"]


def schema_fields(schema: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Dotted names; what lies in a list is named from the list on, and that is how the page has it."""
    for name, inner in schema.get("properties", {}).items():
        yield prefix + name
        yield from schema_fields(inner, f"{prefix}{name}.")
        yield from schema_fields(inner.get("items", {}))


def test_every_field_of_findings_is_documented() -> None:
    schema = json.loads(files("prima.study").joinpath("findings.schema.json").read_text("utf-8"))
    text = page("reference/findings.md")
    names = [
        *schema_fields(schema),
        *(name for inner in schema["$defs"].values() for name in schema_fields(inner)),
        *schema["properties"]["timings_s"]["required"],
    ]
    assert len(names) > 35
    assert not [
        name for name in names if f"`{name}`" not in text and not any(other.startswith(f"{name}.") for other in names)
    ]


@pytest.mark.parametrize("record", [Manifest, HeadRecord, PriorityRecord, FileRecord, Contract, FamiliarityRecord])
def test_every_field_of_a_release_is_documented(record: type) -> None:
    text = page("reference/release.md")
    assert not [field.name for field in fields(record) if f"`{field.name}`" not in text]


@pytest.mark.parametrize("reason", sorted(Reason))
def test_every_reason_is_documented(reason: Reason) -> None:
    assert f"`{reason.value}`" in page("reference/selection.md")


@pytest.mark.parametrize("diagnosis", DIAGNOSES, ids=lambda diagnosis: diagnosis.name)
def test_every_diagnosis_is_documented_as_it_is(diagnosis: Diagnosis) -> None:
    level, services = PACKAGED.by_diagnosis[diagnosis.name]
    refer = ", ".join(f"`{name}`" for name in services) or "–"
    row = f"| `{diagnosis.name}` | {diagnosis.display} | {diagnosis.definition} | {level} | {refer} |"
    assert f"\n{row}\n" in page("reference/ontology.md")


def test_services_priorities_and_rules_are_documented_as_they_are() -> None:
    text = page("reference/ontology.md")
    rows = [f"| `{service.name}` | {service.display} | {service.scope} |" for service in SERVICES]
    rows += [f"| `{level.level}` | {level.meaning} | {level.definition} |" for level in PRIORITIES]
    rows += [f"| {line.why} |" for line in PACKAGED.lines]
    rows += [f"{code.system} {code.code}" for row in DIAGNOSES for code in row.codes if code.reviewed]
    assert not [row for row in rows if row not in text]
    assert text.count("| always |") == sum(rule.when is None for rule in IMPLICATIONS)


def test_every_column_and_effect_of_the_simulated_truth_is_documented() -> None:
    text = page("reference/health-system.md")
    columns = [f"| `{name}` | {words} |" for name, words in (LABEL_COLUMNS | LESION_COLUMNS | NEGATIVE_COLUMNS).items()]
    effects = [f"| {name} | {words} |" for name, words in effects_of(make_plan(num_studies=1))]
    assert not [row for row in (*columns, *effects) if f"\n{row}\n" not in text]
    assert not [name for names in SUBKINDS.values() for name in names if name.split("_")[0] not in text]
    assert not [name for name in BIAS_ATTRIBUTES if f"`{name}`" not in text]


def test_every_column_and_outcome_of_the_archive_is_documented() -> None:
    text = page("reference/archive.md")
    columns = [
        f"| `{column.name}` | {column.kind} | {column.meaning} |"
        for table in TABLES.values()
        for column in table.columns
    ]
    columns += [f"| {words} |" for _, words in LABEL_STAGE_COLUMNS.values()]
    outcomes = [f"| `{outcome.value}` | {outcome.words} |" for outcome in (*IngestOutcome, *ReportIngestOutcome)]
    assert not [row for row in (*columns, *outcomes) if f"{row}\n" not in text]
    assert not [name for name in (*ReportOutcome, *REASON_WORDS) if f"`{name}` | " not in text]


def test_every_column_and_failure_of_the_tokens_is_documented() -> None:
    text = page("reference/tokens.md")
    rows = [f"| `{name}` | {words} |" for name, words in FAILURES.items()]
    rows += [f"| `{name}` | {words} |" for name, (_, words) in COLUMNS.items()]
    assert not [row for row in rows if f"\n{row}\n" not in text]


def test_every_column_of_the_predictions_is_documented() -> None:
    text = page("reference/cli.md")
    ends = [*(f"`NAME{suffix}`" for suffix in FINDING), *(f"`{name}`" for name in FIXED if "_low" not in name)]
    assert not [name for name in ends if name not in text and not re.match("`priority_(low|medium)", name)]


def test_the_costs_are_those_that_the_script_works_out() -> None:
    script = ROOT / "benchmarks" / "cost_of_um_220k.py"
    printed = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True).stdout
    text = page("explanation/cost-of-um-220k.md")
    assert printed.count("\n|") > 20
    assert all(table in text for table in printed.strip().split("\n\n"))


def test_every_room_is_documented() -> None:
    rooms = {path.parent.name for path in (ROOT / "src" / "prima").glob("*/__init__.py")}
    text = page("explanation/architecture.md")
    assert not [room for room in rooms if f"| `{room}` |" not in text]


def test_every_extra_is_on_the_install_page() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = set(project["optional-dependencies"]) - {"dev", "docs"}
    assert set(re.findall(r"^\| `([a-z]+)` \|", page("how-to/install.md"), flags=re.MULTILINE)) == extras
    everything = ",".join(sorted(extras - {"all"}))
    assert project["optional-dependencies"]["all"] == [f"openprima[{everything}]"]


def test_the_citation_is_of_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert f"version: {project['version']}" in lines
    assert f"license: {project['license']}" in lines


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("nav:", 1)[1]
    assert not [path for path in DOCS.rglob("*.md") if str(path.relative_to(DOCS)) not in navigation]


def test_the_links_of_the_front_pages_lead_somewhere() -> None:
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"):
        targets = re.findall(r"\]\(([^)#]+)", (ROOT / name).read_text(encoding="utf-8"))
        assert not [target for target in targets if not target.startswith("https://") and not (ROOT / target).exists()]
