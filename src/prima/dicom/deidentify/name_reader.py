"""Reading a name in prose: which words can be names, and where a name that begins at a word ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from prima.dicom.deidentify.prose import ProseReader, ProseWord, word_list
from prima.dicom.deidentify.words import vocabulary

# Words behind a title, a role or a verb among which its name is looked for.
FURTHEST = 12
_MOST_NAMES = 4
_MOST_LISTED = 12
_IN_NAME = re.compile(r"\.?[ \t\u00a0]{1,3}|\.(?=\S)|\.?-")
COMMA = re.compile(r"\.?\s?,[ \t\u00a0]{0,2}")
_LIST = re.compile(r"\.?\s{0,2}(?:,|/|&|\+|;)\s{0,2}")
_AND = {"and", "und", "et", "y", "e", "or", "with"}


@dataclass(frozen=True)
class Run:
    """A name among the words: from the first to before the last."""

    first: int
    last: int


class NameReader(ProseReader):
    """Reads the names of a text.

    Args:
        redaction: the text, of which pieces may have been claimed.
    """

    # What a word is

    def is_title(self, index: int) -> bool:
        word = self.words[index]
        if word.folded not in word_list("titles"):
            return False
        if word.folded in word_list("titles_with_care"):
            stopped = self.between(index).startswith(".")
            if word.text.isupper() and len(word.text) > 1:
                return stopped or (word.shouting and word.folded in {"doctor", "doctors", "miss", "sra", "professor"})
            return word.capital
        return True

    def is_degree(self, index: int) -> bool:
        word = self.words[index]
        if re.match(r"\d", self.text[word.end : word.end + 1]) and word.folded not in {"pgy", "st", "r", "ct"}:
            return False
        if word.folded == "pgy" or (
            word.folded in {"st", "r", "ct"} and re.match(r"\d\b", self.text[word.end : word.end + 8]) is not None
        ):
            return word.text.isupper() and re.match(r"-?\s?\d", self.text[word.end : word.end + 8]) is not None
        if (
            word.text == "DO"
            and word.shouting
            and re.match(r"\s*(?:$|[,.;]|\n)", self.text[word.end : word.end + 8])
            and index > 1
        ):
            return COMMA.fullmatch(self.between(index - 2)) is not None and not self.between(index - 1).strip()
        if word.folded in word_list("degrees_with_care"):
            return word.text.replace(".", "").replace("-", "").isupper() and (
                "," in self.between(index - 1) or not word.shouting or "." in word.text or "-" in word.text
            )
        return word.folded in word_list("degrees") and (
            not word.text.islower() or "," in self.between(index - 1) or word.folded in {"md", "rn"}
        )

    def plain(self, index: int, *, eponyms: bool = True) -> bool:
        """Whether a word is one of the language or the field.

        Args:
            eponyms: whether the name of a disease counts.
        """
        word = self.words[index]
        if word.folded in word_list("calendar") or (eponyms and word.folded in word_list("eponyms")):
            return True
        return word.folded in word_list("function") or word.folded in word_list("common") or word.folded in vocabulary()

    def structural(self, index: int) -> bool:
        """Whether a word says who someone is, and is no name itself."""
        word = self.words[index]
        return (
            word.folded in word_list("roles") or self.is_title(index) or self.is_degree(index)
            or word.folded in word_list("institutions")
            or (word.folded in word_list("labels") and self.between(index).startswith(":"))
        )  # fmt: skip

    def like_name(self, index: int, *, loose: bool = False, start: bool = True) -> bool:
        """Whether a word can be a name.

        Args:
            loose: behind a title, where words of the language are names too when they have a capital.
            start: whether the name begins with it.
        """
        if index >= len(self.words):
            return False
        word = self.words[index]
        if self.structural(index):
            return False
        if word.initials:
            return word.text != "I" or (not start and not self.between(index).startswith(","))
        heading = self.between(index).startswith(":")
        if heading and self.plain(index):
            return False
        if loose:
            if word.folded in word_list("function"):
                return word.capital and not word.shouting and start and not heading
            if not self.plain(index):
                return True
            return word.capital and (not word.shouting or start)
        known = word.capital or word.folded in word_list("given_names") or self.redaction.is_taken(word.start, word.end)
        return not self.plain(index, eponyms=word.shouting) and known

    def acronym(self, index: int) -> bool:
        """Whether a word is an abbreviation in a line that is not all in capitals."""
        word = self.words[index]
        if word.shouting or len(word.text) < 2 or not word.text.isupper() or word.initials or self.plain_given(word):
            return False
        after = (
            self.words[index + 1] if index + 1 < len(self.words) and self.between(index).strip() in {"", ","} else None
        )
        return not (after is not None and after.text.isupper() and self.plain_given(after))

    @staticmethod
    def plain_given(word: ProseWord) -> bool:
        """Whether a word is a common given name."""
        return word.folded in word_list("given_names")

    def eponym(self, run: Run) -> bool:
        """Whether a disease or a structure bears the name."""
        after = self.words[run.last].folded if run.last < len(self.words) else ""
        if (
            run.last - run.first == 1
            and self.words[run.first].folded in word_list("eponyms")
            and after in {"and", "or"}
        ):
            return True
        return after in word_list("eponym_neighbors") and self.between(run.last - 1).strip(" '’s") == ""

    # Reading a name

    def name_at(self, index: int, *, loose: bool = False, comma: bool = False, capital: bool = True) -> Run | None:
        """The name that begins at a word.

        Args:
            comma: whether `Smith, Peter` is one name.
            capital: whether it must have a capital letter.
        """
        at, last, names = index, index, 0
        while at < min(len(self.words), index + 3 * _MOST_NAMES) and names < _MOST_NAMES:
            if at > index:
                between = self.between(at - 1)
                joined = _IN_NAME.fullmatch(between) is not None
                initials = self.words[at - 1].initials and between in {"", "."}
                if between.startswith(".") and not self.words[at - 1].initials and len(self.words[at - 1].text) > 2:
                    break  # the end of a sentence
                if not joined and not initials:
                    if not (comma and names == 1 and COMMA.fullmatch(between)):
                        break
                    comma = False
            word = self.words[at]
            if (
                names
                and at + 1 == len(self.words)
                and "," in self.between(at - 1)
                and word.capital
                and not self.structural(at)
            ):
                return Run(index, at + 1)  # the last word, behind a family name and a comma
            if names and self.between(at).startswith(":"):
                break
            if word.folded in word_list("particles") and self.particle(at, loose=loose):
                at += 1
                continue
            surname = loose and names > 0 and self.known_given(at - 1) and word.capital and not self.structural(at)
            good = self.like_name(at, loose=loose and names == 0, start=names == 0)
            if names == 0 and not capital and not good:
                good = not self.plain(at) and not self.structural(at)
            if names > 0 and word.text.islower():
                good = not capital and not self.plain(at) and not self.structural(at)
            if not good and not (surname and not word.shouting and not self.between(at).startswith(":")):
                break
            names += 1
            at += 1
            last = at
        return Run(index, last) if names else None

    def particle(self, at: int, *, loose: bool, depth: int = 0) -> bool:
        between = self.between(at)
        if at + 1 >= len(self.words) or not (between.strip(" \t") == "" or between in {"'", "’", "-", ". "}):
            return False
        after = self.words[at + 1]
        if (
            after.folded in word_list("particles")
            and depth < _MOST_NAMES
            and self.particle(at + 1, loose=loose, depth=depth + 1)
        ):
            return True
        return after.capital and not self.plain(at + 1) and not self.structural(at + 1)

    def known_given(self, index: int) -> bool:
        return self.words[index].folded in word_list("given_names") or self.words[index].initials

    def listed(self, run: Run, *, commas: bool) -> Iterator[Run]:
        """A name and those that are listed behind it."""
        yield run
        for _ in range(_MOST_LISTED):
            if run.last >= len(self.words):
                return
            between, at = self.between(run.last - 1), run.last
            word = self.words[at]
            if word.folded in _AND and between.strip() in {"", ","} and "\n" not in between:
                at += 1
                if at < len(self.words) and self.is_title(at):
                    return
                if at >= len(self.words) or "\n" in self.between(at - 1) or self.between(at - 1).strip():
                    return
            elif not ((commas and _LIST.fullmatch(between)) or between.strip() in {"/", "&", "+"}):
                return
            if not self.like_name(at) or self.acronym(at):
                return
            following = self.name_at(at)
            if following is None or self.eponym(following):
                return
            yield following
            run = following
