"""A labeller that asks any endpoint that speaks OpenAI's chat completions (vLLM, llama.cpp, Ollama, a cloud)."""

from __future__ import annotations

import math
import random
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prima.errors import PrimaError, UsageError
from prima.files.cut_after import cut_after
from prima.files.optional import require
from prima.report.labels import Failure, Labels
from prima.report.llm_cache import Answer, AnswerCache
from prima.report.llm_host import check_url, stays_inside, warning_for
from prima.report.llm_prompt import PROMPT_VERSION, messages_for, read_answer, response_format

if TYPE_CHECKING:
    import httpx


MAX_ANSWER_BYTES = 4 << 20
"""Of the body of one answer; what is longer is not read on."""
LONGEST_STATED_WAIT_S = 3600.0


class EndpointError(PrimaError):
    """The endpoint refuses every request: a wrong address, model or key."""


@dataclass(frozen=True, kw_only=True)
class LlmSettings:
    """How to ask.

    Args:
        url: base address, as http://localhost:8000/v1.
        model: as the endpoint calls it.
        key: sent as a bearer token when there is one.
        cache: folder of answers; None keeps nothing.
        concurrency: requests at a time.
        timeout_s: of one request, from the first byte sent to the last one read.
        retries: further tries after a rate limit, an error of the server, a broken line or a time-out.
        longest_wait_s: between two tries.
        triage: ask for priority and referrals as well.
        allow_outside: report text may leave this machine and its private network.
    """

    url: str
    model: str
    key: str | None = None
    cache: Path | None = None
    concurrency: int = 4
    timeout_s: float = 120.0
    retries: int = 5
    longest_wait_s: float = 60.0
    triage: bool = False
    allow_outside: bool = False


@dataclass
class Tally:
    """What was asked and what it took."""

    asked: int = 0
    from_cache: int = 0
    retried: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(self, **counts: int) -> None:
        """Add to counts by name."""
        with self._lock:
            for name, count in counts.items():
                setattr(self, name, getattr(self, name) + count)

    def cost(self, dollars_per_million_in: float, dollars_per_million_out: float) -> float:
        """Dollars at the price of a million tokens asked and answered."""
        return (self.prompt_tokens * dollars_per_million_in + self.completion_tokens * dollars_per_million_out) / 1e6


