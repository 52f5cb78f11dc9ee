"""What a NIfTI file's json, name and values say against using it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prima.study.bids import Sidecar
from prima.study.exclusion import Reason

NUM_LABELS = 10
"""A volume of whole numbers with fewer distinct values than this is a segmentation."""

_OF_SUFFIX = {
    **dict.fromkeys(("bold", "sbref"), Reason.FUNCTIONAL),
    **dict.fromkeys(("asl", "m0scan", "perf", "cbf", "cbv", "dsc", "dce"), Reason.PERFUSION),
    **dict.fromkeys(("fieldmap", "phasediff", "phase1", "phase2", "magnitude1", "magnitude2"), Reason.FIELD_MAP),
    **dict.fromkeys(("fa", "colfa"), Reason.DERIVED_MAP),
    **dict.fromkeys(("dseg", "probseg", "mask"), Reason.SEGMENTATION),
}
_OF_WORD = (
    (re.compile(r"locali[sz]er|(?<![a-z])(?:scout|survey|loc)(?![a-z])|3.?plane"), Reason.LOCALIZER),
    (re.compile(r"part-phase"), Reason.PHASE),
)
_OF_IMAGE_TYPE = {
    "LOCALIZER": Reason.LOCALIZER,
    "P": Reason.PHASE,
    "PHASE": Reason.PHASE,
    "PHASE MAP": Reason.PHASE,
    "FA": Reason.DERIVED_MAP,
    "FMRI": Reason.FUNCTIONAL,
    "ASL": Reason.PERFUSION,
    "PERFUSION": Reason.PERFUSION,
}
_OTHER_BODY_PARTS = re.compile(
    "SPINE|CHEST|THORAX|ABDOMEN|PELVIS|HEART|LIVER|PROSTATE|BREAST|KNEE|HIP|ANKLE|FOOT|SHOULDER|ELBOW|WRIST|HAND|LEG"
)


def one_volume_per_b_value(b_values: Sequence[float], num_volumes: int) -> bool:
    """Whether a diffusion file is a clinical series: one volume, averaged or single, for each b-value."""
    return len(b_values) == num_volumes == len({round(value) for value in b_values})


def reason_of_4d(description: str, suffix: str, *, has_b_values: bool) -> Reason:
    """Why a file of several volumes is left out: diffusion, perfusion, or (what most such files are) functional."""
    words = description.lower()
    if has_b_values or suffix == "dwi" or re.search(r"dwi|dti|diff", words):
        return Reason.DIFFUSION_DIRECTIONS
    if _OF_SUFFIX.get(suffix) is Reason.PERFUSION or re.search(r"perf|pcasl|(?<![a-z])(?:asl|dsc|dce)(?![a-z])", words):
        return Reason.PERFUSION
    return Reason.FUNCTIONAL


def reason_of_facts(sidecar: Sidecar, description: str, suffix: str) -> tuple[Reason, str] | None:
    """The reason and its detail that the json or the BIDS suffix gives, None when they have nothing against it."""
    modality = sidecar.text("Modality")
    if modality is not None and modality.upper() not in ("MR", "MRI"):
        return Reason.NOT_MR, f"modality {modality.upper()[:8]}"
    body_part = (sidecar.text("BodyPartExamined") or "").upper()
    if _OTHER_BODY_PARTS.search(body_part):
        return Reason.NOT_BRAIN, f"body part {body_part[:16]}"
    for value in sidecar.image_type:
        if value in _OF_IMAGE_TYPE:
            return _OF_IMAGE_TYPE[value], f"image type {value}"
    if suffix in _OF_SUFFIX:
        return _OF_SUFFIX[suffix], f"file name ends in {suffix}"
    for pattern, reason in _OF_WORD:
        match = pattern.search(description.lower())
        if match:
            return reason, f"description says {match[0]}"
    return None


def is_label_mask(voxels: NDArray[Any]) -> bool:
    """Whether all values are whole numbers and fewer than `NUM_LABELS` of them differ."""
    sample = voxels.ravel()[:: max(1, voxels.size // 65536)]
    if len(np.unique(sample)) >= NUM_LABELS:
        return False
    values = np.unique(voxels)
    return len(values) < NUM_LABELS and bool(np.isfinite(values).all()) and bool((values == np.rint(values)).all())
