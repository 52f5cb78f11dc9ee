"""Facts of the examination, the patient and the scanner that travel with a study."""

from __future__ import annotations

import re
from datetime import date

from pydicom.dataset import Dataset

from prima.dicom.header.element import integer, item, items, number, text, words
from prima.dicom.header.instance import StudyHeader
from prima.study.study import Acquisition

_AGE = re.compile(r"(\d{1,3})([DWMY])")
_YEARS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}


def study_facts(dataset: Dataset) -> StudyHeader:
    """Description, indication, date, age and sex (Patient Study Module, PS3.3 C.7.2.2)."""
    day = text(dataset, "StudyDate")
    sex = (text(dataset, "PatientSex") or "").upper()
    return StudyHeader(
        description=text(dataset, "StudyDescription"),
        indication=text(dataset, "ReasonForVisit") or text(dataset, "ReasonForTheRequestedProcedure"),
        date=day if day is not None and _day(day) is not None else None,
        age_years=age_years(text(dataset, "PatientAge"), text(dataset, "PatientBirthDate"), day),
        sex=sex if sex in {"M", "F", "O"} else None,
    )


def age_years(age: str | None, birth: str | None, study: str | None) -> float | None:
    """Age at the examination, from an age string or else from two dates.

    Example:
        >>> age_years("006M", None, None), age_years(None, "19800101", "20200101")
        (0.5, 40.0)
    """
    match = _AGE.fullmatch((age or "").strip().upper())
    if match is not None and int(match[1]) > 0:
        return round(int(match[1]) * _YEARS[match[2]], 2)
    birth_day, study_day = _day(birth), _day(study)
    if birth_day is None or study_day is None or not 0 <= (study_day - birth_day).days < 130 * 366:
        return None
    return round((study_day - birth_day).days / 365.25, 2)


def _day(value: str | None) -> date | None:
    digits = (value or "").replace(".", "").strip()[:8]
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None


def acquisition_of(dataset: Dataset) -> Acquisition:
    """Scanner and sequence facts (MR Image Module, PS3.3 C.8.3.1; C.8.13 for Enhanced MR)."""
    shared = item(dataset, "SharedFunctionalGroupsSequence")
    timing = dataset if shared is None else item(shared, "MRTimingAndRelatedParametersSequence") or dataset
    return Acquisition(
        manufacturer=text(dataset, "Manufacturer"),
        model=text(dataset, "ManufacturerModelName"),
        station=text(dataset, "StationName"),
        field_strength_t=_field_strength(dataset),
        repetition_time_ms=number(timing, "RepetitionTime"),
        echo_time_ms=number(dataset, "EchoTime"),
        inversion_time_ms=number(dataset, "InversionTime"),
        flip_angle_deg=number(timing, "FlipAngle"),
        contrast_agent=text(dataset, "ContrastBolusAgent"),
    )


def _field_strength(dataset: Dataset) -> float | None:
    value = number(dataset, "MagneticFieldStrength")
    if value is not None and value > 100:  # some writers give gauss
        value /= 10_000
    return value


def anatomy_of(dataset: Dataset) -> tuple[str, ...]:
    """Meanings of the anatomic region codes, upper-case (PS3.3 10.5), from the top level and the shared groups."""
    regions = list(items(dataset, "AnatomicRegionSequence"))
    shared = item(dataset, "SharedFunctionalGroupsSequence")
    anatomy = None if shared is None else item(shared, "FrameAnatomySequence")
    if anatomy is not None:
        regions.extend(items(anatomy, "AnatomicRegionSequence"))
    meanings = (text(region, "CodeMeaning") for region in regions)
    return tuple(meaning.upper() for meaning in meanings if meaning is not None)


_EPI_NAME = re.compile(r"epi|ep2d|ep3d|^\*?ep[_fs]", re.IGNORECASE)
# Segmented echo-planar readouts with few lines a shot (some SWI, some 3D) are not what "echo planar" means here.
_EPI_FACTOR = 15


def is_echo_planar(dataset: Dataset, scanning_sequence: tuple[str, ...]) -> bool:
    """Whether the images come from an echo-planar sequence.

    From ScanningSequence, EchoPlanarPulseSequence (0018,9018), the Philips EPI factor (2001,1013), or the sequence's
    own name.
    """
    if "EP" in scanning_sequence or (text(dataset, "EchoPlanarPulseSequence") or "").upper() == "YES":
        return True
    if (integer(dataset, (0x2001, 0x1013)) or 0) >= _EPI_FACTOR:
        return True
    names = (text(dataset, "SequenceName"), text(dataset, "PulseSequenceName"))
    return any(name is not None and _EPI_NAME.search(name) for name in names)


def scanning_sequence(dataset: Dataset) -> tuple[str, ...]:
    """ScanningSequence, or for Enhanced MR what EchoPulseSequence (0018,9008) stands for in its terms."""
    enhanced = {"SPIN": ("SE",), "GRADIENT": ("GR",), "BOTH": ("SE", "GR")}
    pulse = (text(dataset, "EchoPulseSequence") or "").upper()
    return words(dataset, "ScanningSequence") or enhanced.get(pulse, ())
