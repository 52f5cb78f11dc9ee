"""What makes a simulated head look like one: texture, coils, folds, outline, fat. Each against an answer of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from prima.simulate.anatomy.build_head import build_head
from prima.simulate.anatomy.drawing import Drawing
from prima.simulate.anatomy.folds import distance_to_sulcus, where_folded
from prima.simulate.anatomy.shape import Shape
from prima.simulate.anatomy.texture import Texture
from prima.simulate.geometry.grid import Grid
from prima.simulate.geometry.stack_geometry import stack_affine
from prima.simulate.geometry.streams import stream
from prima.simulate.scanner.acquire import T2_SPREAD, HeadScan
from prima.simulate.scanner.artefacts import sharpen
from prima.simulate.scanner.coils import MIDDLE_MM, RADIUS_MM, receive
from prima.simulate.scanner.physics import ECHO_PLANAR_FAT, GRADIENT_ECHO_FAT, Sequence, signal
from prima.simulate.scanner.planned import plan_study
from prima.simulate.scanner.scanners import SCANNERS
from prima.simulate.scanner.tissues import TISSUE

T2 = Sequence(kind="spin_echo", tr_ms=5000, te_ms=100, echo_train=15)


def test_texture_is_even_on_average_and_runs_on_from_slice_to_slice():
    texture = Texture(Grid.of_head(1.0), stream(1), "cpu").whole()
    assert abs(float(texture.mean())) < 0.03
    assert float(texture.std()) == pytest.approx(1, abs=0.05)
    for axis in range(3):
        near = [texture.narrow(axis, first, texture.shape[axis] - 1).flatten() for first in (0, 1)]
        far = [texture.narrow(axis, first, texture.shape[axis] - 25).flatten() for first in (0, 25)]
        assert float(torch.corrcoef(torch.stack(near))[0, 1]) > 0.6  # 0 when drawn anew
        assert abs(float(torch.corrcoef(torch.stack(far))[0, 1])) < 0.15


def test_a_coarser_grid_reads_the_same_texture():
    fine, coarse = (Texture(Grid.of_head(spacing), stream(1), "cpu").whole() for spacing in (1.0, 2.0))
    assert torch.equal(fine[::2, ::2, ::2], coarse)
    assert not torch.equal(coarse, Texture(Grid.of_head(2.0), stream(2), "cpu").whole())


def test_unevenness_of_t2_shows_as_the_echo_time_has_it(make_case):
    case = make_case(scanner="prisma_1")
    acquisition = HeadScan(build_head(case, spacing_mm=4), plan_study(case))
    fractions = acquisition.head.fractions
    sure = acquisition.head.fraction("wm") > 0.3
    texture = Texture(acquisition.head.grid, stream(case.person.seed, "unevenness"), "cpu").whole()
    for te_ms in (50.0, 100.0):
        sequence = replace(T2, te_ms=te_ms)
        even = sum(
            signal(sequence, tissue, 3.0) * part for tissue, part in zip(TISSUE.values(), fractions, strict=True)
        )
        found = (acquisition.contrast(sequence) / even - 1)[sure] / texture[sure].where(texture[sure].abs() > 0.2, 1)
        expected = T2_SPREAD * te_ms / TISSUE["wm"].t2_at(3.0)
        assert float(found[texture[sure].abs() > 0.2].median()) == pytest.approx(expected, rel=1e-3)
    short = Sequence(kind="mprage", tr_ms=2300, te_ms=2.6, ti_ms=900, flip_deg=9, echo_train=176)
    even = sum(signal(short, tissue, 3.0) * part for tissue, part in zip(TISSUE.values(), fractions, strict=True))
    torch.testing.assert_close(acquisition.contrast(short), even, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_coils_see_half_where_they_end_and_more_at_the_surface(plane):
    shape = (41, 41, 41)
    image = torch.ones(shape)
    affine = stack_affine(plane, shape, (5.0, 5.0, 5.0), (0.0, 15.0, -25.0))
    receive(image, affine, end_mm=-104.0, surface=0.3)

    def at(x, y, z):
        index = np.rint(np.linalg.inv(affine) @ [x, y, z, 1])[:3].astype(int)
        return float(image[tuple(index)])

    x, y, _ = MIDDLE_MM
    assert at(x, y, 0) == pytest.approx(1, abs=0.01)
    assert at(x, y, -105) == pytest.approx(0.5, abs=0.05)
    assert at(x, y, -125) < 0.2
    side = 70.0
    assert at(x + side, y, 0) == pytest.approx(1 + 0.3 * (side / RADIUS_MM[0]) ** 2, abs=0.01)
    assert at(x - side, y, 0) == pytest.approx(at(x + side, y, 0), abs=1e-4)
    assert at(x, y + 90, 0) == pytest.approx(1 + 0.3 * (90 / RADIUS_MM[1]) ** 2, abs=0.01)


def test_sulci_stand_upright_and_at_the_distance_of_gyri(make_case):
    shape = Shape.of_case(make_case(), spacing_mm=2)
    shape.freeze()
    lattice = shape.lattice
    folds = distance_to_sulcus(shape, stream(5))
    cavity = lattice.at(shape.template.lattice.at(shape.template.cavity, shape.outer), lattice.points())[0]
    depth, _ = where_folded(shape, cavity, stream(6))
    x, y = torch.meshgrid(torch.arange(-60.0, 61, 2), torch.arange(-60.0, 91, 2), indexing="ij")
    top, below = (torch.stack((x, y, torch.full_like(x, z))) for z in (58.0, 50.0))
    folded = (lattice.at(depth[None], top)[0] > 0.8) & (lattice.at(depth[None], below)[0] > 0.8) & (x.abs() > 12)
    both = torch.stack([lattice.at(folds[None], points)[0][folded].clamp(-4, 4) for points in (top, below)])
    assert float(torch.corrcoef(both)[0, 1]) > 0.6
    signs = lattice.at(folds[None], top)[0].sign()
    crossings = ((signs[1:] != signs[:-1]) & folded[1:] & folded[:-1]).sum() / folded[1:].sum()
    chord = 2.0 / float(crossings)  # mm along x; a straight line meets lines of all directions pi/2 times as rarely
    assert 10 < chord / (np.pi / 2) < 15
    assert float(depth[(cavity > -60) & (cavity < -40)].max()) < 0.95
    assert float(depth[cavity < -45][shape.inner[0][cavity < -45].abs() > 18].max()) < 0.05


@pytest.mark.parametrize("seed", range(4))
def test_heads_are_convex_above_the_eyes(make_case, seed):
    case = make_case(index=seed)
    head = build_head(case, spacing_mm=2)
    for z in (20.0, 40.0):
        inside = head.fraction("air")[round((z - head.grid.origin_mm[0]) / 2)] < 0.5
        rows, columns = (part.tolist() for part in torch.nonzero(inside, as_tuple=True))
        outline = convex_hull(sorted(zip(rows, columns, strict=True)))
        filled = int(inside.sum()) - perimeter(outline) / 2  # pixels have a width, corners do not
        assert filled / area(outline) > 0.975


def convex_hull(points):
    """Corners in order; Andrew's monotone chain."""

    def half(ordered):
        chain = []
        for point in ordered:
            while len(chain) > 1 and turn(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
        return chain[:-1]

    def turn(a, b, c):
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    return half(points) + half(points[::-1])


def area(corners):
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(corners, corners[1:] + corners[:1], strict=True))) / 2


