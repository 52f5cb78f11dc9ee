"""Languages: foreign text labels nothing and says so; English in the telegraphic style of reports stays English."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prima.report.carriers.files import read_reports
from prima.report.label import RuleLabeller
from prima.report.labelled import label_reports
from prima.report.language import ENGLISH, UNKNOWN, language_of
from prima.report.lexicon import lexicon
from prima.report.report import Report

FOREIGN = {
    "German": "Kein Infarkt. Keine Blutung. Kein Glioblastom.",
    "Dutch": "Geen hydrocephalus. Geen infarct van de pons.",
    "French": "Pas d'hémorragie. Aucun méningiome. Ventricules de taille normale.",
    "Spanish": "No se observa hemorragia. Sin hidrocefalia ni glioblastoma.",
    "Italian": "Non emorragia né glioblastoma. Nessun segno di meningioma.",
    "Portuguese": "Sem hemorragia. Ausência de glioblastoma.",
    "Polish": "Bez cech krwawienia. Glioblastoma nie jest widoczny.",
    "Turkish": "Kanama yok. Glioblastoma izlenmedi.",
    "Swedish": "Ingen blödning. Inget glioblastom eller meningiom.",
    "a language in Cyrillic script": "Кровоизлияния нет. Glioblastoma нет.",
    "Japanese": "出血なし。glioblastomaを認めない。",
}


@pytest.mark.parametrize("language", FOREIGN)
def test_foreign_text_labels_nothing_and_says_so(language: str) -> None:
    (read,) = label_reports([Report(text=FOREIGN[language])])
    assert read.labels is None
    assert read.failure == f"written in {language}; the rules read English"
    assert read.findings == ()
    assert RuleLabeller().label(FOREIGN[language]).labels == {}


def test_a_german_report_of_a_carrier() -> None:
    (report,) = read_reports([Path(__file__).parent / "cases" / "r19_german"])
    assert isinstance(report, Report)
    assert RuleLabeller().label(report.text).language == "German"


def test_a_language_that_no_list_has() -> None:
    text = "Ar y sgan hwn gwelir ymennydd arferol heb unrhyw waedlif mewngreuanol glioblastoma hydrocephalus"
    assert language_of(text, lexicon().folder.known) == UNKNOWN


def test_foreign_sentences_of_an_english_report() -> None:
    text = "FINDINGS: There is a meningioma of the falx. The ventricles are normal in size.\nBefund: Kein Infarkt."
    labels = RuleLabeller().label(text)
    assert labels.language == ENGLISH
    assert labels.labels["tumor_adult_meningioma"].assertion == "present"
    assert "vascular_ischemic_large_vessel_stroke" not in labels.labels


def test_english_reports_are_english() -> None:
    folder = Path(__file__).parent
    texts = [json.loads(line)["text"] for line in (folder / "challenge.jsonl").read_text("utf-8").splitlines()]
    texts += [line.rsplit("|", 1)[0] for line in (folder / "sentences.txt").read_text("utf-8").splitlines()]
    known = lexicon().folder.known
    assert not [text for text in texts if language_of(text, known) != ENGLISH]