class _TransientError(Exception):
    """Worth another try; `wait_s` when the server said how long."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.wait_s = reason, wait_s


class LlmLabeller:
    """Labels reports by asking a model; what it cannot label comes as a named failure.

    Raises:
        UsageError: report text would leave the private network, and nobody allowed it.
        MissingDependencyError: httpx is not installed.
    """

    def __init__(self, settings: LlmSettings, *, sleep: Callable[[float], None] = time.sleep) -> None:
        require("httpx", "asking a language model", extra="archive")
        import httpx

        warning = warning_for(settings.url)
        if warning and not settings.allow_outside:
            raise UsageError(f"{warning}; add --yes if that is allowed")
        self.settings, self.tally, self._sleep = settings, Tally(), sleep
        self.version = f"llm-{settings.model}-prompt{PROMPT_VERSION}" + ("-triage" if settings.triage else "")
        self._cache = AnswerCache(settings.cache)
        self._client = httpx.Client(
            base_url=settings.url.rstrip("/") + "/",
            timeout=settings.timeout_s,
            limits=httpx.Limits(max_keepalive_connections=0),  # each answer has a connection that can be cut
            headers={"Accept-Encoding": "identity"}
            | ({"Authorization": f"Bearer {settings.key}"} if settings.key else {}),
            trust_env=not stays_inside(check_url(settings.url)),  # a proxy is not this machine
        )

    def label(self, text: str) -> Labels | Failure:
        """The labels of one report.

        Raises:
            EndpointError: the endpoint refuses every request.
        """
        digest = AnswerCache.digest(self.version, self.settings.model, text)
        answer = self._cache.get(digest)
        if answer is not None:
            self.tally.add(from_cache=1)
            return read_answer(answer.content, text, self.version, triage=self.settings.triage)
        answered = self._asked(text)
        if isinstance(answered, Failure):
            return answered
        labels = read_answer(answered.content, text, self.version, triage=self.settings.triage)
        if isinstance(labels, Labels):
            self._cache.put(digest, answered)
        return labels

    def label_all(self, texts: Iterable[str]) -> Iterator[Labels | Failure]:
        """The labels of each report, in order, several asked at a time.

        Raises:
            EndpointError: the endpoint refuses every request.
        """
        with ThreadPoolExecutor(self.settings.concurrency) as pool:
            running: deque[Future[Labels | Failure]] = deque()
            try:
                for text in texts:
                    running.append(pool.submit(self.label, text))
                    if len(running) >= 4 * self.settings.concurrency:
                        yield running.popleft().result()
                while running:
                    yield running.popleft().result()
            finally:
                for waiting in running:
                    waiting.cancel()

    def _asked(self, text: str) -> Answer | Failure:
        trouble = ""
        for attempt in range(self.settings.retries + 1):
            if attempt:
                self.tally.add(retried=1)
            try:
                return self._ask(text, attempt)
            except _TransientError as error:
                trouble = error.reason
                if attempt < self.settings.retries:
                    backoff = 0.5 * 2**attempt * (1 + random.random())
                    self._sleep(min(self.settings.longest_wait_s, backoff if error.wait_s is None else error.wait_s))
        return Failure(reason=f"{trouble}, {self.settings.retries + 1} times")

    def _ask(self, text: str, attempt: int) -> Answer | Failure:
        import httpx

        request = {
            "model": self.settings.model,
            "messages": messages_for(text, triage=self.settings.triage),
            "response_format": response_format(triage=self.settings.triage),
            "temperature": 0,
            "seed": attempt,
        }
        self.tally.add(asked=1)
        try:
            response = self._answer(request)
        except httpx.TimeoutException:
            raise _TransientError("timed out") from None
        except httpx.TransportError as error:
            raise _TransientError(f"no connection ({type(error).__name__})") from None
        if response.status_code == 429 or response.status_code >= 500:
            raise _TransientError(f"HTTP {response.status_code}", _stated_wait(response))
        if response.status_code in (401, 403, 404):
            raise EndpointError(
                f"the endpoint answers HTTP {response.status_code}; check the address, the model and the key"
            )
        if response.status_code >= 400:
            return Failure(reason=f"HTTP {response.status_code}")
        return self._read(response)

    def _answer(self, request: dict[str, Any]) -> httpx.Response:
        """The response with a body that was read within the time and size of one answer.

        Raises:
            httpx.TimeoutException: it is not there in time, or goes on for ever.
        """
        import httpx

        connection: list[socket.socket] = []

        def traced(event: str, information: dict[str, Any]) -> None:
            if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
                connection.append(information["return_value"].get_extra_info("socket"))

        end = time.monotonic() + self.settings.timeout_s
        with cut_after(self.settings.timeout_s, lambda: connection[-1] if connection else None) as watch:
            try:
                response = self._streamed(request, end, traced)
            except httpx.TransportError:
                if watch.is_over:
                    raise httpx.ReadTimeout("headers without an end") from None
                raise
            if watch.is_over:  # a body without a stated length that was cut off looks whole
                raise httpx.ReadTimeout("an answer without an end")
            return response

    def _streamed(
        self, request: dict[str, Any], end: float, traced: Callable[[str, dict[str, Any]], None]
    ) -> httpx.Response:
        import httpx

        with self._client.stream("POST", "chat/completions", json=request, extensions={"trace": traced}) as response:
            pieces: list[bytes] = []
            num_bytes = 0
            if response.headers.get("content-encoding", "identity") != "identity":
                raise _TransientError("malformed response: compressed, which was not asked for")
            for piece in response.iter_raw():
                num_bytes += len(piece)
                if num_bytes > MAX_ANSWER_BYTES:
                    raise _TransientError(f"malformed response: more than {MAX_ANSWER_BYTES >> 20} MB")
                if time.monotonic() > end:
                    raise httpx.ReadTimeout("an answer without an end")
                pieces.append(piece)
        headers = {"retry-after": response.headers.get("retry-after", "")}
        return httpx.Response(response.status_code, headers=headers, content=b"".join(pieces))

    def _read(self, response: httpx.Response) -> Answer | Failure:
        try:
            body: Any = response.json()
            choice = body["choices"][0]
            message = choice["message"]
            usage = body.get("usage") or {}
            asked, answered = (int(usage.get(name) or 0) for name in ("prompt_tokens", "completion_tokens"))
            refusal, content, ending = message.get("refusal"), message.get("content"), choice.get("finish_reason")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError):
            raise _TransientError("malformed response: not a chat completion") from None
        self.tally.add(prompt_tokens=asked, completion_tokens=answered)
        if refusal or ending == "content_filter":
            return Failure(reason="the model refused")
        if ending == "length":
            return Failure(reason="the answer was cut short (finish_reason length)")
        if not isinstance(content, str) or not content.strip():
            raise _TransientError("malformed response: an empty answer")
        if isinstance(read_answer(content, "", self.version, triage=self.settings.triage), Failure):
            raise _TransientError("malformed answer")
        return Answer(content=content, prompt_tokens=asked, completion_tokens=answered)


def _stated_wait(response: httpx.Response) -> float | None:
    """Seconds of Retry-After; a date there is not read."""
    try:
        seconds = float(response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return min(max(0.0, seconds), LONGEST_STATED_WAIT_S) if math.isfinite(seconds) else None