def perimeter(corners):
    return sum(np.hypot(a[0] - b[0], a[1] - b[1]) for a, b in zip(corners, corners[1:] + corners[:1], strict=True))


def test_gradient_echoes_and_echo_planar_images_lose_lipid():
    fat = TISSUE["fat"]
    water = replace(fat, fat_share=0.0)
    echo = Sequence(kind="spoiled", tr_ms=30, te_ms=3, flip_deg=15)
    kept = signal(echo, fat, 3.0) / signal(echo, water, 3.0)
    assert kept == pytest.approx(1 - 0.95 * (1 - GRADIENT_ECHO_FAT))
    planar = Sequence(kind="diffusion", tr_ms=5000, te_ms=80, fat_suppressed=True)
    assert signal(planar, fat, 3.0) / signal(planar, water, 3.0) == pytest.approx(1 - 0.95 * (1 - ECHO_PLANAR_FAT))
    spin_echo = Sequence(kind="spin_echo", tr_ms=500, te_ms=9)
    assert signal(spin_echo, fat, 3.0) == signal(spin_echo, water, 3.0)


def test_a_scanners_flair_is_dark_in_fat_where_it_is_its_habit(make_case):
    for name in ("aera_1", "avanto_1"):
        (flair,) = (s for s in plan_study(make_case(scanner=name)).series if s.name == "flair_ax")
        assert flair.scans[0].sequence.fat_suppressed is SCANNERS[name].dark_fat_flair
    assert {scanner.dark_fat_flair for scanner in SCANNERS.values()} == {True, False}


def test_sharpening_leaves_what_is_even_and_makes_nothing_negative():
    image = torch.zeros(2, 40, 40)
    image[:, 10:30, 10:30] = 1
    sharpen(image, 1.0, 1.1)
    assert float(image.min()) == 0
    torch.testing.assert_close(image[:, 14:26, 14:26], torch.ones(2, 12, 12))
    assert float(image.max()) > 1.2


def test_a_drawing_wanders_by_what_is_asked_and_the_same_way_again(make_case):
    head = build_head(make_case(), spacing_mm=4)
    corners = ((0.0, -40.0, -80.0), (30.0, 0.0, -50.0))
    straight, bent, again = (Drawing(head, *corners, skull=True, node_mm=4.0) for _ in range(3))
    bent.wander(14.0, 2.0, stream(3))
    again.wander(14.0, 2.0, stream(3))
    moved = (bent.points - straight.points).square().mean((1, 2, 3)).sqrt()
    assert torch.equal(bent.points, again.points)
    assert (moved > 0.7).all()
    assert (moved < 3.5).all()
    assert torch.equal(bent.folded[0], bent.points[0].abs())
