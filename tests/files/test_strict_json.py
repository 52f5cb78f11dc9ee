"""JSON into dataclasses: round trip of every kind of field."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prima.errors import ReleaseError
from prima.files.strict_json import added, read_json, values_of


@dataclass(frozen=True, kw_only=True)
class Inner:
    number: int
    kind: Literal["a", "b"]


@dataclass(frozen=True, kw_only=True)
class Outer:
    flag: bool
    share: float
    text: str
    pair: tuple[int, float]
    inners: tuple[Inner, ...]
    maybe: Inner | None
    table: dict[str, Inner]
    anything: dict[str, Any]


inners = st.builds(Inner, number=st.integers(), kind=st.sampled_from(["a", "b"]))
finite = st.floats(allow_nan=False, allow_infinity=False)
outers = st.builds(
    Outer,
    flag=st.booleans(),
    share=finite,
    text=st.text(),
    pair=st.tuples(st.integers(), finite),
    inners=st.lists(inners, max_size=3).map(tuple),
    maybe=st.none() | inners,
    table=st.dictionaries(st.text(), inners, max_size=2),
    anything=st.dictionaries(st.text(), st.none() | st.integers() | st.lists(st.text()), max_size=2),
)


@given(outers)
def test_round_trip(outer: Outer) -> None:
    assert read_json(Outer, json.loads(json.dumps(asdict(outer))), "outer") == outer


def test_a_whole_number_is_a_number() -> None:
    values = {"flag": True, "share": 1, "text": "", "pair": [1, 2], "inners": [], "maybe": None, "table": {}}
    share = read_json(Outer, {**values, "anything": {}}, "outer").share
    assert share == 1.0 and isinstance(share, float)


@pytest.mark.parametrize("value", [None, [], "text", 3])
def test_what_is_no_table(value: Any) -> None:
    with pytest.raises(ReleaseError, match=r"outer: found .*, expected dict"):
        read_json(Outer, value, "outer")


@dataclass(frozen=True, kw_only=True)
class Grown:
    """A dataclass of which a field came later."""

    width: int
    inner: Inner | None
    mirrored: bool = added(False)


def test_a_field_that_came_later_may_be_absent_and_no_other() -> None:
    old = {"width": 3, "inner": None}
    grown = read_json(Grown, old, "grown")
    assert grown == Grown(width=3, inner=None)
    assert values_of(grown) == old
    told = {**old, "mirrored": True}
    assert values_of(read_json(Grown, told, "grown")) == told
    with pytest.raises(ReleaseError, match="missing or unknown fields \\(width\\)"):
        read_json(Grown, {"inner": None}, "grown")
    with pytest.raises(ReleaseError, match="missing or unknown fields \\(bent\\)"):
        read_json(Grown, {**old, "bent": 1}, "grown")


@given(outers)
def test_values_are_those_of_asdict_where_nothing_came_later(outer: Outer) -> None:
    assert json.dumps(values_of(outer)) == json.dumps(asdict(outer))
