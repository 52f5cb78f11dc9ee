"""Every intermediate array of the published pipeline, step by step, over the golden study.

What is arithmetic on whole numbers must be equal; what is float32 arithmetic may differ by its rounding.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import ArrayLike

from prima.model.networks.attention import Backend
from prima.model.networks.vision import HierarchicalViT
from prima.model.release.folder import Release
from prima.study import Study
from prima.tokens.batch import SeriesTokens, StudyBatch, StudyTokens, pack, token_rows
from prima.tokens.patches import Patches, _foreground_level, _foreground_percent, _lay_grid, _pad, cut_patches
from prima.tokens.resample import OrientedVolume
from prima.tokens.text import name_of
from prima.tokens.tokenizer import Tokenizer

from .conftest import STUDY_DESCRIPTION, Golden

# Relative to the largest value of an array; about thirty times the spacing of float32 numbers, of which the reference
# and we each take a part.
ROUNDING = 4e-6


def assert_within(found: ArrayLike, expected: ArrayLike, tolerance: float, what: str) -> None:
    """Equal shapes, and no value further off than `tolerance` times the largest magnitude that is expected."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, f"{what}: shape {found.shape}, expected {expected.shape}"
    largest = float(np.abs(found.astype(np.float64) - expected).max() / np.abs(expected).max())
    assert largest <= tolerance, f"{what}: relative difference {largest:.2e}, allowed {tolerance:.0e}"


@pytest.fixture(scope="module")
def every_patch(volumes: list[OrientedVolume], release: Release) -> list[Patches]:
    """All patches in scan order, as if everything were foreground."""
    contract = replace(release.manifest.contract, foreground_percent=0)
    return [_in_scan_order(cut_patches(volume, contract)) for volume in volumes]


def _in_scan_order(patches: Patches) -> Patches:
    order = np.lexsort(patches.coordinates.numpy().T[::-1])
    return replace(patches, voxels=patches.voxels[order], coordinates=patches.coordinates[order])


@pytest.fixture(scope="module")
def tokenizer(release: Release) -> Tokenizer:
    return Tokenizer(release.encoder(), release.manifest.contract, device=torch.device("cpu"), dtype=torch.float32)


@pytest.fixture(scope="module")
def tokens(study: Study, patches: list[Patches], tokenizer: Tokenizer) -> list[SeriesTokens]:
    return [
        SeriesTokens(
            latents=tokenizer.latents(one),
            coordinates=one.coordinates,
            plane=one.plane,
            name=name_of(series),
            num_patches=one.num_patches,
        )
        for series, one in zip(study.series, patches, strict=True)
    ]


@pytest.fixture(scope="module")
def golden_batch(tokens: list[SeriesTokens], release: Release, golden: Golden) -> StudyBatch:
    """The packed study with the reference's own token rows, so that the vision model is looked at alone."""
    batch = pack([StudyTokens(series=tuple(tokens), description=STUDY_DESCRIPTION)], release.manifest.contract)
    return replace(batch, tokens=torch.from_numpy(np.concatenate(golden.of_series("visual"))))


@pytest.fixture(scope="module")
def vision(release: Release) -> HierarchicalViT:
    return release.vision()


def test_series_come_in_natural_order_under_their_names(study: Study, golden: Golden) -> None:
    assert [name_of(series) for series in study.series] == [series["name"] for series in golden.series]


