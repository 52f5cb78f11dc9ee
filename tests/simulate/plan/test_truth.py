"""The truth tables: a row per study, a row per lesion, and the same again from Parquet."""

from __future__ import annotations

import sys

import pytest

from prima.errors import MissingDependencyError
from prima.simulate.plan.cases import cases
from prima.simulate.plan.plan import make_plan
from prima.simulate.plan.truth import LABEL_COLUMNS, LESION_COLUMNS, tables_of, truth_tables, write_parquet, write_truth
from prima.study.ontology import DIAGNOSIS_NAMES, SERVICES


@pytest.fixture(scope="module")
def plan():
    return make_plan(num_studies=250, seed=4)


@pytest.fixture(scope="module")
def tables(plan):
    return truth_tables(plan)


def test_columns(tables):
    referrals = [f"referral_{service.name}" for service in SERVICES]
    assert list(tables.labels) == [*LABEL_COLUMNS, *DIAGNOSIS_NAMES, *referrals]
    assert {len(values) for values in tables.labels.values()} == {250}
    assert list(tables.lesions) == list(LESION_COLUMNS)


def test_rows_say_what_the_cases_say(plan, tables):
    for row, case in enumerate(cases(plan)):
        assert tables.labels["study_uid"][row] == case.study_uid
        assert {name for name in DIAGNOSIS_NAMES if tables.labels[name][row]} == set(case.labels)
        sent = {service.name for service in SERVICES if tables.labels[f"referral_{service.name}"][row]}
        assert sent == set(case.referrals)
        assert tables.labels["priority"][row] == case.priority
        assert tables.labels["normal"][row] == (not case.labels)
        lesions = [i for i, uid in enumerate(tables.lesions["study_uid"]) if uid == case.study_uid]
        assert [tables.lesions["diagnosis"][i] for i in lesions] == [lesion.diagnosis for lesion in case.lesions]


def test_priors_are_named_even_when_only_a_part_is_asked_for(plan, tables):
    made = list(cases(plan))
    late = [case for case in made if case.prior_index is not None][-3:]
    part = tables_of(late, prior_uid=lambda index: made[index].study_uid)
    assert part.labels["prior_study_uid"] == [made[case.prior_index].study_uid for case in late]
    assert None in tables.labels["prior_study_uid"]


def test_parquet_holds_the_same(plan, tables, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    write_truth(plan, tmp_path / "truth")
    assert sorted(path.name for path in (tmp_path / "truth").iterdir()) == ["labels.parquet", "lesions.parquet"]
    labels = parquet.read_table(tmp_path / "truth" / "labels.parquet")
    assert labels.to_pydict() == tables.labels
    assert {str(labels.schema.field(name).type) for name in DIAGNOSIS_NAMES} == {"bool"}
    assert parquet.read_table(tmp_path / "truth" / "lesions.parquet").to_pydict() == tables.lesions


def test_empty_tables_keep_their_types(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    write_truth(make_plan(num_studies=3, normal=True), tmp_path)
    schema = parquet.read_schema(tmp_path / "lesions.parquet")
    assert [str(schema.field(name).type) for name in ("diagnosis", "size_mm", "stage")] == [
        "string",
        "double",
        "string",
    ]


def test_without_pyarrow_the_line_that_installs_it_is_said(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'openprima\[simulate\]'"):
        write_parquet({"a": [1]}, tmp_path / "a.parquet")
    assert not list(tmp_path.iterdir())
