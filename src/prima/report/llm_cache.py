"""Answers of language models kept on disk, so that nothing is paid for or waited for twice."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from prima.files.durable import write_json


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a model answered, and the tokens it took."""

    content: str
    prompt_tokens: int = 0
    completion_tokens: int = 0


class AnswerCache:
    """A folder of answers, one file each, named by the digest of what was asked. Holds report text: keep it as safe.

    Args:
        folder: made when the first answer is kept; None keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    @staticmethod
    def digest(*parts: str) -> str:
        """The name of what was asked."""
        return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()

    def get(self, digest: str) -> Answer | None:
        """The answer kept under a digest; a file that cannot be read counts as none."""
        if self._folder is None:
            return None
        try:
            return Answer(**json.loads(self._path(digest).read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def put(self, digest: str, answer: Answer) -> None:
        """Keep an answer; whole or not at all."""
        if self._folder is None:
            return
        path = self._path(digest)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_json(path, asdict(answer), indent=None)

    def _path(self, digest: str) -> Path:
        assert self._folder is not None
        return self._folder / digest[:2] / f"{digest}.json"
