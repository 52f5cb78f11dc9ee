"""The preprocessing contract: everything between voxels and tokens that must match the weights, as one value.

A contract is stored in the release beside the weights, so that a model is only ever fed what it was trained on. The
published Prima weights are the value `PUBLISHED`, our own `OPEN`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from prima.errors import ReleaseError
from prima.files.strict_json import read_json


@dataclass(frozen=True, kw_only=True)
class Contract:
    """How a volume becomes tokens.

    Args:
        in_plane_size: rows and columns after in-plane resampling.
        resampling: "itk" lets SimpleITK interpolate, whose rounding the published weights were trained under;
            "separable" is the same interpolation in plain numpy, free of that rounding; "area" weighs all pixels
            that a larger one covers, with `pixel_mm`.
        fill: what a sample outside the image becomes; "pixel_type_id" is the habit of the published pipeline, where
            the id of the pixel type (2 for int16, 3 for uint16, 9 for float64, …) ended up as the value.
        truncate_integers: integer volumes stay integer after resampling, rounded towards zero.
        orientation: patient axes of the array's last, middle and first axis.
        patch_slices: patch extent along the plane axis, in slices.
        patch_in_plane: patch extent along the two other axes, in pixels.
        encoder_slices: extent of the patch along the plane axis when it enters the encoder; slices are duplicated.
        intensity: "divide_by_max" divides by the maximum of the padded volume when it is positive; "divide_by_p99"
            by the 99th percentile of what is brighter than half the mean, and what is above twice that is cut off:
            bright fat, vessels and spikes do not set the window.
        foreground_level: a voxel above it is foreground…
        low_foreground_level: …or above this one, when the volume's maximum is below `low_maximum`.
        low_maximum: see above; all three on unscaled values.
        foreground_percent: a token is kept from this percentage of foreground voxels on (floored to a whole percent).
        min_tokens: when not more than this many tokens remain, the percentage falls by one, down to 0 (all kept).
        position_dims: length of the sine and cosine code of one axis of a token's position.
        pixel_mm: in-plane resampling to pixels of this size, free of aliasing, instead of to `in_plane_size` pixels.
        slab_mm: neighbouring slices are averaged as long as together they are not thicker than this.
        foreground_share: a voxel above this share of the 99th percentile is foreground, instead of above a level.
        centred: the grid of patches is laid so that the centre of the foreground lies on a corner of patches, and
            that corner has the same coordinates in every series: positions are then those of the head.

    Example:
        >>> PUBLISHED.patch_shape("coronal")
        (32, 4, 32)
        >>> Contract.from_json(PUBLISHED.to_json()) == PUBLISHED
        True
    """

    in_plane_size: int = 256
    resampling: Literal["itk", "separable", "area"] = "itk"
    fill: Literal["pixel_type_id", "zero"] = "pixel_type_id"
    truncate_integers: bool = True
    orientation: Literal["LPS"] = "LPS"
    patch_slices: int = 4
    patch_in_plane: int = 32
    encoder_slices: int = 8
    intensity: Literal["divide_by_max", "divide_by_p99"] = "divide_by_max"
    foreground_level: float = 50.0
    low_foreground_level: float = 0.5
    low_maximum: float = 5.0
    foreground_percent: int = 5
    min_tokens: int = 25
    position_dims: int = 10
    pixel_mm: float | None = None
    slab_mm: float | None = None
    foreground_share: float | None = None
    centred: bool = False

    def __post_init__(self) -> None:
        if min(self.in_plane_size, self.patch_slices, self.patch_in_plane, self.encoder_slices) < 1:
            raise ReleaseError("contract: found a size below 1; check the release")
        if self.encoder_slices % self.patch_slices:
            raise ReleaseError(
                f"contract: found encoder_slices {self.encoder_slices} with patch_slices {self.patch_slices}, "
                "expected a multiple: slices are duplicated whole; check the release"
            )
        if (self.pixel_mm is None) != (self.resampling != "area"):
            raise ReleaseError(
                f"contract: found resampling {self.resampling!r} with pixel_mm {self.pixel_mm}, expected a size of "
                "pixels with 'area' and only there; check the release"
            )

    def patch_shape(self, plane: str) -> tuple[int, int, int]:
        """Patch extent along (z, y, x) for a plane."""
        shape = [self.patch_in_plane] * 3
        shape[PLANE_AXIS[plane]] = self.patch_slices
        return (shape[0], shape[1], shape[2])

    def encoder_shape(self, plane: str) -> tuple[int, int, int]:
        """Patch extent along (z, y, x) as the encoder sees it."""
        shape = [self.patch_in_plane] * 3
        shape[PLANE_AXIS[plane]] = self.encoder_slices
        return (shape[0], shape[1], shape[2])

    def to_json(self) -> dict[str, Any]:
        """JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Read a contract; unknown or missing keys are an error, because a guess would feed the model wrongly."""
        return read_json(cls, values, "contract")


# The array axis (z, y, x) that a plane's slices are stacked along, once the volume lies in LPS.
PLANE_AXIS = {"axial": 0, "coronal": 1, "sagittal": 2}
PLANE_OF_PLANE_AXIS = ("axial", "coronal", "sagittal")

# Patches start at this index where the contract centres them: no head reaches below zero.
CENTRE_INDEX = 32

PUBLISHED = Contract()

OPEN = Contract(
    resampling="area",
    fill="zero",
    truncate_integers=False,
    patch_slices=2,
    patch_in_plane=16,
    encoder_slices=2,
    intensity="divide_by_p99",
    foreground_percent=20,
    pixel_mm=1.75,
    slab_mm=4.5,
    foreground_share=0.12,
    centred=True,
)
"""Our own: sizes in mm, thin tokens, positions of the head; why is told in docs/explanation/demo-release.md."""
