"""The contract as a value: round trip, and refusal of anything half understood."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prima.errors import ReleaseError
from prima.tokens.contract import PUBLISHED, Contract

contracts = st.builds(
    Contract,
    in_plane_size=st.integers(1, 1024),
    resampling=st.sampled_from(["itk", "separable"]),
    fill=st.sampled_from(["pixel_type_id", "zero"]),
    truncate_integers=st.booleans(),
    patch_slices=st.integers(1, 8),
    patch_in_plane=st.integers(1, 64),
    encoder_slices=st.just(840),
    foreground_level=st.floats(0, 1e4),
    low_foreground_level=st.floats(0, 1e4),
    low_maximum=st.floats(0, 1e4),
    foreground_percent=st.integers(0, 100),
    min_tokens=st.integers(0, 1000),
    position_dims=st.integers(1, 20).map(lambda half: 2 * half),
)


@given(contracts)
def test_json_gives_the_same_contract_back(contract: Contract) -> None:
    assert Contract.from_json(json.loads(json.dumps(contract.to_json()))) == contract


@pytest.mark.parametrize("name", [field.name for field in fields(Contract)])
def test_every_key_is_needed(name: str) -> None:
    values = PUBLISHED.to_json()
    del values[name]
    with pytest.raises(ReleaseError, match=rf"contract: found missing or unknown fields \({name}\)"):
        Contract.from_json(values)


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ReleaseError, match=r"\(percentile\)"):
        Contract.from_json({**PUBLISHED.to_json(), "percentile": 99})


def test_slices_that_cannot_be_duplicated_whole_are_refused() -> None:
    with pytest.raises(ReleaseError, match="expected a multiple"):
        replace(PUBLISHED, encoder_slices=6)


@pytest.mark.parametrize(
    ("plane", "patch", "encoder"),
    [
        ("axial", (4, 32, 32), (8, 32, 32)),
        ("coronal", (32, 4, 32), (32, 8, 32)),
        ("sagittal", (32, 32, 4), (32, 32, 8)),
    ],
)
def test_shapes_by_plane(plane: str, patch: tuple[int, ...], encoder: tuple[int, ...]) -> None:
    assert PUBLISHED.patch_shape(plane) == patch
    assert PUBLISHED.encoder_shape(plane) == encoder
