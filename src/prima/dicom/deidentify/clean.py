"""Building a clean data set from a data set: element by element, what the tables name, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID

from prima.dicom.deidentify.actions import Rule, actions, known_codes, private_actions
from prima.dicom.deidentify.csa import rewrite_csa
from prima.dicom.deidentify.folding import fold
from prima.dicom.deidentify.person import Person, digits_of
from prima.dicom.deidentify.policy import Policy
from prima.dicom.deidentify.values import (
    BINARY,
    age_between,
    clean_age,
    clean_numbers,
    clean_time,
    count_fits,
    date_of,
    numbers_of,
    split_datetime,
)
from prima.dicom.deidentify.words import clean_code, clean_words
from prima.dicom.header.element import BROKEN, items, text, values_of

# Items of these tell frames apart by their number, so that empty ones stay.
_COUNTED = {0x52009229, 0x52009230, 0x00651051}
_PIXELS = {0x7FE00008, 0x7FE00009, 0x7FE00010}
_NUMERIC = {*BINARY, "DS", "IS", "AT"}


@dataclass(frozen=True, kw_only=True)
class Change:
    """What happened to one element.

    Args:
        path: its tag, after the tags of the sequences it lies in.
        action: the action of the table, `emptied` or `removed`.
        before, after: the values; None after where nothing is left.
    """

    path: str
    name: str
    action: str
    before: str
    after: str | None


@dataclass(frozen=True, kw_only=True)
class Cleaner:
    """Cleans the data sets of one file.

    Args:
        note: is told of every element that does not stay as it was.
    """

    policy: Policy
    person: Person
    big_endian: bool = False
    note: Callable[[Change], None] | None = None
    kept_private: list[str] = field(default_factory=list)

    def clean(self, dataset: Dataset, path: str = "") -> Dataset:
        """A new data set with what may stay, without pixels."""
        result = Dataset()
        for tag in sorted(dataset.keys()):
            if int(tag) in _PIXELS and not path:
                continue
            rule = self._rule(dataset, tag)
            element = _element(dataset, tag) if rule is not None or self.note else None
            made = (
                None if rule is None or element is None else self._made(rule, element, dataset, f"{path}{_name(tag)}")
            )
            if made is not None:
                result.add(made)
                if tag.is_private:
                    self._add_creator(dataset, result, tag)
            if self.note is not None and not tag.is_private_creator:
                self._tell(rule, tag, element, made, path)
        return result

    def _rule(self, dataset: Dataset, tag: BaseTag) -> Rule | None:
        if not tag.is_private:
            return actions().get(int(tag))
        creator = _creator(dataset, tag)
        return None if creator is None else private_actions().get((creator, tag.group, tag.element & 0xFF))

    def _add_creator(self, dataset: Dataset, result: Dataset, tag: BaseTag) -> None:
        creator = _creator(dataset, tag) or ""
        result.add(DataElement(Tag(tag.group, tag.element >> 8), "LO", creator))
        self.kept_private.append(creator)

    def _made(self, rule: Rule, element: DataElement, dataset: Dataset, path: str) -> DataElement | None:
        """The element as it may stay, or None."""
        vr = _vr(rule, element, dataset)
        try:
            value = self._value(rule, vr, element, dataset, path)
        except BROKEN:
            value = None
        if value is None or (value == [] and vr != "SQ") or (rule.action == "empty" and rule.instead and element.value):
            value = rule.instead or ("" if rule.keep_empty else None)
            if value is None:
                return None
            value = DicomSequence() if vr == "SQ" else value
        if rule.option == "patient" and not self.policy.keep_patient:
            if not rule.keep_empty:
                return None
            value = ""
        return DataElement(element.tag, vr, value)

    def _value(self, rule: Rule, vr: str, element: DataElement, dataset: Dataset, path: str) -> Any:
        action = rule.action
        if action in {"items", "codes"}:
            return self._items(rule, element, path)
        if action == "empty":
            return ""
        if action == "patient":
            patient = self.policy.pseudonyms.patient_id(self.person.key)
            return f"{patient}^DEIDENTIFIED" if vr == "PN" else patient
        if action == "icc":
            return srgb_profile()
        if action == "csa":
            return rewrite_csa(element.value) if isinstance(element.value, bytes) else None
        if action == "offsets":
            return None  # made anew with the pixels
        if action == "age":
            return self._age(element, dataset)
        values = _values(element, vr, big_endian=self.big_endian)
        if not values:
            return ""  # an empty element tells nothing
        if action == "number":
            numbers = clean_numbers(vr, values) if vr in _NUMERIC and count_fits(rule.vm, len(values)) else None
            if numbers is None or self._names_the_person(element, numbers):
                return None
            return numbers if len(numbers) > 1 else numbers[0]
        if action == "b_value":
            if self._names_the_person(element, values):
                return None
            return [int(float(values[0]) % 1e5), *[0] * (len(values) - 1)] if count_fits(rule.vm, len(values)) else None
        return self._text(rule, [str(value) for value in values])

    def _names_the_person(self, element: DataElement, numbers: list[Any]) -> bool:
        """Whether a number repeats an identifier or a date of the person; the layout of the pixels is never doubted."""
        layout = element.tag.group == 0x0028 and not isinstance(element.value, (str, float))
        return not layout and any(digits_of(str(number)) in self.person.numbers for number in numbers)

    def _text(self, rule: Rule, values: list[str]) -> Any:
        first = values[0]
        names, patient = self.policy.pseudonyms, self.person.key
        match rule.action:
            case "words":
                found = [word for word in (clean_words(value, self.person.words) for value in values) if word]
            case "maker":
                found = [word for word in map(clean_words, values) if word]
            case "code":
                # colour tables do not stay
                plain = ["MONOCHROME" if rule.name == "PixelPresentation" and v == "COLOR" else v for v in values]
                codes = [clean_code(value) or rule.instead for value in plain]
                found = [code for code in codes if code]
            case "uid":
                found = [names.new_uid(value) for value in values if value.strip(" \0")]
            case "class":
                found = [value if UID(value.strip(" \0")).type else names.new_uid(value) for value in values]
            case "date":
                days = [names.shift_date(patient, day) for day in map(date_of, values) if day is not None]
                found = [f"{day:%Y%m%d}" for day in days if day is not None]
            case "time":
                times = [time for time in map(clean_time, values) if time is not None]
                found = [self._without_identifier(time) for time in times]
            case "datetime":
                found = [moved for moved in map(self._moved, values) if moved is not None]
            case "accession":
                found = [names.accession(first)]
            case "device":
                found = [self._device(first)]
            case "sex":
                found = [first.strip().upper()] if first.strip().upper() in {"M", "F", "O"} else []
            case _:
                found = []
        return found if len(found) != 1 else found[0]

    def _moved(self, value: str) -> str | None:
        """A date and time, with its date moved."""
        parts = split_datetime(value)
        if parts is None:
            return None
        day = self.policy.pseudonyms.shift_date(self.person.key, parts[0])
        return None if day is None else f"{day:%Y%m%d}{self._without_identifier(parts[1])}"

    def _without_identifier(self, time: str) -> str:
        """A time without its fraction of a second where that repeats an identifier."""
        whole, point, rest = time.partition(".")
        fraction = rest.split("+")[0].split("-")[0]
        if digits_of(fraction) in self.person.numbers or digits_of(time.replace(".", "")) in self.person.numbers:
            return whole[:2] + "0000"[: len(whole) - 2] + rest[len(fraction) :]
        return whole + point + rest

    def _device(self, value: str) -> str:
        plain = value.strip()
        if not self.policy.keep_device:
            return self.policy.pseudonyms.device(value)
        safe = len(plain) <= 64 and all(letter.isascii() and (letter.isalnum() or letter in " _-.") for letter in plain)
        folded = fold(plain)
        identifies = any(fold(word) in folded for word in self.person.words if len(word) > 3)
        identifies = (
            identifies or any(number in folded for number in self.person.numbers) or plain.lower() in self.person.words
        )
        return plain if safe and not identifies else self.policy.pseudonyms.device(value)

    def _age(self, element: DataElement, dataset: Dataset) -> str | None:
        return clean_age(str(element.value)) or age_from_dates(dataset)

    def _items(self, rule: Rule, element: DataElement, path: str) -> DicomSequence | None:
        if not isinstance(element.value, DicomSequence):
            return None
        if rule.action == "codes":
            found = [code for code in map(_code, element.value) if code is not None]
        else:
            cleaned = [self.clean(item, f"{path}/") for item in element.value]
            found = [item for item in cleaned if len(item) or int(element.tag) in _COUNTED]
        return DicomSequence(found) if found or not len(element.value) else None

    def _tell(
        self, rule: Rule | None, tag: BaseTag, element: DataElement | None, made: DataElement | None, path: str
    ) -> None:
        if self.note is None or (made is not None and made.VR == "SQ"):
            return
        before = "" if element is None else shown(element)
        after = None if made is None else shown(made)
        if before == after:
            return
        name = rule.name if rule is not None else (element.name if element is not None else "unreadable")
        action = "removed" if rule is None or made is None else rule.action if after else "emptied"
        self.note(Change(path=f"{path}{_name(tag)}", name=name, action=action, before=before, after=after))


@cache
def srgb_profile() -> bytes:
    """The sRGB colour profile, without the day on which it was made; it stands for any profile of a file."""
    from PIL.ImageCms import ImageCmsProfile, createProfile

    profile = bytearray(ImageCmsProfile(createProfile("sRGB")).tobytes())
    profile[24:36] = bytes(12)  # date and time (ICC.1 7.2)
    return bytes(profile)


def age_from_dates(dataset: Dataset) -> str | None:
    """The age at the study as its two dates give it."""
    born, seen = (date_of(text(dataset, keyword) or "") for keyword in ("PatientBirthDate", "StudyDate"))
    return None if born is None or seen is None else age_between(born, seen)


def shown(element: DataElement) -> str:
    """The value of an element in few words."""
    if element.VR == "SQ":
        return f"{len(element.value)} items"
    if isinstance(element.value, bytes):
        return f"{len(element.value)} bytes"
    several = not isinstance(element.value, str) and hasattr(element.value, "__iter__") and element.VR != "PN"
    return "\\".join(str(value) for value in element.value) if several else str(element.value or "")


def _name(tag: BaseTag) -> str:
    return f"({tag.group:04X},{tag.element:04X})"


def _element(dataset: Dataset, tag: BaseTag) -> DataElement | None:
    try:
        return dataset[tag]
    except BROKEN:
        return None


def _creator(dataset: Dataset, tag: BaseTag) -> str | None:
    return None if tag.element < 0x1000 else text(dataset, (tag.group, tag.element >> 8))


def _vr(rule: Rule, element: DataElement, dataset: Dataset) -> str:
    """The representation of the dictionary; where that leaves a choice, what the sign of the pixels says."""
    if " or " not in rule.vr:
        return rule.vr
    if element.VR in rule.vr.split(" or "):
        return element.VR
    return "SS" if values_of(dataset, "PixelRepresentation") == (1,) else "US"


def _values(element: DataElement, vr: str, *, big_endian: bool) -> list[Any]:
    value = element.value
    if isinstance(value, bytes):
        return numbers_of(vr, value, big_endian=big_endian) if vr in {*_NUMERIC, "CS"} else []
    if value is None or value == "" or isinstance(value, DicomSequence):
        return []
    if isinstance(value, (str, int, float)) or not hasattr(value, "__iter__") or element.VR == "PN":
        return [value]
    return list(value)


def _code(item: Dataset) -> Dataset | None:
    """A coded concept with our own words for it; None when it is not in the table."""
    scheme, value = text(item, "CodingSchemeDesignator") or "", text(item, "CodeValue") or ""
    meaning = known_codes().get(("SRT" if scheme in {"SNM3", "99SDM"} else scheme, value))
    if meaning is None:
        return None
    found = Dataset()
    found.CodeValue, found.CodingSchemeDesignator, found.CodeMeaning = value, scheme, meaning[:64]
    modifier = [code for code in map(_code, items(item, "AnatomicRegionModifierSequence")) if code is not None]
    if modifier:
        found.AnatomicRegionModifierSequence = modifier
    return found
