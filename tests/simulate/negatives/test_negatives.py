"""Negatives: all kinds come, each follows from seed and number, files and memory agree, and what a reader does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prima.errors import UsageError
from prima.predict.sources import find_studies
from prima.simulate.negatives import SUBKINDS, Negative, PlannedNegative, make_negative, negatives, plan_negative
from prima.simulate.negatives.files import write_negative
from prima.simulate.negatives.planned import negative_table
from prima.simulate.negatives.study import MAKERS
from prima.simulate.scanner.scanners import Scanner
from prima.study import Reason, Study

SEED = 5


def planned(holds: Callable[[PlannedNegative], bool]) -> PlannedNegative:
    """The first negative of which something holds, cut to one MR series so that it is quick."""
    found = next(one for one in (plan_negative(SEED, index) for index in range(2000)) if holds(one))
    return found if found.kind == "ct" else replace(found, roles=found.roles[:1], words=found.words[:1])


def read(negative: Negative, folder: Path, *, keep_all: bool = False) -> Study:
    write_negative(negative, folder)
    (source,) = find_studies(folder, keep_all=keep_all).studies
    return source.read(workers=1)


def test_every_kind_and_every_label_comes_early() -> None:
    table = negative_table(SEED, 60)
    assert {*zip(table["kind"], table["subkind"], strict=True)} == {
        (kind, name) for kind, names in SUBKINDS.items() for name in names
    }
    assert set(table["labelled"]) == {"honest", "silent", "brain"}
    assert len(set(table["scanner"])) > 10
    assert len(set(table["study_uid"])) == 60
    assert {name for kind in ("body", "phantom", "fruit") for name in SUBKINDS[kind]} == set(MAKERS)


def test_a_negative_follows_from_seed_and_number_alone() -> None:
    _, one = negatives(SEED, 2)
    again = make_negative(plan_negative(SEED, 1)).study
    assert one.study_uid == again.study_uid
    for first, second in zip(one.series, again.series, strict=True):
        np.testing.assert_array_equal(first.volume.voxels, second.volume.voxels)
        np.testing.assert_array_equal(first.volume.affine, second.volume.affine)
    other = make_negative(replace(plan_negative(SEED, 1), seed=SEED + 1)).study
    assert other.study_uid != one.study_uid
    assert any(
        first.volume.voxels.shape != second.volume.voxels.shape
        or not np.array_equal(first.volume.voxels, second.volume.voxels)
        for first, second in zip(one.series, other.series, strict=True)
    )


@pytest.mark.parametrize("kind", ["body", "phantom", "fruit", "ct", "rescaled"])
def test_memory_and_files_hold_the_same(kind: str, tmp_path: Path) -> None:
    def wanted(one: PlannedNegative) -> bool:
        if kind == "rescaled":
            return isinstance(one.machine, Scanner) and one.machine.rescaled and one.kind == "fruit"
        return one.kind == kind

    negative = make_negative(planned(wanted))
    found = read(negative, tmp_path, keep_all=True)
    assert found.study_uid == negative.study.study_uid
    for one, other in zip(found.series, negative.study.series, strict=True):
        assert one.volume.voxels.dtype == other.volume.voxels.dtype
        np.testing.assert_array_equal(one.volume.voxels, other.volume.voxels)
        np.testing.assert_array_equal(one.volume.affine, other.volume.affine)
        assert one.acquisition == other.acquisition
        assert (one.description, one.instance_uids) == (other.description, other.instance_uids)


@pytest.mark.parametrize(
    ("kind", "labelled", "reason"),
    [
        ("ct", "honest", Reason.NOT_MR),
        ("body", "honest", Reason.NOT_BRAIN),
        ("phantom", "honest", Reason.NOT_BRAIN),
        ("body", "silent", None),
        ("body", "brain", None),
        ("phantom", "brain", None),
        ("fruit", "honest", None),
        ("noise", "brain", None),
        ("blank", "brain", Reason.UNREADABLE),
    ],
)
def test_what_selection_by_header_does_with_each(
    kind: str, labelled: str, reason: Reason | None, tmp_path: Path
) -> None:
    """What says that it is no brain is left out; what is silent or lies is read, and is the gate's to catch."""
    negative = make_negative(planned(lambda one: kind in (one.kind, one.subkind) and one.labelled == labelled))
    study = read(negative, tmp_path)
    assert len(study.series) + len(study.excluded) == len(negative.stacks)
    assert {excluded.reason for excluded in study.excluded} == (set() if reason is None else {reason})


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_a_thing_lies_in_the_picture_and_is_not_all_of_it(name: str) -> None:
    negative = make_negative(planned(lambda one: one.subkind == name))
    (stack,) = negative.stacks
    high = np.percentile(stack.stored, 99.5)
    inside = stack.stored[len(stack.stored) // 2] > 0.15 * high
    assert 0.01 < inside.mean() < 0.95


def test_computed_tomography_is_in_hounsfield_units() -> None:
    soft = make_negative(planned(lambda one: one.subkind == "head_ct")).study.series[0].volume.voxels
    depth, height, width = soft.shape
    middle = soft[depth // 2, height // 2 - 30 : height // 2 + 30, width // 2 - 30 : width // 2 + 30]
    assert 15 < np.median(middle) < 45
    assert np.percentile(soft, 99.5) > 700
    assert soft.min() < -950


def test_fewer_than_none_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="-1 negatives"):
        negatives(0, -1)
