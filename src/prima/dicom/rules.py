r"""The rules of selection, as data: a reason, where to look, what to find, and the words for people.

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


@dataclass(frozen=True)
class Rule:
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
    "brain", "head", "heads?neck", "headneck", "skull", "cranial", "cranium", "cerebr[a-z]*", "neuro", "kopf",
    "schadel", "schädel", "hirn", "gehirn", "cerveau", "encephale", "encéphale", "crane", "crâne", "cerebro",
    "cráneo", "craneo", "encefalo", "testa", "cabeza", "cranio", "crânio", "pituitary", "sella", "hypophys[a-z]*",
    "iacs?", "orbits?", "頭部", "脳", "whole brain",
)  # fmt: skip

NOT_BRAIN = _words(
    "[ctl]? ?s?spine[a-z]*", "[a-z]*spine", "cervical", "thoracic", "lumbar", "lumbo[a-z]*", "sacr[a-z]+", "[hbl]ws",
    "wirbels[a-z]*", "rachis", "columna", "colonna", "coluna", "neck", "hals", "chest", "thorax", "lung", "heart",
    "cardiac", "breast", "mamma", "abdomen", "abdominal", "liver", "hepat[a-z]*", "kidneys?", "renal", "pancreas",
    "mrcp", "spleen", "bowel", "enterography", "pelvis", "pelvic", "prostate", "uterus", "rectum", "bladder", "hip",
    "hips", "knee", "knie", "genou", "rodilla", "ankle", "foot", "feet", "leg", "legs", "thigh", "femur", "tibia",
    "calf", "shoulder", "schulter", "elbow", "wrist", "hand", "finger", "arm", "forearm", "humerus", "extremity",
    "lower extremity", "upper extremity", "tmj", "jaw", "wholebody", "whole body", "aorta", "fetal", "fetus",
    "phantom", "腰椎", "頸椎", "胸椎",
)  # fmt: skip

# From ImageType: the scanner's own word for what an image is.
IMAGE_TYPE_RULES = (
    Rule(Reason.LOCALIZER, "image_type", _values("LOCALIZER", "SCOUT", "SURVEY"), "image type says localizer"),
    Rule(
        Reason.PERFUSION,
        "image_type",
        _values(
            "ASL", "PERFUSION", "PERFUSION[ _].*?", "DSC", "DCE", "(?:REL|R|C)?CBF", "(?:REL|R|C)?CBV",
            "(?:REL|R)?MTT", "TTP", "TMAX", "PBP", "GBP", "BAT", "KTRANS", "TRACER",
        ),
        "image type says perfusion",
    ),
    Rule(
        Reason.DERIVED_MAP,
        "image_type",
        _values("FA", "COLFA", "RGB FA", "CFA", "RA", "VR", "DTI_FA", "L[123]", "EIGEN.*?", "TENSOR.*?", "TRACTO.*?",
                "FRACTIONAL_ANISO.*?", "RELATIVE_ANISO.*?", "VOLUME_RATIO", "EADC", "EXP_ADC", "EXPONENTIAL.*?"),
        "a diffusion map",
    ),
    Rule(
        Reason.DERIVED_MAP,
        "image_type",
        _values("MIP", "MINIP", "MNIP", "MIN IP", "MIN_IP", "MAX_IP", "PROJECTION IMAGE", "PJN", "CPR",
                "3D RENDERING", "VOLREN", "VOLUME_RENDER.*?", "SSD", "MAXIMUM", "MINIMUM", "COLLAPSE"),
        "a projection or rendering",
    ),
    Rule(
        Reason.DERIVED_MAP,
        "image_type",
        _values("SUBTRACTION", "SUB", "SUBTRACT", "DIVISION", "ADDITION", "STD_DEVIATION", "MEAN", "T_?TEST", "ZMAP",
                "Z_MAP", "T_MAP", "CORRELATION", "T[12][ _]?MAP", "T2_?STAR_?MAP", "T2\\* ?MAP", "R[12][ _]?MAP",
                "R2_?STAR.*?", "PD[ _]MAP", "B1[ _]?MAP", "QUANTITY", "SUSCEPTIBILITY", "QSM"),
        "a map computed from other images",
    ),
    Rule(Reason.FIELD_MAP, "image_type", _values("B0", "B0[ _]MAP", "FIELD[ _]?MAP", "FIELDMAP"), "a field map"),
    Rule(Reason.FUNCTIONAL, "image_type", _values("FMRI", "BOLD", "MOCO"), "image type says functional"),
    Rule(
        Reason.SECONDARY_CAPTURE,
        "image_type",
        _values("SCREEN ?SAVE", "SCREEN ?SHOT", "SCREEN", "FILMED", "SPECTRO.*?"),
        "a screenshot",
    ),
)  # fmt: skip

# From the series' own name.
NAME_RULES = (
    Rule(
        Reason.LOCALIZER,
        "name",
        _words("[0-9a-z]*locali[sz]ers?", "loc", "locs", "[a-z]*scouts?", "scano", "scanogram", "survey[a-z]*",
               "(?:3|three|tri) ?(?:plane|planes|pl|planar|axis)", "plan(?:ning)? scan", "topogram", "pilot",
               "loka[a-z]*", "localisateur", "localizador", "reperage", "repérage", "smart ?brain", "auto ?align[a-z]*"),
        "a localizer by its name",
    ),
    Rule(
        Reason.LOCALIZER,
        "name",
        _words("(?:asset|pure|arc)? ?cal(?:ibration)?", "(?:asset|pure) .*", "(?:sense )?ref(?:erence)? scan",
               "sense ref[a-z]*", "coil ?(?:survey|sens[a-z]*|ref[a-z]*|test)", "prescan[a-z]*", "shim(?:ming)?"),
        "a calibration scan by its name",
    ),
    Rule(
        Reason.FIELD_MAP,
        "name",
        _words("[a-z]*field ?map[a-z]*", "gre field [a-z]*", "fmap", "b[01] ?map[a-z]*", "b[01] ?shim", "topup",
               "(?:gre )?fm", "distortion (?:map|corr[a-z]*)", "tfl b1map", "dream"),
        "a field map by its name",
    ),
    Rule(
        Reason.PERFUSION,
        "name",
        _words("[0-9a-z]*perf", "[0-9a-z]*perfusion[a-z]*", "(?:[23]d)?(?:p|pc|v|vs)?asl", "e?asl", "dsc", "dce",
               "(?:rel|r|c)?cbf[a-z]*", "(?:rel|r|c)?cbv[a-z]*", "(?:rel|r)?mtt", "ttp", "tmax", "pwi", "pbp", "gbp",
               "ktrans", "ve", "kep", "permeability", "transit", "twist", "tricks", "4d ?(?:mra|trak)[a-z]*",
               "time ?resolved"),
        "perfusion by its name",
    ),
    Rule(
        Reason.FUNCTIONAL,
        "name",
        _words("[a-z]*fmri[a-z]*", "bold", "(?:ep2d )?func", "rs ?fmri", "resting(?: state)?", "rest(?:ing)? ?state",
               "task", "moco ?series"),
        "functional by its name",
    ),
    Rule(
        Reason.DERIVED_MAP,
        "name",
        _words("[a-z]*mip", "[a-z]*mips", "mnip", "min ?ip", "max ?ip", "projection", "rendering", "vrt", "3d model",
               "colou?r fa", "col ?fa", "cfa", "fa", "fa ?map", "fractional anis[a-z]*", "tensor", "trackvis",
               "[a-z]*tracto[a-z]*", "tracks?", "fiber[a-z]*", "fibre[a-z]*", "e ?adc", "exp(?:onential)? adc", "sub", "subs", "subtr[a-z]*",
               "[a-z]*subtraction[a-z]*", "t[12] ?(?:star )?map[a-z]*", "pd map", "r2 ?star", "r2 ?map", "t2 ?star map",
               "qsm[a-z]*", "[st] ?map", "activation", "processed"),
        "a map or projection by its name",
    ),
    Rule(
        Reason.SECONDARY_CAPTURE,
        "name",
        _words("screen ?(?:save|shots?|captures?)", "phoenix ?zip ?report", "phoenix report", "evidence documents?",
               "key images?", "dose report", "results?", "basic text sr"),
        "a capture by its name",
    ),
    Rule(
        Reason.PHASE,
        "name",
        _words("pha", "pha images?", "filt pha", "phase (?:map|image|images)", "(?:swi|swan|qsm|venbold) phase",
               "velocity"),
        "phase by its name",
    ),
)  # fmt: skip

# A name of raw diffusion in many directions; ADC and trace images are told apart before this is asked.
MANY_DIRECTIONS = _words(
    "[a-z0-9]*dti[a-z0-9]*", "mddw", "[a-z]*dir ?[0-9]+[a-z]*", "[0-9]+ ?dirs?", "[0-9]+ ?directions?", "hardi", "dsi",
    "dki", "noddi", "tensor", "multi ?shell", "ms ?dwi", "q ?ball", "ivim",
)  # fmt: skip
DIFFUSION = _words(
    "[a-z0-9]*dwi[a-z0-9]*", "[a-z0-9]*diff[a-z]*", "[a-z0-9]*dti[a-z0-9]*", "b ?[0-9]{3,4}", "adc", "trace[a-z]*"
)
DIFFUSION_SUMMARY = _values("ADC", "TRACEW", "TRACE", "AVERAGE_DC", "ISO", "ISOTROPIC")
DIFFUSION_SUMMARY_NAME = _words(
    "[a-z0-9]*adc", "trace[a-z]*", "tracew", "isodwi", "iso", "combined", "apparent diffusion.*"
)
DYNAMIC = _words("dyn", "dynamic", "dynamique", "dynamisch")
MANY_DIRECTIONS_SEQUENCE = re.compile(r"ep_b\d+#\d+|(?:^|_)dti")
