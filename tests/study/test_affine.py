"""The affine's arithmetic against its matrix, whatever the geometry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prima.study import Affine

ANGLES = st.tuples(*[st.floats(-3.1, 3.1)] * 3)
SPACING = st.tuples(*[st.floats(0.2, 8.0)] * 3)
ORIGIN = st.tuples(*[st.floats(-300.0, 300.0)] * 3)


def rotation(angles: tuple[float, float, float]) -> np.ndarray:
    result = np.eye(3)
    for axis, angle in enumerate(angles):
        turn, (a, b) = np.eye(3), [(1, 2), (0, 2), (0, 1)][axis]
        turn[[a, b, a, b], [a, b, b, a]] = [np.cos(angle), np.cos(angle), -np.sin(angle), np.sin(angle)]
        result = result @ turn
    return result


@given(angles=ANGLES, spacing=SPACING, origin=ORIGIN)
def test_there_and_back(angles, spacing, origin) -> None:
    affine = Affine.of_parts(origin, rotation(angles), spacing)
    points = np.random.default_rng(0).uniform(-50, 50, (7, 3))
    np.testing.assert_allclose(affine.inverse().apply(affine.apply(points)), points, atol=1e-9)
    np.testing.assert_allclose((affine @ affine.inverse()).matrix, np.eye(4), atol=1e-9)
    np.testing.assert_allclose(affine.spacing_mm, spacing, rtol=1e-12)
    np.testing.assert_allclose(Affine.from_ras(affine.to_ras()).matrix, affine.matrix)
    assert affine.parts.spacing_mm.tolist() == list(spacing)
    assert sorted(affine.patient_axes().tolist()) == [0, 1, 2]


@given(angles=ANGLES, spacing=SPACING, origin=ORIGIN)
def test_what_happens_to_an_array_happens_to_its_affine(angles, spacing, origin) -> None:
    affine = Affine.of_parts(origin, rotation(angles), spacing)
    shape = (3, 4, 5)
    places = affine.apply(np.moveaxis(np.indices(shape), 0, -1))
    flipped = affine.flipped(1, 4).apply(np.moveaxis(np.indices(shape), 0, -1))
    np.testing.assert_allclose(flipped, places[:, ::-1], atol=1e-9)
    turned = affine.reordered((2, 0, 1)).apply(np.moveaxis(np.indices((5, 3, 4)), 0, -1))
    np.testing.assert_allclose(turned, places.transpose(2, 0, 1, 3), atol=1e-9)
    cut = affine.starting_at((1, 2, 3)).apply(np.moveaxis(np.indices((2, 2, 2)), 0, -1))
    np.testing.assert_allclose(cut, places[1:3, 2:4, 3:5], atol=1e-9)
    every_other = affine.scaled((1, 2, 1)).apply(np.moveaxis(np.indices((3, 2, 5)), 0, -1))
    np.testing.assert_allclose(every_other, places[:, ::2], atol=1e-9)
    np.testing.assert_allclose(affine.moved(2, 1.5).origin_mm, (places[0, 0, 1] + places[0, 0, 2]) / 2, atol=1e-9)


@pytest.mark.parametrize(
    ("matrix", "orientation"),
    [
        (np.diag([-1.0, -1.0, 1.0, 1.0]), "RAS"),
        (np.eye(4), "LPS"),
        (np.diag([5.0, -1.0, 1.0, 1.0])[[2, 1, 0, 3]], "SAL"),
    ],
)
def test_orientation_codes(matrix: np.ndarray, orientation: str) -> None:
    assert Affine(matrix).orientation == orientation


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (np.eye(3), "expected (4, 4)"),
        (np.full((4, 4), np.nan), "not finite"),
        (np.zeros((4, 4)), "cannot be inverted"),
    ],
)
def test_what_is_no_affine(matrix: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match="affine: found") as caught:
        Affine(matrix)
    assert words in str(caught.value)


def test_an_affine_cannot_be_written_to() -> None:
    matrix = np.eye(4)
    affine = Affine(matrix)
    matrix[0, 3] = 7
    assert affine.origin_mm.tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="read-only"):
        affine.matrix[0, 3] = 7
    writable = np.array(affine)
    writable[0, 3] = 7
    assert affine.origin_mm.tolist() == [0, 0, 0]
