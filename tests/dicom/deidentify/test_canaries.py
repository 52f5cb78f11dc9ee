"""Canaries in every element of the dictionary, at every place that can hold one: none may come out."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import part10 as raw
import pytest
from pydicom.datadict import DicomDictionary

from prima.dicom.deidentify.actions import actions
from prima.dicom.deidentify.file import RefusedError, deidentify
from prima.dicom.deidentify.key import SiteKey
from prima.dicom.deidentify.policy import Policy

POLICY = Policy(key=SiteKey(b"a key for tests only"), keep_patient=True)
WORD, DATE, NUMBER, UID = b"ZZCANARYZZ", b"19470203", b"4242424242", b"1.2.826.0.1.4242.7.19470203"
# The same person in other alphabets, as PS3.5 annexes H to K write them.
NAMES = {
    b"ISO_IR 100": "Zürñcanárÿ".encode("latin-1"),
    b"ISO_IR 144": "Канарейкин".encode("iso8859-5"),
    b"ISO_IR 192": "Канарейкин^山田".encode(),
    b"GB18030": "金丝雀先生".encode("gb18030"),
    b"\\ISO 2022 IR 87": "カナリア山田".encode("iso2022_jp"),
    b"\\ISO 2022 IR 149": b"\x1b$)C" + "카나리아".encode("euc_kr"),
}
TEXT_VRS = {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}
FORMS = [
    WORD, WORD.lower(), WORD.decode().encode("utf-16-le"), WORD.decode().encode("utf-16-be"), DATE, b"1947-02-03",
    NUMBER, UID, *NAMES.values(), "カナリア".encode(), "カナリア".encode("utf-16-le"), "Канарейкин".encode("utf-16-le"),
]  # fmt: skip
# Sequences that stay, from the outside in.
CHAIN = (0x52009229, 0x00081140, 0x00089215, 0x00082112, 0x00081115, 0x00081199)
MIN_FILES = 2000


def every_element() -> list[tuple[int, str]]:
    """Tags and value representations of the dictionary that can hold bytes of any kind, repeating groups left out."""
    found = []
    for tag, (vr, *_) in DicomDictionary.items():
        if 0x0008 <= tag >> 16 < 0x7FE0 and (vr in TEXT_VRS or vr in {"OB", "OW", "UN", "OB or OW"}):
            found.append((tag, "OB" if vr.startswith("O") else vr))
    return sorted(found)


def canary(vr: str, turn: int) -> bytes:
    """A value for an element: what fits its representation, or text where none belongs."""
    fitting = {
        "DA": DATE, "DT": DATE + b"101112.5+0100", "UI": UID, "IS": NUMBER[:8], "DS": NUMBER,
        "PN": WORD + b"^A=" + WORD, "UR": b"http://zz/" + WORD, "OB": b"xx" + WORD.decode().encode("utf-16-le"),
    }  # fmt: skip
    return (fitting.get(vr, WORD), WORD, b"T1 " + WORD + b" AX " + NUMBER, DATE + b"\\" + WORD)[turn % 4]


def files() -> Iterator[bytes]:
    elements = every_element()
    for index, (tag, vr) in enumerate(elements):
        hidden = [(tag, vr, canary(vr, index))]
        if tag in {0x00080016, 0x00080005}:  # the class decides what is covered; the character set is looked at below
            continue
        if index % 3 == 0:
            top = [item for item in hidden if item[0] not in {0x00020010}]
            yield raw.part10(raw.data_set(raw.minimal(top, number=index)))
        elif index % 3 == 1:
            yield raw.part10(raw.data_set(raw.minimal([nested(hidden, 1 + index % len(CHAIN), index)], number=index)))
        else:
            syntax = (raw.IMPLICIT, raw.BIG, raw.DEFLATED)[index % 9 // 3]
            body = raw.data_set(raw.minimal(hidden, big=syntax == raw.BIG, number=index), syntax=syntax)
            yield raw.part10(body, syntax=syntax)
    yield from odd_places()


def nested(hidden: list[raw.Element], depth: int, turn: int) -> raw.Element:
    """An element inside sequences that stay, written with either kind of length, or as a sequence of unknown bytes."""
    unknown = turn % 5 == 0
    syntax = raw.IMPLICIT if unknown else raw.EXPLICIT
    inside = raw.data_set(hidden, syntax=syntax)
    for tag in reversed(CHAIN[1:depth]):
        inside = raw.element(tag, "SQ", raw.sequence([inside], syntax=syntax), syntax=syntax)
    return CHAIN[0], "UN" if unknown else "SQ", raw.sequence([inside], syntax=syntax)


def odd_places() -> Iterator[bytes]:
    def file(*extra: raw.Element, **kept: object) -> bytes:
        return raw.part10(raw.data_set(raw.minimal(extra)), **kept)  # type: ignore[arg-type]

    yield file(preamble=WORD.ljust(128, b"!"))
    yield file(
        meta=[(0x00020016, "AE", WORD), (0x00020013, "SH", WORD), (0x00020100, "UI", UID), (0x00020102, "OB", WORD)]
    )
    yield file(tail=WORD + DATE)
    yield file((0xFFFCFFFC, "OB", WORD * 3))
    yield file((0x7FE00010, "OW", bytes(range(8)) + WORD))
    for group in range(0x6000, 0x6020, 2):
        yield file(
            (group << 16 | 0x3000, "OW", WORD), (group << 16 | 0x4000, "LT", WORD), (group << 16 | 0x0022, "LO", WORD)
        )
        yield file(((group - 0x1000) << 16 | 0x3000, "OW", WORD), ((group - 0x1000) << 16 | 0x0040, "LO", WORD))
    for block in (0x10, 0x11, 0x7F):
        for creator, group, number in PRIVATE:
            vr, value = ("OB", WORD) if block == 0x11 else ("LO", WORD)
            yield file((group << 16 | block, "LO", creator), (group << 16 | block << 8 | number, vr, value))
            yield file((group << 16 | block, "LO", WORD), (group << 16 | block << 8 | number, "UN", b"8  " + WORD))
    for charset, name in NAMES.items():
        for tag in (0x00100010, 0x0008103E, 0x00081030, 0x00181030, 0x00104000, 0x00080080, 0x00080060, 0x00180015):
            vr = {0x00100010: "PN", 0x00104000: "LT", 0x00080060: "CS", 0x00180015: "CS"}.get(tag, "LO")
            yield file((0x00080005, "CS", charset), (tag, vr, name))
    fixed = {0x0020000D, 0x0020000E, 0x00280010, 0x00280011, 0x00280100}
    tags = [tag for tag in actions() if 0x00080018 < tag < 0x7FE00000 and tag not in fixed]
    for first in range(0, len(tags), 8):  # a text where the dictionary has numbers or a sequence
        yield file(*((tag, "LO", WORD) for tag in tags[first : first + 8]))
        yield file(*((tag, "UN", WORD.ljust(16)) for tag in tags[first : first + 8]))
    yield file((0x00290010, "LO", b"SIEMENS CSA HEADER"), (0x00291010, "OB", b"SV10" + WORD * 20))
    yield file((0x00290010, "LO", b"SIEMENS CSA HEADER"), (0x00291010, "OB", csa_with_canaries()))
    yield file((0x00080008, "CS", b"ORIGINAL\\PRIMARY\\" + WORD), (0x00080060, "CS", WORD[:2]))
    yield file(
        (0x00100020, "LO", WORD), (0x0008103E, "LO", b"AX " + WORD), (0x00080050, "SH", WORD), (0x00200010, "SH", WORD)
    )


PRIVATE = (
    (b"SIEMENS MR HEADER", 0x0019, 0x0C), (b"SIEMENS MR HEADER", 0x0019, 0x0D), (b"SIEMENS MR HEADER", 0x0019, 0x08),
    (b"SIEMENS CSA HEADER", 0x0029, 0x20), (b"GEMS_PARM_01", 0x0043, 0x39), (b"GEMS_ACQU_01", 0x0019, 0xBB),
    (b"Philips Imaging DD 001", 0x2001, 0x04), (b"Philips Imaging DD 001", 0x2001, 0x03),
    (b"Image Private Header", 0x0065, 0x50), (b"ACME 1.0", 0x0033, 0x01), (WORD, 0x0035, 0x01),
)  # fmt: skip


def csa_with_canaries() -> bytes:
    """A CSA header with the two tags that are read, of which one has a text, and one that is not."""
    tags = []
    for name, value in ((b"NumberOfImagesInMosaic", b"9"), (b"SliceNormalVector", WORD), (b"PatientName", WORD)):
        data = value.ljust(12, b"\0")
        tags.append(struct.pack("<64si4s3i", name, 1, b"LO", 0, 1, 77) + struct.pack("<4i", 12, 12, 77, 12) + data)
    return b"SV10\4\3\2\1" + struct.pack("<2i", len(tags), 77) + b"".join(tags)


def test_no_canary_survives(tmp_path: Path) -> None:
    path = tmp_path / "one.dcm"
    num_files, num_written, leaks, refused = 0, 0, [], []
    for num_files, content in enumerate(files(), start=1):
        path.write_bytes(content)
        try:
            clean = deidentify(path, POLICY)
        except RefusedError as error:
            refused.append((num_files, error.reason.value, error.detail))
            continue
        assert clean is not None
        num_written += 1
        everything = clean.content + str(clean.place).encode()
        leaks += [(num_files, form) for form in FORMS if form in everything or form.upper() in everything.upper()]
    assert num_files >= MIN_FILES
    assert not leaks
    assert num_written > 0.97 * num_files, refused[:20]


@pytest.mark.parametrize("tag", sorted(tag for tag, rule in actions().items() if rule.option == "patient"))
def test_patient_elements_need_the_option(tag: int) -> None:
    assert actions()[tag].profile in {"X", "Z"}
