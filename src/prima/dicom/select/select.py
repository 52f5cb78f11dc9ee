"""Deciding what becomes of each part of a series, from its header and geometry alone."""

from __future__ import annotations

from prima.dicom.select.evidence import Evidence
from prima.study import series_rules as rules
from prima.study.exclusion import Reason
from prima.study.series_rules import IMAGE_TYPE_RULES, NAME_RULES, SelectionRule

Verdict = tuple[Reason, str]

# Fewer slices than this are no stack that a reader would use: localizers have three or so in each plane.
MIN_SLICES = 4
# From this many gradient directions on, images are the raw data of a tensor rather than a clinical series.
MIN_TENSOR_DIRECTIONS = 6
# From this many time points on, echo-planar images are a time series.
MIN_TIME_SERIES = 3
# From this many time points on, a series that is not echo planar is a dynamic study of contrast passage.
MIN_DYNAMIC_TIME_POINTS = 10
# A single gradient-echo echo-planar volume of at most this matrix is one time point of a functional series.
MAX_FUNCTIONAL_MATRIX = 128
MIN_FUNCTIONAL_ECHO_MS = 20.0
# A localizer of two or of three planes has at most this many images in each.
MAX_LOCALIZER_SLICES = {2: 5, 3: 10}

SECONDARY_CAPTURE_CLASS = "1.2.840.10008.5.1.4.1.1.7"
SEGMENTATION_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.66.4",
    "1.2.840.10008.5.1.4.1.1.66.7",
)
PARAMETRIC_MAP_CLASS = "1.2.840.10008.5.1.4.1.1.30"


def select(evidence: Evidence, *, min_slices: int = MIN_SLICES) -> Verdict | None:
    """Why a part is not used, with one line for people, or None when it is."""
    for ask in (_object, _anatomy, _image_type, _localizer, _names, _diffusion, _functional, _component, _readable):
        verdict = ask(evidence)
        if verdict is not None:
            return verdict
    if evidence.num_places < min_slices:
        count = evidence.num_places
        return Reason.TOO_FEW_SLICES, f"{count} {'slice' if count == 1 else 'slices'}, fewer than {min_slices}"
    return None


def _object(evidence: Evidence) -> Verdict | None:
    """What kind of object it is."""
    instance = evidence.instance
    if instance.sop_class in SEGMENTATION_CLASSES or instance.modality == "SEG":
        return Reason.SEGMENTATION, "a segmentation object"
    if instance.pixels is None and instance.unreadable is None:
        return Reason.NOT_IMAGE, "an object without pixels"
    if instance.sop_class.startswith(SECONDARY_CAPTURE_CLASS) or instance.conversion_type is not None:
        return Reason.SECONDARY_CAPTURE, "a secondary capture"
    if instance.modality not in {"MR", ""}:
        return Reason.NOT_MR, f"modality {_code(instance.modality)}"
    if instance.sop_class == PARAMETRIC_MAP_CLASS:
        return Reason.DERIVED_MAP, "a parametric map"
    return None


def _code(modality: str) -> str:
    return modality if modality.isalnum() and len(modality) <= 16 else "unknown"


def _anatomy(evidence: Evidence) -> Verdict | None:
    """Which part of the body it shows: the nearest statement decides, and silence is taken for brain."""
    for source, words, pattern in (
        ("series name", evidence.name, rules.NOT_BRAIN_NAME),
        ("body part", evidence.body_part, rules.NOT_BRAIN_BODY_PART),
        ("study description", evidence.study, rules.NOT_BRAIN_BODY_PART),
    ):
        if rules.BRAIN.search(words):
            return None
        match = pattern.search(words)
        if match is not None:
            return Reason.NOT_BRAIN, f"{source} says {match[0].strip()}"
    return None


def _first(evidence: Evidence, table: tuple[SelectionRule, ...]) -> Verdict | None:
    for rule in table:
        if rule.pattern.search(getattr(evidence, rule.source)):
            return rule.reason, rule.says
    return None


def _image_type(evidence: Evidence) -> Verdict | None:
    verdict = _first(evidence, IMAGE_TYPE_RULES)
    if verdict is not None and _is_combined_echoes(evidence):
        verdict = None
    if verdict is None and evidence.colour:
        named = _first(evidence, NAME_RULES)
        if named is not None and named[0] in {Reason.DERIVED_MAP, Reason.PERFUSION}:
            return named
        return Reason.SECONDARY_CAPTURE, "a colour image"
    return verdict


