"""Recall and precision of scrubbing prose, by kind: the built-in rules beside de-identification libraries.

python benchmarks/scrub.py [--lines FILE] [--with rules|philter|scrubadub|presidio] [--errors]

A library is measured where it is installed; an environment of its own will do, as nothing of prima is imported then.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests" / "dicom" / "deidentify"
sys.path[0] = str(TESTS)  # not the folder of this script, whose names others use too

from scrub_score import KINDS, Record, read_lines, score  # noqa: E402

Scrub = Callable[[Record, str], str]


def rules() -> Scrub:
    """The built-in rules, which are handed the record."""
    from prima.dicom.deidentify.key import SiteKey
    from prima.dicom.deidentify.person import Person
    from prima.dicom.deidentify.pseudonyms import Pseudonyms
    from prima.dicom.deidentify.text import scrub_text

    pseudonyms = Pseudonyms(key=SiteKey(b"a key for tests only"))

    def scrub(record: Record, text: str) -> str:
        person = Person(key="1", names=record.names, identifiers=record.identifiers, places=record.places)
        return scrub_text(text, person=person, pseudonyms=pseudonyms)

    return scrub


def philter() -> Scrub:
    """philter-lite with its packaged filters; TextBlob's lexicon tags the words, as NLTK's tagger is a download."""
    import nltk
    import philter_lite
    from philter_lite.asterisk import transform_text_asterisk
    from textblob.en.taggers import PatternTagger

    tagger = PatternTagger()

    def tags(words: list[str]) -> list[tuple[str, str]]:
        return [(word, (tagger.tag(word, tokenize=False) or [(word, "NN")])[0][1]) for word in words]

    nltk.pos_tag = tags
    configuration = Path(philter_lite.__file__).parent / "configs" / "philter_delta.toml"
    filters = philter_lite.load_filters(str(configuration))

    def scrub(_: Record, text: str) -> str:
        kept = philter_lite.detect_phi(text, filters)[0]
        return transform_text_asterisk(text, kept)

    return scrub


def scrubadub_() -> Scrub:
    """scrubadub: its default detectors, and the name detector of TextBlob where that can be had."""
    import scrubadub

    scrubber = scrubadub.Scrubber()
    for name in ("date_of_birth", "address"):
        try:
            scrubber.add_detector(name)
        except Exception as error:  # noqa: BLE001 - an optional detector without its data
            print(f"scrubadub: no {name}: {type(error).__name__}", file=sys.stderr)
    return lambda _, text: scrubber.clean(text)


def presidio() -> Scrub:
    """Presidio with the spaCy model that the environment has, and the record as a deny list."""
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    provider = NlpEngineProvider(
        nlp_configuration={"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": _model()}]}
    )
    analyzer = AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=["en"])

    def scrub(_: Record, text: str) -> str:
        for found in sorted(analyzer.analyze(text=text, language="en"), key=lambda hit: -hit.start):
            text = text[: found.start] + "[x]" + text[found.end :]
        return text

    return scrub


def _model() -> str:
    """An English model of spaCy: by its name, or the folder of one that is packaged under another name."""
    import importlib

    import spacy

    name = next(name for name in sorted(spacy.util.get_installed_models()) if name.startswith("en"))
    folder = Path(importlib.import_module(name).__file__ or "").parent
    return str(next((path.parent for path in folder.rglob("config.cfg")), name))


TOOLS = {"rules": rules, "philter": philter, "scrubadub": scrubadub_, "presidio": presidio}


def main() -> None:
    """Print a row for each kind, then all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=Path, default=TESTS / "prose" / "lines.txt")
    parser.add_argument("--with", dest="tool", choices=TOOLS, default="rules")
    parser.add_argument("--errors", action="store_true", help="list what was missed and what went without need")
    wanted = parser.parse_args()
    lines = list(read_lines(wanted.lines))
    scrub = TOOLS[wanted.tool]()
    begin = time.perf_counter()
    result = score(lines, scrub)
    seconds = time.perf_counter() - begin
    print(f"{wanted.tool}: {len(lines)} lines of {wanted.lines.name}, {sum(bool(line.marks) for line in lines)} marked")
    for kind, name in KINDS.items():
        total = result.found[kind] + result.missed[kind]
        if total:
            print(f"  {name:14} {result.found[kind]:4} of {total:4}  recall {result.recall_of(kind):.3f}")
    total = result.found.total() + result.missed.total()
    print(f"  {'all':14} {result.found.total():4} of {total:4}  recall {result.recall:.3f}")
    print(f"  precision {result.precision:.3f} ({result.right} of {result.right + result.wrong} replaced runs)")
    print(f"  innocent words lost {result.innocent_lost} of {result.innocent_words}; {seconds:.1f} s")
    if wanted.errors:
        for kind, before, after in result.misses:
            print(f"missed {kind}: {before!r} -> {after!r}")
        for before, after in result.alarms:
            print(f"lost: {before!r} -> {after!r}")


if __name__ == "__main__":
    main()
