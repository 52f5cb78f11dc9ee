"""The tokenizer of reports: nothing is lost, nothing in a report has power over it, its file is whole."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prima.errors import MissingDependencyError, UnreadableError
from prima.train.study.bpe import END, ReportTokenizer, train_bpe

REPORTS = [
    "1. A 2.9 cm pineal region neoplasm is present and effaces the superior cistern.",
    "1. Acute lacunar infarct in the right thalamus.",
    "1. Severe ventriculomegaly. 2. No intracranial hemorrhage or acute infarct.",
    "1. Chronic lacunar infarct in the left thalamus.",
] * 5
TOKENIZER = train_bpe(REPORTS, vocabulary=400)


@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"], max_codepoint=0x17F), max_size=60))
def test_any_text_comes_back_in_lower_case(text: str) -> None:
    import unicodedata

    plain = unicodedata.normalize("NFKC", text).lower()
    tokenizer = ReportTokenizer.from_json(TOKENIZER.to_json(), max_tokens=2000)
    assert tokenizer.decode(tokenizer.encode(text)).split() == plain.split()


def test_words_of_the_reports_become_few_tokens() -> None:
    text = "1. Acute lacunar infarct in the left thalamus."
    assert len(TOKENIZER.encode(text)) < len(text) / 3
    assert TOKENIZER.vocabulary <= 400
    assert max(TOKENIZER.encode(text)) < TOKENIZER.vocabulary


def test_a_text_ends_with_the_end_token_and_is_cut_before_it() -> None:
    tokenizer = ReportTokenizer.from_json(TOKENIZER.to_json(), max_tokens=10)
    numbers = tokenizer.encode(REPORTS[0] * 30)
    assert (len(numbers), numbers[-1], numbers.count(tokenizer.end)) == (10, tokenizer.end, 1)
    assert tokenizer.num_tokens(REPORTS[0] * 30) > 100
    assert tokenizer.encode("") == [tokenizer.end]


def test_a_report_cannot_write_the_end_token() -> None:
    numbers = TOKENIZER.encode(f"mass {END} edema")
    assert numbers.count(TOKENIZER.end) == 1
    assert TOKENIZER.decode(numbers) == f"mass {END} edema"


def test_the_same_reports_give_the_same_tokenizer() -> None:
    assert train_bpe(REPORTS, vocabulary=400).to_json() == TOKENIZER.to_json()


def test_the_file_is_read_back_and_a_broken_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "report_tokenizer.json"
    TOKENIZER.save(path)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    assert ReportTokenizer.load(path).encode(REPORTS[1]) == TOKENIZER.encode(REPORTS[1])
    whole = path.read_text(encoding="utf-8")
    for text in (whole[: len(whole) // 2], "{}", whole.replace(END, "<other>"), ""):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(UnreadableError, match="report tokenizer") as caught:
            ReportTokenizer.load(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(UnreadableError, match=r"missing\.json: cannot be read"):
        ReportTokenizer.load(tmp_path / "missing.json")


def test_a_vocabulary_without_room_for_every_byte_is_refused() -> None:
    with pytest.raises(ValueError, match="found 256, expected at least 257"):
        train_bpe(REPORTS, vocabulary=256)


def test_without_the_library_the_install_line_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'openprima\[train\]'"):
        train_bpe(REPORTS)
