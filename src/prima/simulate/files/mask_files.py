"""Masks of lesions as NIfTI."""

from __future__ import annotations

from pathlib import Path

from prima.files.optional import require
from prima.simulate.study.simulate import Mask


def write_mask(mask: Mask, path: Path) -> None:
    """A mask as NIfTI: its axes x, y, z, its affine to RAS, its kind in the header's description.

    Raises:
        MissingDependencyError: nibabel is not installed.
    """
    require("nibabel", "writing masks")
    import nibabel as nib

    path.parent.mkdir(parents=True, exist_ok=True)
    affine = mask.affine.reordered((2, 1, 0)).to_ras()
    image = nib.nifti1.Nifti1Image(mask.voxels.transpose(2, 1, 0), affine)  # type: ignore[no-untyped-call]
    image.header["descrip"] = mask.kind
    image.to_filename(path)
