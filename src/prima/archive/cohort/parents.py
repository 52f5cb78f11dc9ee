"""Which report an addendum adds to, by the numbers that carriers state of both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

_LONGEST_CHAIN = 16


@dataclass(frozen=True)
class _Paired:
    """A report that is held against a study, and the numbers that it is known by, without their kinds."""

    report_id: str
    study: str
    patient: str | None
    refused: str | None
    numbers: frozenset[str]
    kinds: frozenset[str]
    adds_to: tuple[tuple[str, str], ...]


def parents_of(pairs: pl.LazyFrame) -> pl.LazyFrame:
    """What the addenda among reports add to, where numbers tell.

    A stated parent decides. An addendum that states none, but an order that some and not all reports of its study have,
    adds to those. A report that states no number of the kind of the parent's might be the parent: then nothing is told.
    An addendum to an addendum adds to what that adds to.

    Args:
        pairs: report_id, study (null where it is held against none), patient, report_status, refused, numbers, adds_to
            and accession of every report.

    Returns:
        A row per addendum that numbers decide: report_id, parent_study (the study of its parent), parents (a list of
        report_id; empty where the parent that it states was never seen).
    """
    columns = ("report_id", "study", "patient", "report_status", "refused", "numbers", "adds_to", "accession")
    is_addendum = pl.col("report_status") == "addendum"
    rows = pairs.select(columns)
    addenda = rows.filter(is_addendum).collect(engine="streaming")
    schema = {"report_id": pl.String(), "parent_study": pl.String(), "parents": pl.List(pl.String())}
    if addenda.is_empty():
        return pl.LazyFrame(schema=schema)
    reports = rows.filter(pl.col("study").is_not_null() & ~is_addendum & _is_referred(addenda))
    found = _Parents([*map(_paired, reports.collect(engine="streaming").iter_rows(named=True))])
    decided = found.of_all([*map(_paired, addenda.iter_rows(named=True))])
    return pl.LazyFrame(decided, schema=schema, orient="row")


def _is_referred(addenda: pl.DataFrame) -> pl.Expr:
    """Reports that an addendum may mean: of its study, or by a number that it states."""
    stated = [number for lines in addenda["adds_to"] for _, number in _numbers(lines)]
    in_study = pl.col("study").is_in(addenda["study"].drop_nulls().implode())
    lines = pl.col("numbers").str.split("\n").list.eval(pl.element().str.replace(r"^\w+ ", "")).fill_null([])
    by_number = lines.list.set_intersection(pl.lit(stated, pl.List(pl.String()))).list.len() > 0
    return in_study | by_number | pl.col("accession").is_in(stated)


class _Parents:
    """Reports by study and by number."""

    def __init__(self, reports: Iterable[_Paired]) -> None:
        self._of_study: dict[str, list[_Paired]] = defaultdict(list)
        self._of_number: dict[str, list[_Paired]] = defaultdict(list)
        self._addenda: dict[str, list[_Paired]] = defaultdict(list)
        for report in reports:
            self._of_study[report.study].append(report)
            for number in report.numbers:
                self._of_number[number].append(report)

    def of_all(self, addenda: Iterable[_Paired]) -> list[tuple[str, str | None, list[str]]]:
        """The decided ones: report_id, study of the parent, parents."""
        addenda = list(addenda)
        for addendum in addenda:
            for number in addendum.numbers:
                self._addenda[number].append(addendum)
        found = []
        for addendum in addenda:
            parents = self._stated(addendum) if addendum.adds_to else self._by_order(addendum)
            if parents is not None:
                studies = {parent.study for parent in parents}
                found.append((addendum.report_id, min(studies, default=None), [each.report_id for each in parents]))
        return found

    def _stated(self, addendum: _Paired) -> list[_Paired] | None:
        numbers = self._roots(addendum)
        parents = {
            parent.report_id: parent
            for number in sorted(numbers)
            for parent in self._of_number.get(number, ())
            if None in (parent.patient, addendum.patient) or parent.patient == addendum.patient
        }
        in_reach = [parent for parent in parents.values() if addendum.study in ("", parent.study)]
        if in_reach:
            return in_reach if len({parent.study for parent in in_reach}) == 1 else None
        kinds = {kind for kind, _ in addendum.adds_to}
        in_study = self._of_study.get(addendum.study, ()) if addendum.study else ()
        might_be = any(parent.refused is None and not kinds & parent.kinds for parent in in_study)
        return None if might_be else []

    def _roots(self, addendum: _Paired) -> set[str]:
        """The numbers that an addendum states, and those that addenda state which they are of."""
        numbers = {number for _, number in addendum.adds_to}
        reached = set(numbers)
        for _ in range(_LONGEST_CHAIN):
            further = {
                number
                for stated in reached
                for parent in self._addenda.get(stated, ())
                if parent is not addendum
                for _, number in parent.adds_to
            } - numbers
            if not further:
                break
            numbers |= further
            reached = further
        return numbers

    def _by_order(self, addendum: _Paired) -> list[_Paired] | None:
        """Reports of the study that share an order with an addendum, where others of them have other ones."""
        reports = [report for report in self._of_study.get(addendum.study, ()) if report.refused is None]
        sharing = [report for report in reports if report.numbers & addendum.numbers]
        apart = [report for report in reports if "order" in report.kinds and report not in sharing]
        return sharing if sharing and apart else None


def _paired(row: Mapping[str, Any]) -> _Paired:
    numbers = _numbers(row["numbers"])
    known = {number for _, number in numbers}
    is_addendum = row["report_status"] == "addendum"
    if row["accession"] and not is_addendum:
        known.add(row["accession"])
    return _Paired(
        report_id=row["report_id"],
        study=row["study"] or "",
        patient=row["patient"],
        refused=row["refused"],
        numbers=frozenset(known),
        kinds=frozenset(kind for kind, _ in numbers),
        adds_to=tuple(_numbers(row["adds_to"])),
    )


def _numbers(lines: str | None) -> list[tuple[str, str]]:
    found = (line.partition(" ") for line in (lines or "").split("\n"))
    return [(kind, number) for kind, _, number in found if number]
