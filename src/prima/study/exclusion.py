"""Why a series was not used: the documented list, and one record."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Every reason for which a series is excluded; the values stand in findings.json."""

    LOCALIZER = "localizer"
    DERIVED_MAP = "derived_map"
    PERFUSION = "perfusion"
    FUNCTIONAL = "functional"
    SEVERAL_CONTRASTS = "several_contrasts"
    DIFFUSION_DIRECTIONS = "diffusion_directions"
    FIELD_MAP = "field_map"
    PHASE = "phase"
    NOT_IMAGE = "not_image"
    NOT_MR = "not_mr"
    NOT_BRAIN = "not_brain"
    SECONDARY_CAPTURE = "secondary_capture"
    TOO_FEW_SLICES = "too_few_slices"
    DUPLICATE = "duplicate"
    MISSING_GEOMETRY = "missing_geometry"
    SEGMENTATION = "segmentation"
    UNREADABLE = "unreadable"

    @property
    def words(self) -> str:
        """The reason in words for people.

        Example:
            >>> Reason("too_few_slices").words
            'Too few slices'
        """
        return _WORDS.get(self, self.value.replace("_", " ").capitalize())


_WORDS = {
    Reason.LOCALIZER: "Localizer (scout) images",
    Reason.DERIVED_MAP: "Map computed from other images",
    Reason.PERFUSION: "Perfusion imaging",
    Reason.FUNCTIONAL: "Functional time series",
    Reason.SEVERAL_CONTRASTS: "Several contrasts in one file",
    Reason.DIFFUSION_DIRECTIONS: "Raw diffusion directions",
    Reason.FIELD_MAP: "Field map for calibration",
    Reason.PHASE: "Phase image",
    Reason.NOT_IMAGE: "Not an image",
    Reason.NOT_MR: "Not MRI",
    Reason.NOT_BRAIN: "Not the brain",
    Reason.SECONDARY_CAPTURE: "Screenshot or secondary capture",
    Reason.DUPLICATE: "Duplicate of another series",
    Reason.MISSING_GEOMETRY: "Position in the patient is missing",
    Reason.SEGMENTATION: "Segmentation (label mask)",
    Reason.UNREADABLE: "Could not be read",
}


@dataclass(frozen=True, kw_only=True)
class Excluded:
    """A series, or a part of one, that is not used, with its reason.

    `detail` is one short line for people: what was found. It holds no file path and nothing about the patient.
    """

    series_uid: str
    number: int | None = None
    description: str | None = None
    part: str | None = None
    reason: Reason
    detail: str | None = None
    num_slices: int | None = None
