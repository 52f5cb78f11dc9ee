"""Series names and character codes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prima.study import Affine, Series, Volume
from prima.tokens.text import CHARACTERS, CODE_END, NUM_CODES, encode_text, name_of, series_name


def test_the_codes_are_the_published_ones() -> None:
    assert CHARACTERS == "abcdefghijklmnopqrstuvwxyz_+-0123456789.*(),"
    assert encode_text(CHARACTERS) == [*range(1, 45), 46]


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("", [46]),
        (" ", [45, 46]),
        ("aZ", [1, 26, 46]),
        ("_+-0", [27, 28, 29, 30, 46]),
        ("9.*(),", [39, 40, 41, 42, 43, 44, 46]),
        ("é/脳\n", [45, 45, 45, 45, 46]),
    ],
)
def test_codes(text: str, codes: list[int]) -> None:
    assert encode_text(text) == codes


@given(st.text())
def test_any_text_is_codes_and_one_end(text: str) -> None:
    codes = encode_text(text)
    assert codes.count(CODE_END) == 1 and codes[-1] == CODE_END
    assert all(0 < code < NUM_CODES for code in codes)
    assert len(codes) == len(text.lower()) + 1


@pytest.mark.parametrize(
    ("description", "protocol", "name"),
    [
        ("AX T1", "AX T1", "AX_T1"),
        ("AX T1", "t1_se", "AX_T1-t1_se-Protocol"),
        ("AX/T1", "AX T1", "AX_T1"),
        ("AX T1", None, "AX_T1"),
        ("AX T1", "", "AX_T1"),
        (None, "t1 se", "t1_se-Protocol"),
        ("", "t1 se", "t1_se-Protocol"),
        (None, None, "UNK-1.2"),
        ("", "", "UNK-1.2"),
        ("T1+C", "T2*", "T1_plus_C-T2_star_-Protocol"),
        ("Schädel", None, "Sch_del"),
    ],
)
def test_series_names(description: str | None, protocol: str | None, name: str) -> None:
    assert series_name(description, protocol, "1.2") == name


def test_a_part_of_a_split_series_says_which() -> None:
    volume = Volume(voxels=np.zeros((1, 1, 1)), affine=Affine(np.eye(4)))
    assert name_of(Series(series_uid="1.2", description="DWI", volume=volume)) == "DWI"
    assert name_of(Series(series_uid="1.2", description="DWI", part="b1000", volume=volume)) == "DWI_b1000"
