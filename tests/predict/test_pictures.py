import io
import itertools
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from prima.predict.pictures import LONGEST_SIDE, make_pictures
from prima.simulate.phantom.scan import PhantomScan, acquire
from prima.study import Affine, Series, Volume


def grey(picture):
    image = Image.open(io.BytesIO(picture.png))
    assert image.mode == "L"
    assert image.format == "PNG"
    assert image.size == (picture.width, picture.height)
    return np.asarray(image, np.float64)


def volume_with_marks():
    """[z, y, x] in LPS: a grey head; bright at the left, brighter at the front, brightest at the top."""
    voxels = np.zeros((40, 50, 60), np.int16)
    voxels[4:36, 5:45, 6:54] = 300
    voxels[16:24, 20:30, 44:52] = 700  # left
    voxels[16:24, 6:14, 26:34] = 800  # anterior
    voxels[28:35, 20:30, 26:34] = 900  # head
    affine = np.eye(4)
    affine[:3, :3] = np.diag([2.0, 2.4, 3.0])[:, [2, 1, 0]]
    affine[:3, :3] = np.array([[0, 0, 2.0], [0, 2.4, 0], [3.0, 0, 0]])
    return voxels, affine


def stored_as(voxels, affine, order, flips):
    """The same patient, stored with other array axes."""
    moved = voxels.transpose(order)
    columns = affine[:, [*order, 3]].copy()
    for axis, flip in enumerate(flips):
        if flip:
            moved = np.flip(moved, axis)
            columns[:, 3] += columns[:, axis] * (moved.shape[axis] - 1)
            columns[:, axis] *= -1
    return Series(series_uid="1.2", volume=Volume(voxels=np.ascontiguousarray(moved), affine=Affine(columns)))


STORAGES = list(itertools.product(itertools.permutations(range(3)), itertools.product((False, True), repeat=3)))


@pytest.mark.parametrize(("order", "flips"), STORAGES)
def test_left_is_left_whatever_the_storage_order(order, flips):
    voxels, affine = volume_with_marks()
    pictures = make_pictures(stored_as(voxels, affine, order, flips))
    expected = make_pictures(stored_as(voxels, affine, (0, 1, 2), (False, False, False)))
    for plane in ("axial", "coronal", "sagittal"):
        one, other = grey(getattr(pictures, plane)), grey(getattr(expected, plane))
        assert one.shape == other.shape
        assert np.abs(one - other).mean() < 6  # an even size may put the centre one voxel further

    def halves(image, axis):
        first, second = np.array_split(image, 2, axis=axis)
        return first.max(), second.max()

    axial, coronal, sagittal = (grey(getattr(pictures, plane)) for plane in ("axial", "coronal", "sagittal"))
    assert halves(axial[axial.shape[0] // 3 : -axial.shape[0] // 3], 1)[1] > 150  # left of the patient: right half
    assert axial[:, : axial.shape[1] // 3].max() < 150
    assert axial[: axial.shape[0] // 3].max() > 200 > axial[-axial.shape[0] // 3 :].max() + 30  # the front is up
    assert coronal[: coronal.shape[0] // 3].max() > 240  # the head is up
    assert coronal[-coronal.shape[0] // 3 :].max() < 150
    assert coronal[:, : coronal.shape[1] // 3].max() < 150 < coronal[:, -coronal.shape[1] // 3 :].max()
    assert sagittal[:, : sagittal.shape[1] // 3].max() > 200  # the front is on the left
    assert sagittal[:, -sagittal.shape[1] // 3 :].max() < 150


def test_letters():
    pictures = make_pictures(stored_as(*volume_with_marks(), (0, 1, 2), (False, False, False)))
    letters = {
        plane: "".join(getattr(getattr(pictures, plane), edge) for edge in ("left", "right", "top", "bottom"))
        for plane in ("axial", "coronal", "sagittal")
    }
    assert letters == {"axial": "RLAP", "coronal": "RLSI", "sagittal": "APSI"}
    assert pictures.acquired == "axial"


def test_aspect_is_that_of_the_patient():
    pictures = make_pictures(stored_as(*volume_with_marks(), (0, 1, 2), (False, False, False)))
    x_mm, y_mm, z_mm = 60 * 2.0, 50 * 2.4, 40 * 3.0
    for picture, across, down in (
        (pictures.axial, x_mm, y_mm),
        (pictures.coronal, x_mm, z_mm),
        (pictures.sagittal, y_mm, z_mm),
    ):
        assert max(picture.width, picture.height) == LONGEST_SIDE
        assert picture.width / picture.height == pytest.approx(across / down, rel=0.01)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_the_phantoms_lesion_is_on_the_right_of_the_picture(plane):
    sides = []
    for lesion in (True, False):
        scan = PhantomScan(plane=plane, shape=(48, 128, 128), spacing_mm=(4.0, 1.9, 1.9), tilt_deg=-9, contrast="FLAIR")
        voxels = acquire(scan, lesion=lesion, seed=0, noise_seed=1)
        pictures = make_pictures(Series(series_uid="1", volume=Volume(voxels=voxels, affine=scan.affine)))
        image = grey(pictures.coronal)
        third = image.shape[1] // 3
        sides.append(np.array([image[:, :third].mean(), image[:, -third:].mean()]))
    change = sides[0] - sides[1]
    assert change[1] > change[0]


@pytest.mark.parametrize("value", [0, 7, -3.5, np.nan])
def test_flat_and_empty_volumes(value):
    voxels = np.full((5, 6, 7), value, np.float32)
    pictures = make_pictures(Series(series_uid="1", volume=Volume(voxels=voxels, affine=Affine(np.eye(4)))))
    assert len(np.unique(grey(pictures.axial))) == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32, np.float64])
def test_types_and_offsets(dtype):
    voxels, affine = volume_with_marks()
    plain = make_pictures(stored_as(voxels // 4, affine, (0, 1, 2), (False,) * 3))
    cast = make_pictures(stored_as((voxels // 4).astype(dtype), affine, (0, 1, 2), (False,) * 3))
    np.testing.assert_allclose(grey(plain.axial), grey(cast.axial), atol=1)


def test_a_page_needs_no_second_copy_of_the_volume():
    """Only the slices that are shown are turned into pictures."""
    voxels = np.random.default_rng(0).integers(0, 900, (176, 256, 256)).astype(np.int16)
    series = Series(series_uid="1", volume=Volume(voxels=voxels, affine=Affine(np.eye(4))))
    make_pictures(series)
    tracemalloc.start()
    make_pictures(series)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < voxels.nbytes


def test_the_strip_holds_every_slice_of_the_acquired_plane(examples) -> None:
    for pictures in examples.phantom_pictures().values():
        strip, picture = pictures.strip, pictures.picture
        grid = np.asarray(Image.open(io.BytesIO(strip.jpeg)), dtype=np.float32)
        assert grid.shape == (strip.rows * strip.height, strip.columns * strip.width)
        row, column = divmod(strip.middle, strip.columns)
        shown = grid[row * strip.height : (row + 1) * strip.height, column * strip.width : (column + 1) * strip.width]
        drawn = Image.open(io.BytesIO(picture.png)).resize((strip.width, strip.height), Image.Resampling.BICUBIC)
        assert np.corrcoef(shown.ravel(), np.asarray(drawn, dtype=np.float32).ravel())[0, 1] > 0.98
