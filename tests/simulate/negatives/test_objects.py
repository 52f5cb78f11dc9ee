"""Objects of no kind: they follow from their stream, lie in the grid, and differ."""

from __future__ import annotations

import numpy as np

from prima.simulate.geometry.streams import stream
from prima.simulate.negatives.objects import random_object


def test_objects_follow_from_their_stream_and_differ() -> None:
    objects = [random_object(stream(3, number)).voxels for number in range(4)]
    np.testing.assert_array_equal(objects[0], random_object(stream(3, 0)).voxels)
    for voxels in objects:
        assert np.isfinite(voxels).all()
        assert voxels.min() >= 0
        bright = voxels > 0.5 * voxels.max()
        assert 0 < bright.mean() < 0.6
    assert all((objects[0] != other).any() for other in objects[1:])
