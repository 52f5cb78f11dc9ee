"""The simulated head: deterministic, on the right side, deformed by what was asked, and without a fold."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import pytest
import torch

from prima.simulate.anatomy.build_head import build_head
from prima.simulate.anatomy.head import TISSUE_NAMES, Head
from prima.simulate.anatomy.regions import region_map, region_names
from prima.simulate.anatomy.shape import Shape
from prima.simulate.anatomy.sites import SITES, site_mm
from prima.simulate.geometry.lattice import Lattice
from prima.simulate.people.case import Case, Person, Side, Visit
from prima.simulate.scanner.tissues import TISSUES

SPACING_MM = 3.0


def case(seed: int = 1, age_years: float = 45.0, index: int = 0) -> Case:
    person = Person(
        patient_id="A1", sex="F", birth_year=1979, race_ethnicity="", insurance="", county_population=1, rural=False,
        seed=seed,
    )  # fmt: skip
    day = datetime(2024, 1, 1)
    visit = Visit(
        site="", patient_class="outpatient", ordered=day, scanned=day, reported=day, description="", indication=""
    )
    return Case(
        index=index, seed=0, study_uid="2.25.1", accession="", person=person, age_years=age_years, visit=visit,
        scanner="", protocol="",
    )  # fmt: skip


def build(which: Case, *hooks: Callable[[Shape], None]) -> Head:
    return build_head(which, spacing_mm=SPACING_MM, shape_hooks=hooks)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Small heads are built several times faster on one thread than on many that wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def head() -> Head:
    return build(case())


def volume_ml(region: torch.Tensor) -> float:
    return float(region.sum()) * SPACING_MM**3 / 1000


def test_the_tissues_are_those_of_the_physics() -> None:
    assert tuple(tissue.name for tissue in TISSUES) == TISSUE_NAMES


def test_the_same_case_gives_the_same_head(head: Head) -> None:
    assert torch.equal(head.fractions, build(case()).fractions)


def test_another_person_has_another_head_and_another_visit_another_pose(head: Head) -> None:
    assert not torch.equal(head.fractions, build(case(seed=2)).fractions)
    again = build(case(index=5))
    assert not torch.equal(head.fractions, again.fractions)
    assert volume_ml(region_map(again, "brain")) == pytest.approx(volume_ml(region_map(head, "brain")), rel=0.01)


def test_fractions_fill_every_voxel(head: Head) -> None:
    assert float(head.fractions.min()) >= 0
    total = head.fractions.sum(0)
    assert float(total.min()) == pytest.approx(1, abs=1e-4)
    assert float(total.max()) == pytest.approx(1, abs=1e-4)


def test_every_tissue_is_there(head: Head) -> None:
    missing = [name for name in TISSUE_NAMES if volume_ml(head.fraction(name)) < 0.02]
    assert not missing


@pytest.mark.parametrize("site", [name for name, site in SITES.items() if site.paired])
def test_left_is_left(head: Head, site: str) -> None:
    assert float(head.at(site, "left")[0] - head.at(site, "right")[0]) > 4


def test_sites_lie_in_what_they_are_called(head: Head) -> None:
    def tissue_at(site: str, side: Side, *names: str) -> float:
        near = head.distance(site, side) < 4
        return max(float(head.fraction(name)[near].max()) for name in names)

    assert tissue_at("lateral_ventricle_body", "left", "csf") > 0.7
    assert tissue_at("fourth_ventricle", "midline", "csf") > 0.5
    assert tissue_at("thalamus", "right", "deep_gm") > 0.5
    assert tissue_at("centrum_semiovale", "left", "wm") > 0.8
    assert tissue_at("pons", "midline", "wm") > 0.5
    assert tissue_at("sella", "midline", "pituitary") > 0.3
    assert tissue_at("cervical_cord", "midline", "wm") > 0.3
    assert tissue_at("orbit", "left", "fat", "vitreous", "csf") > 0.3


def test_regions_are_shares_and_their_sides_add_up(head: Head) -> None:
    for name in region_names():
        region = region_map(head, name)
        assert float(region.min()) > -1e-4, name
        assert float(region.max()) < 1 + 1e-4, name
    left, right = (volume_ml(region_map(head, "cortex", side)) for side in ("left", "right"))
    assert left + right == pytest.approx(volume_ml(region_map(head, "cortex")), rel=1e-3)
    assert 0.85 < left / right < 1.18


def test_volumes_are_an_adults(head: Head) -> None:
    assert 1000 < volume_ml(region_map(head, "brain")) < 1700
    assert 8 < volume_ml(region_map(head, "ventricles")) < 60
    assert 90 < volume_ml(region_map(head, "cerebellum")) < 220
    assert 15 < volume_ml(region_map(head, "brainstem")) < 60


def test_unknown_names_are_refused(head: Head) -> None:
    with pytest.raises(KeyError, match="no region 'ventricle'"):
        region_map(head, "ventricle")
    with pytest.raises(KeyError, match="no site 'liver'"):
        head.at("liver", "left")
    with pytest.raises(ValueError, match="region: found 'feet'"):
        Shape.of_case(case(), spacing_mm=SPACING_MM).scale_region("feet", 2.0)


def jacobian(field: torch.Tensor, lattice: Lattice) -> torch.Tensor:
    """[d, h, w] determinants of the derivative of a map [3, d, h, w]."""
    rows = [torch.stack(torch.gradient(part, spacing=lattice.node_mm)[::-1]) for part in field]
    return torch.linalg.det(torch.stack(rows).permute(2, 3, 4, 0, 1))


@pytest.mark.parametrize("seed", range(4))
def test_no_fold_in_any_person(seed: int) -> None:
    shape = Shape.of_case(case(seed=seed, age_years=20.0 + 12 * seed), spacing_mm=SPACING_MM)
    shape.freeze()
    assert float(jacobian(shape.outer, shape.lattice).min()) > 0.2


def test_a_point_goes_to_the_head_and_back(head: Head) -> None:
    for site in ("thalamus", "pons", "frontal_cortex", "cerebellar_hemisphere"):
        point = site_mm(site, "left")
        back = head.shape.lattice.at(head.shape.inner, head.shape.head_point(point)[:, None])[:, 0]
        assert torch.allclose(back, point, atol=0.05)


@pytest.mark.parametrize(("side", "sign"), [("left", -1.0), ("right", 1.0)])
def test_the_midline_moves_by_what_was_asked(head: Head, side: Side, sign: float) -> None:
    shifted = build(case(), lambda shape: shape.shift_midline(9.0, side))
    moved = shifted.at("septum_pellucidum", "midline") - head.at("septum_pellucidum", "midline")
    assert float(moved[0]) == pytest.approx(sign * 9.0, abs=0.8)
    for site in ("pons", "vertex"):
        assert float((shifted.at(site, "midline") - head.at(site, "midline")).norm()) < 2.5
    assert torch.equal(shifted.fraction("skin"), head.fraction("skin"))


def test_a_mass_pushes_its_border_out_and_closes_sulci(head: Head) -> None:
    @dataclass
    class Mass:
        centre: torch.Tensor | None = None

        def __call__(self, shape: Shape) -> None:
            self.centre = shape.at("frontal_wm", "left")
            shape.push(self.centre, 16.0, 8.0, 30.0)

    pushed = build(case(), Mass())
    centre = head.at("frontal_wm", "left")
    assert float((pushed.at("frontal_wm", "left") - centre).norm()) < 1.0
    before = site_mm("frontal_wm", "left") + torch.tensor([-8.0, 0.0, 0.0])
    out = (pushed.shape.head_point(before) - centre).norm() - (head.shape.head_point(before) - centre).norm()
    assert 5.0 < float(out) < 9.0
    near = head.distance(centre) < 45
    assert volume_ml(region_map(pushed, "csf_spaces") * near) < 0.8 * volume_ml(region_map(head, "csf_spaces") * near)
    assert float(jacobian(pushed.shape.inner, pushed.shape.lattice).min()) > 0


@pytest.mark.parametrize("factor", [0.7, 1.6, 3.0])
def test_ventricles_change_by_their_factor(head: Head, factor: float) -> None:
    scaled = build(case(), lambda shape: shape.scale_region("ventricles", factor))
    ratio = volume_ml(region_map(scaled, "ventricles")) / volume_ml(region_map(head, "ventricles"))
    assert ratio == pytest.approx(factor, rel=0.3)


def test_sulci_and_tonsils_do_as_asked(head: Head) -> None:
    wide = build(case(), lambda shape: shape.scale_region("sulci", 1.8))
    assert volume_ml(region_map(wide, "sulci")) > 1.15 * volume_ml(region_map(head, "sulci"))
    low = build(case(), lambda shape: shape.descend("tonsils", 9.0))
    for side in ("left", "right"):
        fallen = low.at("cerebellar_tonsil", side) - head.at("cerebellar_tonsil", side)
        assert -11 < float(fallen[2]) < -6


def test_age_opens_sulci_and_ventricles_and_children_are_small() -> None:
    def means(age_years: float) -> tuple[float, float, float]:
        heads = [build(case(seed=seed, age_years=age_years)) for seed in range(2)]
        volumes = [
            (
                volume_ml(region_map(h, "ventricles")),
                volume_ml(region_map(h, "csf_spaces")),
                volume_ml(region_map(h, "inside")),
            )
            for h in heads
        ]
        a, b, c = (sum(part) / len(part) for part in zip(*volumes, strict=True))
        return a, b, c

    infant, young, old = means(0.5), means(25.0), means(82.0)
    assert old[0] > 1.6 * young[0]
    assert old[1] > 1.15 * young[1]
    assert infant[2] < 0.75 * young[2]


def test_paint_replaces_what_is_there() -> None:
    head = build(case())
    edema = replace(TISSUES[2], name="edema")
    blob = (1 - head.distance("frontal_wm", "left") / 20).clamp(0, 1)
    head.paint(blob, edema)
    box = head.grid.box_around(head.at("frontal_wm", "left"), 8.0)
    head.paint((box, torch.full(blob[box].shape, 0.5)), TISSUES[0])
    total = head.fractions.sum(0)
    for painted in head.painted:
        total[painted.box] += painted.fraction
    assert float((total - 1).abs().max()) < 1e-4
    assert float(head.fraction("csf")[box].min()) >= 0.5


def test_anatomy_needs_neither_pydicom_nor_nibabel() -> None:
    blocked = "; ".join(
        f"sys.modules[{name!r}] = None" for name in ("pydicom", "nibabel", "scipy", "pandas", "pyarrow")
    )
    code = f"import sys; {blocked}; import prima.simulate.anatomy.build_head"
    subprocess.run([sys.executable, "-c", code], check=True)
