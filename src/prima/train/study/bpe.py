"""A byte-level BPE tokenizer trained on an archive's own reports, kept as one JSON file beside the weights.

Any text can be encoded, since every byte is a token. Words that stand for special tokens have no power inside a report.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from prima.errors import UnreadableError
from prima.files.durable import write_text
from prima.files.optional import require

END = "<end>"
VOCABULARY = 4096
MAX_TOKENS = 200


class ReportTokenizer:
    """Text → token numbers, closed by the end token; case is not told apart.

    Args:
        inner: the tokenizer of the `tokenizers` library.
        max_tokens: longest text, the end token among it.
    """

    def __init__(self, inner: Any, max_tokens: int = MAX_TOKENS) -> None:
        self._inner = inner
        self._inner.encode_special_tokens = True  # "<end>" in a report is five characters
        self.end = int(inner.token_to_id(END))
        self.max_tokens = max_tokens
        self._encode = lru_cache(maxsize=65_536)(self._encode_all)

    @property
    def vocabulary(self) -> int:
        """Number of different tokens."""
        return int(self._inner.get_vocab_size())

    def encode(self, text: str) -> list[int]:
        """Token numbers, at most `max_tokens`; the last is the end token."""
        return [*self._encode(text)[: self.max_tokens - 1], self.end]

    def num_tokens(self, text: str) -> int:
        """Length of a text before it is cut, the end token among it."""
        return len(self._encode(text)) + 1

    def decode(self, tokens: list[int]) -> str:
        """The text again, in lower case, without the end token."""
        return str(self._inner.decode(tokens, skip_special_tokens=True)).strip()

    def _encode_all(self, text: str) -> tuple[int, ...]:
        return tuple(self._inner.encode(text, add_special_tokens=False).ids)

    def to_json(self) -> str:
        """The whole tokenizer as the `tokenizers` library writes it."""
        return str(self._inner.to_str())

    @classmethod
    def from_json(cls, text: str, max_tokens: int = MAX_TOKENS) -> ReportTokenizer:
        """Read `to_json` back.

        Raises:
            MissingDependencyError: the `tokenizers` library is not installed.
            UnreadableError: the text is not such a tokenizer.
        """
        library = _library()
        try:
            inner = library.Tokenizer.from_str(text)
        except Exception as error:  # the library raises bare Exception  # noqa: BLE001
            raise UnreadableError(
                f"report tokenizer: found no tokenizer ({type(error).__name__}); save it again"
            ) from None
        if inner.token_to_id(END) is None:
            raise UnreadableError(f"report tokenizer: found no {END} token; train it with prima train clip")
        return cls(inner, max_tokens)

    def save(self, path: Path) -> None:
        """Write the JSON file, whole or not at all."""
        write_text(path, self.to_json())

    @classmethod
    def load(cls, path: Path, max_tokens: int = MAX_TOKENS) -> ReportTokenizer:
        """Read the file of `save`.

        Raises:
            MissingDependencyError: the `tokenizers` library is not installed.
            UnreadableError: it is missing or not such a file.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UnreadableError(f"{path.name}: cannot be read ({type(error).__name__}); save it again") from error
        return cls.from_json(text, max_tokens)


def train_bpe(texts: Iterable[str], vocabulary: int = VOCABULARY, max_tokens: int = MAX_TOKENS) -> ReportTokenizer:
    """Learn the tokens of an archive's reports; the same texts give the same tokenizer.

    Args:
        texts: sentences or reports of training patients.
        vocabulary: most tokens, the 256 bytes and the end token among them; few texts give fewer.
        max_tokens: longest text that the tokenizer gives.

    Raises:
        MissingDependencyError: the `tokenizers` library is not installed.
        ValueError: the vocabulary has no room for all bytes.
    """
    if vocabulary < 257:
        raise ValueError(f"vocabulary: found {vocabulary}, expected at least 257 (256 bytes and {END})")
    library = _library()
    inner = library.Tokenizer(library.models.BPE())
    inner.normalizer = library.normalizers.Sequence([library.normalizers.NFKC(), library.normalizers.Lowercase()])
    inner.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=True)
    inner.decoder = library.decoders.ByteLevel()
    trainer = library.trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END],
        initial_alphabet=sorted(library.pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    inner.train_from_iterator(texts, trainer)
    return ReportTokenizer(inner, max_tokens)


def _library() -> Any:
    return require("tokenizers", "reading reports", extra="train")
