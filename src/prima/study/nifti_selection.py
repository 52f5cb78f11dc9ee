"""What a NIfTI file's json, header and name say against using it: the rules of DICOM, and those of file names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from prima.study import series_rules as rules
from prima.study.bids import Sidecar
from prima.study.exclusion import Reason
from prima.study.series_rules import IMAGE_TYPE_RULES, NAME_RULES, plain

Verdict = tuple[Reason, str]

# What the last word of a file name stands for: BIDS suffixes, and those of dcm2niix, FSL, FreeSurfer and SPM.
_OF_SUFFIX = {
    **dict.fromkeys(("bold", "sbref", "cbv_bold"), Reason.FUNCTIONAL),
    **dict.fromkeys(
        ("asl", "m0scan", "perf", "cbf", "cbv", "rcbf", "rcbv", "mtt", "ttp", "tmax", "att", "dsc", "dce"),
        Reason.PERFUSION,
    ),
    **dict.fromkeys(
        ("fieldmap", "phasediff", "phase1", "phase2", "magnitude1", "magnitude2", "b0map", "b1map", "tb1map", "rb1map"),
        Reason.FIELD_MAP,
    ),
    **dict.fromkeys(
        ("fa", "colfa", "md", "ad", "rd", "mo", "mk", "l1", "l2", "l3", "v1", "v2", "v3", "ra", "vr", "odi", "ndi"),
        Reason.DERIVED_MAP,
    ),
    **dict.fromkeys(
        ("mtrmap", "mtr", "mtsat", "chimap", "m0map", "s0map", "r1map", "mtvmap", "mwfmap", "statmap", "tmap", "zmap",
         "zstat", "tstat", "fstat", "cope", "varcope", "warp", "jac", "jacobian", "def", "displacement"),
        Reason.DERIVED_MAP,
    ),
    **dict.fromkeys(
        ("dseg", "probseg", "prob", "mask", "masks", "seg", "segmentation", "label", "labels", "labelmap", "roi",
         "rois", "lesion", "lesions", "aseg", "aparc", "parc", "parcellation", "pve", "pveseg", "ribbon", "annot",
         "gm", "wm", "csf"),
        Reason.SEGMENTATION,
    ),
    **dict.fromkeys(("ph", "pha", "phasemap", "imaginary", "imag"), Reason.PHASE),
}  # fmt: skip
_OF_WORD = (
    (re.compile(r" (?:loc|scout|survey|locali[sz]er|3 ?plane)(?= )"), Reason.LOCALIZER),
    (re.compile(r" part (?:phase|imag)(?= )"), Reason.PHASE),
    (
        re.compile(
            r"(?<! in)(?<! out)(?<! of)(?<! opp)(?<! opposed)(?<! multi)(?<! single)(?<! arterial)(?<! venous)"
            r"(?<! delayed)(?<! late)(?<! early) phase(?! ?(?:sens|contrast|enc|corr|cor |angio))(?= )"
        ),
        Reason.PHASE,
    ),
    (
        re.compile(r" (?:masks?|(?:d|prob|a)seg|aparc|seg(?:mentations?)?|label ?maps?|parcellation|pve(?:seg)?)(?= )"),
        Reason.SEGMENTATION,
    ),
)  # fmt: skip
# Parts of the body whose short names say enough in a file name; `arm` may be one of a trial, `ct` a modality.
_SHORT_BODY_PARTS = re.compile(
    r" (lung|heart|cardiac|spleen|bowel|hips?|foot|feet|legs?|thigh|femur|tibia|calf|hand|finger|forearm|humerus|jaw)"
    r"(?= )"
)
_OTHER_MODALITY = re.compile(r" (ct|cta|ncct|cect|cbct|pet|fdg|spect|hounsfield)(?= )")
_MR_WORDS = re.compile(r" (?:t[12][a-z]*|flair|dwi|adc|swi|pd|mra?|mri|mprage|tof|gre|tse|fse|b[0-9]{1,4})(?= )")
_WHO = re.compile(r"^(?:sub[-_][0-9A-Za-z]+|(?:subj?|subject|patient|pat|pt|case|id)[-_ ]*\d[0-9A-Za-z]*)[-_ ]+", re.I)


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


def reason_of_facts(sidecar: Sidecar, description: str, stem: str, intent: str | None = None) -> Verdict | None:
    """The reason and its detail that json, header or file name give, None when they have nothing against it.

    Args:
        sidecar: the json beside the file.
        description: SeriesDescription, else made of the stem.
        stem: the file's name without its suffix.
        intent: what the header calls its values when they are no intensities.
    """
    modality = sidecar.text("Modality")
    if modality is not None and modality.upper() not in ("MR", "MRI"):
        return Reason.NOT_MR, f"modality {modality.upper()[:8]}"
    names = tuple(dict.fromkeys((plain(description), plain(_WHO.sub("", stem)))))
    return (
        _anatomy(sidecar, names)
        or _image_type(sidecar)
        or _intent(intent)
        or _suffix(stem)
        or next((verdict for name in names if (verdict := _name(name)) is not None), None)
    )


def _anatomy(sidecar: Sidecar, names: Sequence[str]) -> Verdict | None:
    """Which part of the body it shows: the nearest statement decides, and silence is taken for brain."""
    for source, words, pattern in (
        *(("name", name, rules.NOT_BRAIN_NAME) for name in names),
        *(("name", name, _SHORT_BODY_PARTS) for name in names),
        ("body part", plain(sidecar.text("BodyPartExamined")), rules.NOT_BRAIN_BODY_PART),
        ("study description", plain(sidecar.text("StudyDescription")), rules.NOT_BRAIN_BODY_PART),
    ):
        if rules.BRAIN.search(words):
            return None
        match = pattern.search(words)
        if match is not None:
            return Reason.NOT_BRAIN, f"{source} says {match[0].strip()[:24]}"
    return None


def _image_type(sidecar: Sidecar) -> Verdict | None:
    values = "\\" + "\\".join(sidecar.image_type) + "\\"
    for rule in IMAGE_TYPE_RULES:
        if rule.pattern.search(values):
            return rule.reason, rule.says
    if any(value in ("P", "PHASE", "PHASE MAP", "IMAGINARY", "VELOCITY MAP") for value in sidecar.image_type):
        return Reason.PHASE, "image type says phase"
    return None


def _intent(intent: str | None) -> Verdict | None:
    if intent is None:
        return None
    reason = Reason.SEGMENTATION if intent == "labels" else Reason.DERIVED_MAP
    return reason, f"the header calls its values {intent}"


def _suffix(stem: str) -> Verdict | None:
    words = plain(stem).split()
    last = words[-1] if words else ""
    for suffix in (last, re.sub(r"\d+$", "", last)):
        if suffix in _OF_SUFFIX:
            return _OF_SUFFIX[suffix], f"file name ends in {suffix}"
    if last == "epi" and "dir" in words:
        return Reason.FIELD_MAP, "file name says reversed polarity"
    return None


def _name(name: str) -> Verdict | None:
    for pattern, reason in _OF_WORD:
        match = pattern.search(name)
        if match:
            return reason, f"name says {match[0].strip()}"
    for rule in NAME_RULES:
        if rule.pattern.search(name):
            return rule.reason, rule.says
    match = _OTHER_MODALITY.search(name)
    if match and not _MR_WORDS.search(name):
        return Reason.NOT_MR, f"name says {match[1].upper()}"
    return None
