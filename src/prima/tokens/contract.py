"""The preprocessing contract: everything between voxels and tokens that must match the weights, as one value.

A contract is stored in the release beside the weights, so that a model is only ever fed what it was trained on. The
published Prima weights are the value `PUBLISHED`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from prima.errors import ReleaseError
from prima.tokens.strict_json import read_json


@dataclass(frozen=True, kw_only=True)
class Contract:
    """How a volume becomes tokens.

    Args:
        in_plane_size: rows and columns after in-plane resampling.
        resampling: "itk" lets SimpleITK interpolate, whose rounding the published weights were trained under;
            "separable" is the same interpolation in plain numpy, free of that rounding.
        fill: what a sample outside the image becomes; "pixel_type_id" is the habit of the published pipeline, where
            the id of the pixel type (2 for int16, 3 for uint16, 9 for float64, …) ended up as the value.
        truncate_integers: integer volumes stay integer after resampling, rounded towards zero.
        orientation: patient axes of the array's last, middle and first axis.
        patch_slices: patch extent along the plane axis, in slices.
        patch_in_plane: patch extent along the two other axes, in pixels.
        encoder_slices: extent of the patch along the plane axis when it enters the encoder; slices are duplicated.
        intensity: "divide_by_max" divides by the maximum of the padded volume when it is positive.
        foreground_level: a voxel above it is foreground…
        low_foreground_level: …or above this one, when the volume's maximum is below `low_maximum`.
        low_maximum: see above; all three on unscaled values.
        foreground_percent: a token is kept from this percentage of foreground voxels on (floored to a whole percent).
        min_tokens: when not more than this many tokens remain, the percentage falls by one, down to 0 (all kept).
        position_dims: length of the sine and cosine code of one axis of a token's position.

    Example:
        >>> PUBLISHED.patch_shape("coronal")
        (32, 4, 32)
        >>> Contract.from_json(PUBLISHED.to_json()) == PUBLISHED
        True
    """

    in_plane_size: int = 256
    resampling: Literal["itk", "separable"] = "itk"
    fill: Literal["pixel_type_id", "zero"] = "pixel_type_id"
    truncate_integers: bool = True
    orientation: Literal["LPS"] = "LPS"
    patch_slices: int = 4
    patch_in_plane: int = 32
    encoder_slices: int = 8
    intensity: Literal["divide_by_max"] = "divide_by_max"
    foreground_level: float = 50.0
    low_foreground_level: float = 0.5
    low_maximum: float = 5.0
    foreground_percent: int = 5
    min_tokens: int = 25
    position_dims: int = 10

    def __post_init__(self) -> None:
        if min(self.in_plane_size, self.patch_slices, self.patch_in_plane, self.encoder_slices) < 1:
            raise ReleaseError("contract: found a size below 1; check the release")
        if self.encoder_slices % self.patch_slices:
            raise ReleaseError(
                f"contract: found encoder_slices {self.encoder_slices} with patch_slices {self.patch_slices}, "
                "expected a multiple: slices are duplicated whole; check the release"
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

PUBLISHED = Contract()