def test_volumes_are_the_same_to_the_last_bit(volumes: list[OrientedVolume], golden: Golden) -> None:
    for index, (volume, expected) in enumerate(zip(volumes, golden.series, strict=True)):
        voxels = volume.voxels
        assert voxels.dtype == expected["dtype"]
        assert list(voxels.shape) == expected["size_xyz"][::-1]
        assert hashlib.sha256(voxels.tobytes()).hexdigest() == expected["sha256"], expected["name"]
        assert np.array_equal(voxels[::3, ::9, ::9], golden.arrays[f"s{index}_vol_sample"])
        last_rows = voxels[len(voxels) // 2, -3:].astype(np.float32)
        assert np.array_equal(last_rows[None], golden.arrays[f"s{index}_vol_last"]), "filled edge"


def test_geometry_after_resampling(volumes: list[OrientedVolume], golden: Golden) -> None:
    for volume, expected in zip(volumes, golden.series, strict=True):
        direction = np.array(expected["direction"]).reshape(3, 3)
        affine = np.eye(4)
        affine[:3, :3] = (direction * expected["spacing"])[:, ::-1]
        affine[:3, 3] = expected["origin"]
        assert_within(volume.affine, affine, 1e-12, expected["name"])


def test_padding_and_the_grid_of_patches(
    volumes: list[OrientedVolume], every_patch: list[Patches], release: Release, golden: Golden
) -> None:
    for index, (volume, cut) in enumerate(zip(volumes, every_patch, strict=True)):
        voxels = volume.voxels.astype(np.float32)
        shape = release.manifest.contract.patch_shape(volume.plane)
        padded = _pad(voxels, shape, _lay_grid(voxels > 50, shape, release.manifest.contract)[0])
        assert list(padded.shape) == golden.series[index]["padded"]
        assert cut.num_patches == golden.series[index]["n_tokens"]
        assert np.array_equal(cut.coordinates.numpy(), golden.arrays[f"s{index}_coords_all"])


def test_foreground_percent_of_every_patch(volumes: list[OrientedVolume], release: Release, golden: Golden) -> None:
    contract = release.manifest.contract
    for volume, expected in zip(volumes, golden.of_series("mask_bin"), strict=True):
        shape = contract.patch_shape(volume.plane)
        voxels = volume.voxels.astype(np.float32)
        level = _foreground_level(voxels, contract, 0.0)
        padded = _pad(voxels, shape, _lay_grid(voxels > level, shape, contract)[0])
        grid = tuple(size // extent for size, extent in zip(padded.shape, shape, strict=True))
        percent = _foreground_percent(padded > level, shape, grid)
        assert np.array_equal(percent, expected)


def test_kept_tokens_and_their_order(patches: list[Patches], golden: Golden) -> None:
    for index, cut in enumerate(patches):
        expected = golden.series[index]
        assert (cut.foreground_percent, cut.num_kept) == (expected["percent_used"], expected["n_after"])
        assert np.array_equal(cut.coordinates.numpy(), golden.arrays[f"s{index}_keep_coords"])
        ids = golden.arrays[f"s{index}_keep_ids"]
        assert np.array_equal(cut.coordinates.numpy(), golden.arrays[f"s{index}_coords_all"][ids])


def test_patches_as_the_encoder_takes_them(every_patch: list[Patches], release: Release, golden: Golden) -> None:
    for index, cut in enumerate(every_patch):
        whole = cut.for_encoder(release.manifest.contract, slice(None))
        assert list(whole.shape[2:]) == golden.series[index]["patch_shape_after_resize"]
        selected = whole[torch.from_numpy(golden.arrays[f"s{index}_tok_sel"]), 0]
        assert_within(selected, golden.arrays[f"s{index}_tok_resized"], 0.0, golden.series[index]["name"])


def test_latents_of_every_patch(every_patch: list[Patches], tokenizer: Tokenizer, golden: Golden) -> None:
    for cut, expected in zip(every_patch, golden.of_series("emb"), strict=True):
        plane_axis = {"axial": 2, "coronal": 3, "sagittal": 4}[cut.plane]
        plane_first = expected.swapaxes(2, plane_axis).reshape(len(expected), -1)
        assert_within(tokenizer.latents(cut), plane_first, ROUNDING, f"{cut.plane} latents")


def test_latents_in_double_precision(every_patch: list[Patches], release: Release, golden: Golden) -> None:
    """With nothing of our own rounding left, what differs is the reference's."""
    exact = Tokenizer(release.encoder(), release.manifest.contract, device=torch.device("cpu"), dtype=torch.float64)
    cut = every_patch[-1]
    assert_within(
        exact.latents(cut), golden.of_series("emb")[-1].reshape(cut.num_kept, -1), ROUNDING, "float64 latents"
    )


def test_token_rows(tokens: list[SeriesTokens], release: Release, golden: Golden) -> None:
    for series, expected in zip(tokens, golden.of_series("visual"), strict=True):
        rows = token_rows(series, release.manifest.contract).numpy()
        assert_within(rows[:, :256], expected[:, :256], ROUNDING, "latent")
        assert_within(rows[:, 256:286], expected[:, 256:286], 1e-7, "position")
        assert np.array_equal(rows[:, 286:], expected[:, 286:]), "plane axis"


def test_lengths_and_character_codes(golden_batch: StudyBatch, golden: Golden) -> None:
    assert golden_batch.series_offsets.diff().tolist() == golden.arrays["lenss"][0].tolist()
    assert golden_batch.study_offsets.diff().tolist() == golden.arrays["lens"].tolist()
    assert golden_batch.study_text.tolist() == golden.arrays["studydescription"][0].tolist()
    starts = golden_batch.series_text_offsets.tolist()
    for index, padded in enumerate(golden.arrays["serienames"][0]):
        codes = golden_batch.series_text[starts[index] : starts[index + 1]].tolist()
        assert padded.tolist() == codes + [0] * (len(padded) - len(codes))


@pytest.mark.parametrize("backend", ["reference", "blocks"])
def test_text_encoders(vision: HierarchicalViT, golden_batch: StudyBatch, golden: Golden, backend: Backend) -> None:
    assert vision.series_name is not None and vision.study_description is not None
    with torch.inference_mode():
        names = vision.series_name(golden_batch.series_text, golden_batch.series_text_offsets, backend)
        description = vision.study_description(golden_batch.study_text, golden_batch.study_text_offsets, backend)
    assert_within(names, golden.arrays["act_serieencoder"], ROUNDING, "series names")
    assert_within(description, golden.arrays["act_studyencoder"], ROUNDING, "study description")


@pytest.mark.parametrize("backend", ["reference", "blocks"])
def test_vision_model(vision: HierarchicalViT, golden_batch: StudyBatch, golden: Golden, backend: Backend) -> None:
    pooled: list[torch.Tensor] = []
    hook = vision.sequence.register_forward_hook(lambda _module, _inputs, result: pooled.append(result[0]))
    with torch.inference_mode():
        output = vision(golden_batch, backend)
        projected = vision.project(output.study)
    hook.remove()
    assert_within(pooled[0], golden.arrays["act_inner_pool"], ROUNDING, "registers of the sequence ViT")
    assert_within(output.series, golden.arrays["act_inner_out"], ROUNDING, "series embeddings")
    assert_within(output.study, golden.arrays["clip_emb"], ROUNDING, "study feature")
    assert_within(projected, golden.arrays["clip_feature_head"], ROUNDING, "joint projection")


def test_vision_model_in_double_precision(
    vision: HierarchicalViT, golden_batch: StudyBatch, golden: Golden, release: Release
) -> None:
    exact = release.vision().double()
    with torch.inference_mode():
        output = exact(replace(golden_batch, tokens=golden_batch.tokens.double()), "reference")
    assert_within(output.study, golden.arrays["clip_emb_f64"], 1e-7, "study feature in float64")


def test_every_column_of_every_head(release: Release, golden: Golden) -> None:
    heads = release.heads(torch.device("cpu"))
    manifest = release.manifest
    feature = torch.from_numpy(golden.arrays["clip_emb"][0])
    for records, name in ((manifest.diagnoses, "diag_all52"), (manifest.referrals, "ref_all")):
        expected = golden.arrays[name]
        for record, row in zip(records, expected, strict=True):
            mlp = heads.mlps[record.mlp]
            assert_within(mlp.columns(feature, range(mlp.num_columns)), row, ROUNDING, record.name)


def test_the_release_folder_needs_nothing_of_the_checkpoint(release_folder: Path) -> None:
    kinds = {path.suffix for path in release_folder.rglob("*") if path.is_file()}
    assert kinds == {".json", ".md", ".safetensors"}
