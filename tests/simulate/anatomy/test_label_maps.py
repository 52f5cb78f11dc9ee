"""Heads that are made of label maps: of a simulated head, and of real ones where they are at hand."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
import torch

from prima.errors import UsageError
from prima.simulate.anatomy import anatomies as anatomies_module
from prima.simulate.anatomy.anatomies import Anatomies, Choice, read_anatomies, towards
from prima.simulate.anatomy.build_head import build_head
from prima.simulate.anatomy.head import TISSUE_NAMES
from prima.simulate.anatomy.label_landmarks import to_template
from prima.simulate.anatomy.label_map import label_rows, read_label_map
from prima.simulate.anatomy.shape import Shape
from prima.simulate.anatomy.sites import site_mm
from prima.simulate.geometry.lattice import Lattice
from prima.simulate.people.case import Lesion
from prima.simulate.study.simulate import Variety, simulate_study

from .made_label_map import SPACING_MM, labels_of, write_label_map


@pytest.fixture(scope="module")
def mapped(make_case):
    return labels_of(make_case(index=5, age_years=40.0))


@pytest.fixture(scope="module")
def folder(mapped, tmp_path_factory):
    place = tmp_path_factory.mktemp("heads")
    write_label_map(place / "first.nii.gz", *mapped)
    return place


@pytest.fixture(scope="module")
def heads(folder):
    return read_anatomies(folder)


@pytest.fixture
def adult(make_case, heads):
    """Someone who is given a label map."""
    return next(case for index in range(20) if heads.choice(case := make_case(index=index, age_years=44.0)) is not None)


def test_a_table_row_names_tissues_that_exist():
    for row in label_rows().values():
        assert {row.tissue, row.rest or row.tissue} <= {*TISSUE_NAMES, "soft"}
        assert 0.5 <= row.share <= 1
        assert row.inside in ("yes", "no", "ventricle")


def test_the_map_is_read_upright(folder, mapped):
    head = read_label_map(folder / "first.nii.gz")
    labels, affine = mapped
    left = np.argwhere(head.labels == 10).mean(axis=0)
    assert head.affine.apply(left)[0] > 0  # the left thalamus lies to the left
    eyes = head.affine.apply(np.argwhere(head.labels == 506).mean(axis=0))
    assert eyes[1] < head.affine.apply(left)[1]  # eyes lie in front
    index = np.argwhere(labels == 10).mean(axis=0)
    np.testing.assert_allclose(
        head.affine.apply(left) * [-1, -1, 1], nib.affines.apply_affine(affine, index), atol=1e-3
    )


def test_registration_finds_the_places_of_the_template(folder, make_case):
    """The simulated head knows where each point of the template lies in it; landmarks are found there."""
    matrix = to_template(read_label_map(folder / "first.nii.gz"))
    shape = build_head(make_case(index=5, age_years=40.0), spacing_mm=4).shape
    far = []
    for site, side in (("thalamus", "left"), ("thalamus", "right"), ("pons", "midline"), ("motor_cortex", "left"),
                       ("occipital_cortex", "right"), ("temporal_pole", "left"), ("insula", "right")):  # fmt: skip
        target = site_mm(site, side)
        point = matrix @ [*shape.head_point(target).tolist(), 1]
        far.append(float(np.linalg.norm(point[:3] - target.numpy())))
    assert np.mean(far) < 5
    assert max(far) < 9


def test_a_head_of_labels_has_their_volumes_and_adds_up(heads, adult, mapped):
    head = build_head(adult, spacing_mm=2.0, anatomies=heads)
    assert head.template.labels is not None
    assert float((head.fractions.sum(0) - 1).abs().max()) < 1e-4
    labels, _ = mapped
    share = {}
    for name, numbers in (("wm", (2, 41)), ("gm", (3, 42, 8, 47))):
        told = np.isin(labels, numbers).sum() * SPACING_MM**3
        share[name] = float(head.fraction(name).sum()) * 8 / told
    assert share["gm"] / share["wm"] == pytest.approx(1, abs=0.25)


def test_a_person_keeps_the_head_and_children_keep_the_template(heads, adult, make_case):
    two = Anatomies(heads=(heads.heads[0], replace(heads.heads[0], name="second", ventricles_ml=80.0)))
    later = replace(adult, index=adult.index + 900, age_years=adult.age_years + 2)
    assert two.choice(adult) == two.choice(later)
    assert two.choice(make_case(age_years=6.0)) is None


def test_another_head_pulls_landmarks_its_way(heads, monkeypatch):
    anatomy = heads.heads[0]
    template = anatomy.template()
    assert template.labels is not None
    moved = replace(template, labels=replace(template.labels, landmarks_mm=template.labels.landmarks_mm + 4.0))
    other = replace(anatomy, name="other", path=anatomy.path.with_name("other.nii.gz"))
    monkeypatch.setattr(anatomies_module, "_template", lambda path: moved if path.name == "other.nii.gz" else template)
    lattice = Lattice.of_head(8.0)
    field = towards(Choice(anatomy=anatomy, towards=other, share=0.5), lattice)
    at = lattice.at(field, site_mm("thalamus", "left")[:, None] + 4.0)
    assert at.flatten().tolist() == pytest.approx([-2, -2, -2], abs=0.6)
    assert float(towards(Choice(anatomy=anatomy, towards=anatomy, share=0.5), lattice).abs().max()) < 1e-4


def test_ventricles_widen_and_sulci_open(heads, adult):
    def fluid(*, hook):
        head = build_head(adult, spacing_mm=3.0, anatomies=heads, shape_hooks=(hook,))
        return float(head.fraction("csf").sum())

    before = fluid(hook=lambda shape: None)
    assert fluid(hook=lambda shape: shape.scale_region("ventricles", 2.5)) > 1.04 * before
    assert fluid(hook=lambda shape: shape.scale_region("sulci", 2.0)) > 1.04 * before


def test_a_lesion_is_painted_and_masked_in_a_real_head(heads, adult):
    glioma = Lesion(
        diagnosis="tumor_adult_high_grade_glioma", site="frontal_wm", side="left", size_mm=40.0, degree=0.8, subtlety=1,
        seed=5,
    )  # fmt: skip
    case = replace(adult, lesions=(glioma,), labels=(glioma.diagnosis,))
    variety = Variety(anatomies=heads)
    made = simulate_study(case, spacing_mm=3, variety=variety)
    mask = made.masks[glioma.diagnosis]
    middle = mask.affine.apply(np.argwhere(mask.voxels).mean(axis=0))
    assert middle[0] > 0
    assert 3 < mask.voxels.sum() * 27 / 1000 < 80
    without = simulate_study(replace(adult, lesions=(), labels=()), spacing_mm=3, variety=variety)
    differs = [
        np.abs(one.volume.voxels.astype(float) - other.volume.voxels).max()
        for one, other in zip(made.study.series, without.study.series, strict=True)
    ]
    assert min(differs) > 0


def test_shape_of_the_packaged_template_has_no_labels(make_case):
    assert Shape.of_case(make_case(), spacing_mm=3).template.labels is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda labels: np.where(labels == 10, 9000, labels), "labels 9000 are unknown"),
        (lambda labels: labels * 0.5, "no labels"),
        (lambda labels: np.where(labels == 507, labels, 0), "expected a whole head"),
        (lambda labels: -labels, "no labels"),
    ],
)
def test_what_is_no_label_map_is_refused_in_one_line(tmp_path, mapped, change, message):
    labels, affine = mapped
    nib.save(nib.Nifti1Image(change(labels).astype(np.float32), affine), tmp_path / "odd.nii.gz")
    with pytest.raises(UsageError, match=message) as caught:
        read_anatomies(tmp_path)
    assert str(caught.value).startswith("odd.nii.gz:")
    assert "\n" not in str(caught.value)


def test_a_folder_without_label_maps_is_refused(tmp_path):
    with pytest.raises(UsageError, match="found no label map"):
        read_anatomies(tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        read_anatomies(tmp_path / "absent")
    (tmp_path / "text.nii").write_text("no image")
    with pytest.raises(UsageError, match="expected a label map"):
        read_anatomies(tmp_path)


def test_real_heads_keep_their_brains(shared, make_case):
    """Of two real label maps: brain against the map's own, laid into the template, overlaps."""
    for name in ("head_01.nii.gz", "head_13.nii.gz"):
        path = shared / "data" / "anatomies" / name
        head = read_label_map(path)
        anatomy = anatomies_module.Anatomy(
            name=name, sha256="", ventricles_ml=head.volume_ml(inside="ventricle"), path=path
        )
        only = Anatomies(heads=(anatomy,))
        case = next(
            case for index in range(20) if only.choice(case := make_case(index=index, age_years=50.0)) is not None
        )
        built = build_head(case, spacing_mm=2.0, anatomies=only)
        labels = built.template.labels
        assert labels is not None
        points = built.shape.lattice.on_grid(built.shape.outer, built.grid)
        near = labels.brain_lattice.at(labels.brain, points)[0] > 0.5
        brain = sum(built.fraction(name) for name in ("gm", "wm", "deep_gm")) > 0.5
        dice = 2 * float((brain & near).sum()) / float(brain.sum() + near.sum())
        assert dice > 0.9, (name, dice)
        assert torch.isfinite(built.fractions).all()
