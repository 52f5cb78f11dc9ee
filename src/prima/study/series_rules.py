r"""The rules of selection, as data: a reason, where to look, what to find, and the words for people.

DICOM headers and what lies beside NIfTI files (json, file name) are asked the same.
Patterns on `image_type` see values between backslashes (`\FA\`). Patterns on the other texts see lower-case words
with single spaces between and around (` 3 plane loc `). Rules are asked in order and the first that holds decides;
docs/reference/selection.md lists them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from prima.study.exclusion import Reason

Source = Literal["image_type", "name", "body_part", "study", "sequence"]

_NOT_WORD = re.compile(r"[^0-9a-z\u00c0-\uffff]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")


def plain(name: str | None) -> str:
    """A name as lower-case words, one space between, and a space at both ends.

    Example:
        >>> plain("DWI_dir80_PA-ADC"), plain("PhoenixReport")
        (' dwi dir80 pa adc ', ' phoenix report ')
    """
    return f" {_NOT_WORD.sub(' ', _CAMEL.sub(' ', name or '').lower()).strip()} "


@dataclass(frozen=True)
class SelectionRule:
    """A pattern in one of the texts that stands for a reason."""

    reason: Reason
    source: Source
    pattern: re.Pattern[str]
    says: str


def _values(*values: str) -> re.Pattern[str]:
    return re.compile(r"\\(?:" + "|".join(values) + r")\\")


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile(r"(?<= )(?:" + "|".join(patterns) + r")(?= )")


BRAIN = _words(
    "brain", "head", "headneck", "skull", "cranial", "cranium", "cerebr[a-z]*", "kopf", "schadel", "schädel", "hirn",
    "gehirn", "cerveau", "encephale", "encéphale", "crane", "crâne", "cerebro", "cráneo", "craneo", "encefalo",
    "cabeza", "cranio", "crânio", "pituitary", "sella", "sellar", "hypophys[a-z]*", "iacs?", "orbits?", "orbita",
    "intracranial", "hippocamp[a-z]*", "cow", "tof head", "頭部", "頭", "脳", "頭蓋",
)  # fmt: skip

# Words that say "not brain" even in the name of a series.
OTHER_ANATOMY = (
    "[a-z]*spine[a-z]*", "spinal", "cervical[a-z]*", "thoracic", "lumbar", "lumbo[a-z]*", "sacral", "sacrum", "[hbl]ws",
    "wirbels[a-z]*", "rachis", "columna", "colonna", "coluna", "neck", "carotids?", "hals", "chest", "thorax", "breast",
    "mamma[a-z]*", "abdom[a-z]*", "liver", "hepat[a-z]*", "kidneys?", "renal", "pancreas", "mrcp", "pelvi[a-z]*",
    "prostat[ae]?", "uterus", "rectum", "bladder", "knee", "knie", "genou", "rodilla", "ankle", "shoulder", "schulter",
    "elbow", "wrist", "tmj", "wholebody", "whole body", "aorta", "fetal", "fetus", "phantom", "腰椎", "頸椎", "胸椎",
)  # fmt: skip
# Short words that only count where a body part is named.
OTHER_BODY_PARTS = (
    "lung", "heart", "cardiac", "spleen", "bowel", "enterography", "hips?", "foot", "feet", "legs?", "thigh", "femur",
    "tibia", "calf", "hand", "finger", "arm", "forearm", "humerus", "(?:lower |upper )?extremity", "jaw",
    "[ctl]s", "ct", "ls",
)  # fmt: skip
NOT_BRAIN_NAME = _words(*OTHER_ANATOMY)
NOT_BRAIN_BODY_PART = _words(*OTHER_ANATOMY, *OTHER_BODY_PARTS)

# From ImageType: the scanner's own word for what an image is.
IMAGE_TYPE_RULES = (
    SelectionRule(Reason.LOCALIZER, "image_type", _values("LOCALIZER", "SCOUT", "SURVEY"), "image type says localizer"),
    SelectionRule(
        Reason.PERFUSION,
        "image_type",
        _values("ASL", "PERFUSION", "PERFUSION[ _][^\\\\]*", "DSC", "DCE", "(?:REL|R|C)?CBF", "(?:REL|R|C)?CBV",
                "(?:REL|R)?MTT", "TTP", "TMAX", "PBP", "GBP", "BAT", "KTRANS"),
        "image type says perfusion",
    ),
    SelectionRule(
        Reason.DERIVED_MAP,
        "image_type",
        _values("FA", "COLFA", "RGB FA", "CFA", "DTI_FA", "RA", "VR", "L[123]", "EIGEN[^\\\\]*", "TENSOR[^\\\\]*",
                "TRACTO[^\\\\]*", "FRACTIONAL_ANISO[^\\\\]*", "RELATIVE_ANISO[^\\\\]*", "VOLUME_RATIO", "EADC",
                "EXP_ADC", "EXPONENTIAL[^\\\\]*"),
        "a diffusion map",
    ),
    SelectionRule(
        Reason.DERIVED_MAP,
        "image_type",
        _values("MIP", "MINIP", "MNIP", "MIN[ _]IP", "MAX[ _]IP", "PROJECTION IMAGE", "PJN", "CPR", "3D RENDERING",
                "VOLREN", "VOLUME_RENDER[^\\\\]*", "SSD", "MAXIMUM", "MINIMUM", "COLLAPSE"),
        "a projection or rendering",
    ),
    SelectionRule(
        Reason.DERIVED_MAP,
        "image_type",
        _values("SUBTRACTION", "SUB", "SUBTRACT", "DIVISION", "STD_DEVIATION", "MEAN", "T_?TEST", "ZMAP", "Z_MAP",
                "T_MAP", "CORRELATION", "T[12][ _]?MAP", "T2_?STAR_?MAP", "T2\\* ?MAP", "R[12][ _]?MAP", "R2_?STAR",
                "PD[ _]MAP", "B1[ _]?MAP", "QUANTITY", "SUSCEPTIBILITY", "QSM"),
        "a map computed from other images",
    ),
    SelectionRule(Reason.FIELD_MAP, "image_type", _values("B0[ _]MAP", "FIELD[ _]?MAP"), "image type says field map"),
    SelectionRule(Reason.FUNCTIONAL, "image_type", _values("FMRI", "BOLD"), "image type says functional"),
    SelectionRule(
        Reason.SECONDARY_CAPTURE,
        "image_type",
        _values("SCREEN ?SAVE", "SCREEN ?SHOT", "SCREEN", "FILMED"),
        "a screenshot",
    ),
)  # fmt: skip

# From the series' own name.
NAME_RULES = (
    SelectionRule(
        Reason.LOCALIZER,
        "name",
        _words("[0-9a-z]*locali[sz]ers?", "locs?", "[a-z]*scouts?", "scano", "scanogram", "survey[a-z]*",
               "(?:3|three|tri) ?(?:planes?|pl|planar|axis)", "plan(?:ning)? scan", "topogram", "pilot", "loka[a-z]*",
               "localisateur", "localizador", "reperage", "repérage", "smart ?brain", "auto ?align[a-z]*", "aahscout"),
        "a localizer by its name",
    ),
    SelectionRule(
        Reason.LOCALIZER,
        "name",
        _words("(?:(?:asset|pure|arc) ?)?cal", "[a-z]*calibration", "(?:sense |coil )?ref(?:erence)? ?scan",
               "sense ref[a-z]*", "coil ?(?:survey|sens[a-z]*|ref[a-z]*|test)"),
        "a calibration scan by its name",
    ),
    SelectionRule(
        Reason.FIELD_MAP,
        "name",
        _words("[a-z]*field ?map[a-z]*", "gre field [a-z]*", "fmap", "b[01] ?map[a-z]*", "b[01] ?shim", "topup",
               "tfl b1map", "(?:rev(?:erse)?|opp[a-z]*) (?:pe|phase|polarity)"),
        "a field map by its name",
    ),
    SelectionRule(
        Reason.PERFUSION,
        "name",
        _words("[0-9a-z]*perf", "[0-9a-z]*perfusion[a-z]*", "(?:[23]d)?(?:p|pc|v|vs|e)?asl", "dsc", "dce",
               "(?:rel|r|c)? ?cb[fv][a-z]*", "(?:rel|r)? ?mtt", "ttp", "tmax", "pwi", "pbp", "gbp", "ktrans", "kep",
               "permeability", "transit", "twist", "tricks", "4d ?(?:mra|trak)[a-z]*", "time ?resolved"),
        "perfusion by its name",
    ),
    SelectionRule(
        Reason.FUNCTIONAL,
        "name",
        _words("[a-z]*fmri[a-z]*", "bold", "func", "rest(?:ing)?(?: ?state)?", "task", "mo ?co ?series"),
        "functional by its name",
    ),
    SelectionRule(
        Reason.DERIVED_MAP,
        "name",
        _words("[a-z]*mips?", "mnip", "(?:min|max) ?ip", "projections?", "rendering", "vrt", "3d model",
               "(?:(?:colou?r|col|c) ?)?fa(?: ?map)?(?! [0-9])", "[a-z]*colfa", "fractional anis[a-z]*", "tensor",
               "trackvis", "[a-z]*tracto[a-z]*", "fib(?:er|re)[a-z]*", "e ?adc", "exp[a-z]* (?:adc|apparent)",
               "subs?(?! [0-9])", "subtr[a-z]*", "[a-z]*subtraction[a-z]*", "t[12] ?(?:star ?)?map[a-z]*", "t1 images",
               "pd ?map", "r2 ?(?:star|map)", "qsm[a-z]*", "activation[a-z]*", "(?:mean )?diffusivity", "anisotropy"),
        "a map or projection by its name",
    ),
    SelectionRule(
        Reason.SECONDARY_CAPTURE,
        "name",
        _words("screen ?(?:save|shots?|captures?)", "phoenix ?zip ?report", "phoenix report", "key images?"),
        "a capture by its name",
    ),
    SelectionRule(
        Reason.PHASE,
        "name",
        _words("pha", "pha images?", "filt pha", "phase (?:map|image|images)", "(?:swi|swan|qsm|venbold) phase",
               "velocity"),
        "phase by its name",
    ),
)  # fmt: skip

# Names of raw diffusion in many directions. `dir` alone may be double inversion recovery.
MANY_DIRECTIONS = _words(
    "[a-z0-9]*dti[a-z0-9]*", "mddw", "[a-z]*dir(?:[6-9]|[1-9][0-9]+)[a-z]*",
    "(?:[6-9]|[1-9][0-9]+) ?(?:dirs?|directions?)", "hardi", "dsi", "dki", "noddi", "multi ?shell", "q ?ball", "ivim",
)  # fmt: skip
MANY_DIRECTIONS_SEQUENCE = re.compile(r"ep_b\d+#\d+|(?:^|_)dti")
DIFFUSION = _words(
    "[a-z0-9]*dwi[a-z0-9]*", "[a-z0-9]*diff[a-z]*", "[a-z0-9]*dti[a-z0-9]*", "b ?[0-9]{3,4}", "adc", "trace[a-z]*"
)
# Trace and ADC, which are used.
DIFFUSION_SUMMARY = _values("ADC", "TRACEW", "TRACE", "AVERAGE_DC", "ISO", "ISOTROPIC")
DIFFUSION_SUMMARY_NAME = _words("[a-z0-9]*adc", "trace[a-z]*", "iso(?:tropic|dwi)?", "combined", "apparent diffusion.*")