def _is_combined_echoes(evidence: Evidence) -> bool:
    r"""Whether MEAN stands for the root mean square over the echoes of one acquisition (multi-echo MPRAGE).

    Such an image is an original one and no time series, and nothing else in its ImageType says that it is a map.
    """
    if not evidence.image_type.startswith("\\ORIGINAL\\PRIMARY\\") or evidence.instance.echo_planar:
        return False
    without = evidence.image_type.replace("\\MEAN\\", "\\").replace("\\RMS\\", "\\")
    return not any(rule.pattern.search(without) for rule in IMAGE_TYPE_RULES)


def _localizer(evidence: Evidence) -> Verdict | None:
    """Several planes of few images each are a localizer, whatever the name."""
    planes = evidence.planes
    kinds = {word.split()[0] for word in planes}
    if len(kinds) >= 2 and max(planes.values()) <= MAX_LOCALIZER_SLICES[len(kinds)]:
        return Reason.LOCALIZER, f"{len(kinds)} planes of at most {max(planes.values())} images"
    return None


def _names(evidence: Evidence) -> Verdict | None:
    return _first(evidence, NAME_RULES)


def is_diffusion(evidence: Evidence) -> bool:
    """Whether the series is diffusion weighted, b0 images of it included."""
    return (
        evidence.max_b_value > 20
        or "\\DIFFUSION\\" in evidence.image_type
        or rules.DIFFUSION.search(evidence.name) is not None
    )


def _diffusion(evidence: Evidence) -> Verdict | None:
    """Raw images in many directions; trace, ADC and clinical b0/b1000 images stay."""
    if rules.DIFFUSION_SUMMARY.search(evidence.image_type) or rules.DIFFUSION_SUMMARY_NAME.search(evidence.name):
        return None
    if evidence.num_directions >= MIN_TENSOR_DIRECTIONS:
        return Reason.DIFFUSION_DIRECTIONS, f"{evidence.num_directions} gradient directions"
    if rules.MANY_DIRECTIONS.search(evidence.name) or rules.MANY_DIRECTIONS_SEQUENCE.search(evidence.sequence):
        return Reason.DIFFUSION_DIRECTIONS, "raw images in many directions, by the name of series or sequence"
    if evidence.directional and (evidence.num_directions > 1 or evidence.says_directional):
        return Reason.DIFFUSION_DIRECTIONS, "weighted along single directions"
    return None


def _functional(evidence: Evidence) -> Verdict | None:
    """Echo-planar time series, or one time point of one; other long time series are contrast passages."""
    if is_diffusion(evidence):
        return None
    if evidence.instance.echo_planar:
        times = evidence.num_time_points
        if times >= MIN_TIME_SERIES:
            agent = evidence.instance.acquisition.contrast_agent
            reason = Reason.FUNCTIONAL if agent is None else Reason.PERFUSION
            return reason, f"echo planar with {times} time points"
        if evidence.gradient_echo and (evidence.instance.tiling is not None or _functional_volume(evidence)):
            return Reason.FUNCTIONAL, "one time point of a gradient-echo echo-planar series"
    elif evidence.num_repeated >= MIN_DYNAMIC_TIME_POINTS and evidence.num_places >= MIN_SLICES:
        return Reason.PERFUSION, f"{evidence.num_repeated} time points"
    return None


def _functional_volume(evidence: Evidence) -> bool:
    frame = evidence.part.frames[0]
    echo = frame.echo_time_ms or 0.0
    return max(frame.rows, frame.columns) <= MAX_FUNCTIONAL_MATRIX and echo >= MIN_FUNCTIONAL_ECHO_MS


def _component(evidence: Evidence) -> Verdict | None:
    if evidence.component in {"PHASE", "IMAGINARY"}:
        return Reason.PHASE, f"{evidence.component.lower()} images"
    if evidence.component == "REAL" and any(
        (frame.component or "MAGNITUDE") == "MAGNITUDE" for frame in evidence.series
    ):
        return Reason.PHASE, "real part of images that are there as magnitude"
    return None


def _readable(evidence: Evidence) -> Verdict | None:
    if evidence.unreadable is not None:
        return Reason.UNREADABLE, evidence.unreadable
    if not evidence.geometry:
        return Reason.MISSING_GEOMETRY, "position, orientation or pixel spacing is missing or not finite"
    return None
