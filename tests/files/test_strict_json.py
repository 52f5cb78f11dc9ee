"""JSON into dataclasses: round trip of every kind of field."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prima.errors import ReleaseError
from prima.files.strict_json import read_json


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
