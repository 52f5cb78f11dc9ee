"""findings.json: it is read back as written, version 1 is read, and anything else is refused in one clear line."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prima.errors import UnreadableError
from prima.study import (
    Competitor,
    Differential,
    Familiarity,
    Finding,
    FindingEvidence,
    FindingPlace,
    Findings,
    Priority,
    Reason,
    ReleaseStamp,
    SeriesEntry,
    read_findings,
)

VERSION_1 = sorted((Path(__file__).parent / "findings_1").glob("*.json"))


def validator(name: str) -> Any:
    return jsonschema.Draft202012Validator(json.loads(files("prima.study").joinpath(name).read_text("utf-8")))


SCHEMA, SCHEMA_1 = validator("findings.schema.json"), validator("findings-1.schema.json")

numbers = st.floats(-1e6, 1e6)
shares = st.floats(0, 1)
points = st.tuples(numbers, numbers, numbers)
keys = st.tuples(st.sampled_from(["1.2.1", "1.2.2"]), st.sampled_from([None, "b1000"]))


@st.composite
def series_entries(draw: st.DrawFn, key: tuple[str, str | None], checked: bool) -> SeriesEntry:
    used = draw(st.booleans())
    return SeriesEntry(
        series_uid=key[0],
        number=draw(st.none() | st.integers(0, 10**6)),
        description=draw(st.none() | st.text()),
        part=key[1],
        status="used" if used else "excluded",
        reason=None if used else draw(st.sampled_from(list(Reason))).value,
        detail=draw(st.none() | st.text()),
        num_slices=draw(st.none() | st.integers(1, 500)),
        num_tokens=draw(st.integers(0, 10**5)),
        num_foreground=draw(st.integers(0, 10**5)),
        distance=draw(numbers) if checked and used else None,
    )


@st.composite
def evidence(draw: st.DrawFn, series: tuple[SeriesEntry, ...]) -> FindingEvidence:
    entry = draw(st.sampled_from(series))
    return FindingEvidence(
        sign=draw(st.sampled_from(["for", "against"])),
        sentence=draw(st.text()),
        series_uid=entry.series_uid,
        part=entry.part,
        peak_lps_mm=draw(st.none() | points),
    )


@st.composite
def single_findings(draw: st.DrawFn, series: tuple[SeriesEntry, ...]) -> Finding:
    calibrated = draw(st.booleans())
    source = draw(st.sampled_from(["validation", "fall-back", "none"]))
    threshold = draw(st.none() | (shares if calibrated else st.just(0.0)))
    present = None if threshold is None else draw(st.none() | st.booleans())
    place = differential = None
    if present is not None and series and draw(st.booleans()):
        entry = draw(st.sampled_from(series))
        place = FindingPlace(
            method=draw(st.text()), sentence=draw(st.text()), peak_lps_mm=draw(points),
            series_uid=entry.series_uid, part=entry.part, reliability=draw(st.none() | shares),
        )  # fmt: skip
        several = st.lists(evidence(series), max_size=2).map(tuple)
        competitors = st.builds(Competitor, name=st.text(), display=st.text(), evidence=several)
        differential = Differential(
            evidence=draw(several),
            competitors=draw(st.lists(competitors, max_size=2).map(tuple)),
            missing=draw(st.lists(st.text(), max_size=2).map(tuple)),
        )
    return Finding(
        name=draw(st.text()),
        display=draw(st.text()),
        logit=draw(numbers),
        probability=draw(shares) if calibrated else None,
        interval=draw(st.none() | st.tuples(shares, shares)) if calibrated else None,
        threshold=threshold,
        threshold_source=source,  # type: ignore[arg-type]
        present=present,
        place=place,
        differential=differential,
    )


@st.composite
def findings(draw: st.DrawFn) -> Findings:
    """Findings of every status, with all that may be null both null and given."""
    status = draw(st.sampled_from(["done", "unanswered", "refused"]))
    checked = status != "refused" and draw(st.booleans())
    series = tuple(draw(series_entries(key, checked)) for key in draw(st.lists(keys, unique=True, max_size=4)))
    some = st.lists(single_findings(series), max_size=3).map(tuple)
    done = status == "done"
    level = st.sampled_from(["none", "low", "medium", "high"])
    levels = st.dictionaries(level, numbers, min_size=1)
    priority = st.builds(Priority, level=level, logits=levels, probabilities=st.none() | levels)
    return Findings(
        study_uid=draw(st.text()),
        description=draw(st.none() | st.text()),
        status=status,  # type: ignore[arg-type]
        reason=None if done else draw(st.text()),
        release=ReleaseStamp(
            name=draw(st.text()),
            sha256=draw(st.text()),
            trained=draw(st.booleans()),
            calibrated=draw(st.booleans()),
            mode=draw(st.sampled_from(["image", "image+names", "image+names+indication"])),
        ),
        series=series,
        diagnoses=draw(some) if done else (),
        priority=draw(st.none() | priority) if done else None,
        referrals=draw(some) if done else (),
        timings_s={step: draw(numbers) for step in ("read", "tokenize", "encode", "heads", "vision", "total")},
        notes=draw(st.lists(st.text(), max_size=2).map(tuple)),
        input=draw(st.none() | st.text()),
        familiarity=Familiarity(distance=draw(numbers), limit=draw(numbers), answered=done) if checked else None,
    )


@given(findings())
def test_what_is_written_is_read_back_the_same(made: Findings) -> None:
    text = json.dumps(made.to_dict(), allow_nan=False)
    SCHEMA.validate(json.loads(text))
    assert Findings.from_dict(json.loads(text)) == made


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "findings.json"
    path.write_text(json.dumps(explained().to_dict()))
    assert read_findings(path) == explained()


@pytest.mark.parametrize("path", VERSION_1, ids=lambda path: path.stem)
def test_version_1_is_read_and_keeps_its_meaning(path: Path) -> None:
    """Every key of the old file stands in the new one with its value; what is new is null, or of no known source."""
    old = json.loads(path.read_text("utf-8"))
    SCHEMA_1.validate(old)
    new = read_findings(path).to_dict()
    SCHEMA.validate(new)
    assert without_new_keys(new) == without_new_keys(old)
    assert new["input"] is None and new["familiarity"] is None
    for finding in (*new["diagnoses"], *new["referrals"]):
        assert (finding["threshold_source"], finding["place"], finding["differential"]) == ("none", None, None)


def without_new_keys(document: dict[str, Any]) -> dict[str, Any]:
    new = {"schema", "input", "familiarity", "threshold_source", "place", "differential", "distance"}

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(item) for key, item in value.items() if key not in new}
        return [strip(item) for item in value] if isinstance(value, list) else value

    stripped: dict[str, Any] = strip(document)
    return stripped


def test_there_are_three_golden_files() -> None:
    assert [path.stem for path in VERSION_1] == ["calibrated", "refused", "uncalibrated"]


def test_what_version_1_allowed_to_be_absent_may_be_absent() -> None:
    old = json.loads(VERSION_1[0].read_text("utf-8"))
    del old["reason"], old["study"]["notes"], old["series"][0]["part"], old["series"][0]["detail"]
    SCHEMA_1.validate(old)
    found = Findings.from_dict(old)
    assert (found.reason, found.notes, found.series[0].part, found.series[0].detail) == (None, (), None, None)


def explained() -> Findings:
    """A study with everything that may be null given."""
    base = read_findings(VERSION_1[0])
    point = (-31.5, 22.0, 40.25)
    place = FindingPlace(
        method="evidence", sentence="right frontal, T2", peak_lps_mm=point, series_uid="1.2.3.2", reliability=0.82
    )
    seen = FindingEvidence(sign="for", sentence="bright on T2", series_uid="1.2.3.4", part="b1000", peak_lps_mm=point)
    other = Competitor(name="infection_abscess", display="Abscess", evidence=(seen,))
    differential = Differential(evidence=(seen,), competitors=(other,), missing=("a T1 series with contrast",))
    glioma = Finding(
        name="tumor_adult_glioma", display="Glioma", logit=2.9, probability=0.81, interval=(0.66, 0.9), threshold=0.31,
        threshold_source="validation", present=True, place=place, differential=differential,
    )  # fmt: skip
    values = base.to_dict() | {
        "input": "studies/one",
        "familiarity": {"distance": 1.25, "limit": 4.0, "answered": True},
    }
    values["diagnoses"][0] = Findings.to_dict(
        Findings(study_uid="", description=None, status="done", reason=None, release=base.release, series=(),
                 diagnoses=(glioma,))
    )["diagnoses"][0]  # fmt: skip
    return Findings.from_dict(values)


def places_in(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value of a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*here, key)
        yield from places_in(item, (*here, key))


REPLACEMENTS: tuple[Any, ...] = (None, True, -1, 0.5, "done", "unanswered", "refused", [], {})
GONE = object()
COUNTS = {"num_series_used", "num_series_excluded"}


def changed(whole: dict[str, Any]) -> Iterator[tuple[tuple[Any, ...], Any, dict[str, Any]]]:
    """The document with one value replaced or left out, every value and replacement in turn.

    Left aside is what no schema can say: that counts fit the series, and that a place is in a series of the study.
    """
    for way in places_in(whole):
        unsaid = COUNTS & set(way) or "series_uid" in way or "part" in way
        if unsaid or (way[0] == "series" and (len(way) <= 2 or way[-1] == "status")):
            continue
        for value in (GONE, *REPLACEMENTS):
            document = copy.deepcopy(whole)
            holder = document
            for key in way[:-1]:
                holder = holder[key]
            if value is GONE:
                del holder[way[-1]]
            else:
                holder[way[-1]] = value
            yield way, value, document


def read(document: dict[str, Any]) -> bool:
    """Whether the reader takes it; if not, in one line."""
    try:
        Findings.from_dict(document)
    except UnreadableError as error:
        assert len(str(error).splitlines()) == 1
        return False
    return True


def test_the_reader_takes_what_the_schema_allows_and_nothing_else() -> None:
    verdicts = {True: 0, False: 0}
    for way, value, document in changed(explained().to_dict()):
        allowed = SCHEMA.is_valid(document)
        assert read(document) == allowed, (way, value)
        verdicts[allowed] += 1
    assert min(verdicts.values()) > 100


def test_of_version_1_nothing_is_taken_that_its_schema_forbids() -> None:
    """Its schema says less than it means: an interval of seven ends, say, is refused all the same."""
    verdicts = {True: 0, False: 0}
    for way, value, document in changed(json.loads(VERSION_1[0].read_text("utf-8"))):
        verdicts[found := read(document)] += 1
        assert SCHEMA_1.is_valid(document) or not found, (way, value)
    assert min(verdicts.values()) > 100


def test_a_key_of_version_2_is_none_of_version_1() -> None:
    old = json.loads(VERSION_1[0].read_text("utf-8"))
    with pytest.raises(UnreadableError, match=r"findings: found missing or unknown fields \(input\)"):
        Findings.from_dict(old | {"input": "studies/one"})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "found schema None, expected 'openprima/findings/2' or 'openprima/findings/1'"),
        ({"schema": "openprima/findings/3"}, "found schema 'openprima/findings/3', expected"),
        (explained().to_dict() | {"status": "refused"}, "status: found 'refused', expected no diagnosis"),
        (explained().to_dict() | {"note": 1}, "unknown fields .note."),
    ],
)
def test_anything_else_is_one_clear_line(values: Any, message: str) -> None:
    with pytest.raises(UnreadableError, match=message):
        Findings.from_dict(values)


def test_counts_and_places_fit_the_series() -> None:
    values = explained().to_dict()
    values["study"]["num_series_used"] += 1
    with pytest.raises(UnreadableError, match=r"study\.num_series_used: found 3, expected 2; "):
        Findings.from_dict(values)
    values = explained().to_dict()
    values["diagnoses"][0]["place"]["series_uid"] = "1.2.9"
    with pytest.raises(
        UnreadableError, match=r"a place of tumor_adult_glioma in series: found '1\.2\.9', expected one"
    ):
        Findings.from_dict(values)


@pytest.mark.parametrize("text", ["", "{", "NaN", '"text"', "[" * 10**5])
def test_a_file_that_holds_no_findings(tmp_path: Path, text: str) -> None:
    path = tmp_path / "findings.json"
    path.write_text(text)
    with pytest.raises(UnreadableError):
        read_findings(path)
    with pytest.raises(UnreadableError, match=r"absent\.json: cannot be read"):
        read_findings(tmp_path / "absent.json")
