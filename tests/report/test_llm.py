"""The labeller that asks a model, against a real HTTP server on loopback that speaks OpenAI's protocol."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from prima.errors import UsageError
from prima.report.labels import Failure, Labels
from prima.report.llm import EndpointError, LlmLabeller, LlmSettings
from prima.report.llm_host import stays_inside, warning_for
from prima.report.llm_prompt import response_format
from prima.study.ontology import DIAGNOSIS_NAMES

Reply = tuple[int, dict[str, str], bytes]
MENINGIOMA = {"diagnosis": "tumor_adult_meningioma", "assertion": "present", "evidence": "a meningioma"}


class Endpoint:
    """A server whose answers a test decides, one after the other; the last one is repeated."""

    def __init__(self) -> None:
        self.replies: list[Callable[[dict[str, Any]], Reply]] = []
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.at_once = self.most_at_once = 0
        self.delay_s = 0.0
        self._lock = threading.Lock()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, headers, data = endpoint.answer(self.path, body, dict(self.headers))
                try:
                    self.send_response(status)
                    for name, value in {"Content-Length": str(len(data)), **headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(data)
                except OSError:  # the client has gone
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def answer(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        with self._lock:
            self.requests.append(body | {"path": path})
            self.headers.append(headers)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        time.sleep(self.delay_s)
        with self._lock:
            self.at_once -= 1
        return reply(body)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    one = Endpoint()
    yield one
    one.close()


def says(content: Any, *, ending: str = "stop", **message: Any) -> Callable[[dict[str, Any]], Reply]:
    text = content if isinstance(content, str) or content is None else json.dumps(content)
    body = {
        "choices": [{"message": {"role": "assistant", "content": text, **message}, "finish_reason": ending}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10},
    }
    return lambda _: (200, {"Content-Type": "application/json"}, json.dumps(body).encode())


def fails(status: int, headers: dict[str, str] | None = None, data: bytes = b"{}") -> Callable[[dict[str, Any]], Reply]:
    return lambda _: (status, headers or {}, data)


def labeller(endpoint: Endpoint, **settings: Any) -> tuple[LlmLabeller, list[float]]:
    waits: list[float] = []
    chosen = {"url": endpoint.url, "model": "m", "retries": 2, **settings}
    return LlmLabeller(LlmSettings(**chosen), sleep=waits.append), waits


def test_a_good_answer_becomes_labels_with_evidence(endpoint: Endpoint) -> None:
    hgg = {"diagnosis": "tumor_adult_high_grade_glioma", "assertion": "uncertain", "evidence": "Possible  gbm"}
    made_up = {"diagnosis": "structural_edema", "assertion": "present", "evidence": "not in the report"}
    endpoint.replies = [says({"findings": [MENINGIOMA, hgg, made_up]})]
    asking, _ = labeller(endpoint, key="secret")
    text = "There is a\nmeningioma. Possible GBM."
    labels = asking.label(text.replace("a\nm", "a m"))
    assert isinstance(labels, Labels)
    assert labels.public() == {
        "structural_edema": {"assertion": "present", "evidence": ""},
        "tumor_adult_glioma": {"assertion": "uncertain", "evidence": "Possible GBM"},
        "tumor_adult_high_grade_glioma": {"assertion": "uncertain", "evidence": "Possible GBM"},
        "tumor_adult_meningioma": {"assertion": "present", "evidence": "a meningioma"},
    }
    (request,) = endpoint.requests
    assert request["path"] == "/v1/chat/completions"
    assert request["response_format"] == response_format(triage=False)
    assert all(name in request["messages"][0]["content"] for name in DIAGNOSIS_NAMES)
    assert endpoint.headers[0]["Authorization"] == "Bearer secret"
    assert (asking.tally.prompt_tokens, asking.tally.completion_tokens) == (100, 10)
    assert asking.tally.cost(2.0, 10.0) == pytest.approx((200 + 100) / 1e6)


def test_priority_and_referrals_where_asked(endpoint: Endpoint) -> None:
    endpoint.replies = [says({"findings": [MENINGIOMA], "priority": "low", "referrals": ["neurosurgery"]})]
    labels = labeller(endpoint, triage=True)[0].label("a meningioma")
    assert isinstance(labels, Labels)
    assert (labels.priority, labels.referrals) == ("low", ("neurosurgery",))
    endpoint.replies = [says({"findings": [MENINGIOMA], "priority": "soon", "referrals": []})]
    assert labeller(endpoint, triage=True)[0].label("a meningioma") == Failure(reason="malformed answer, 3 times")


def test_rate_limits_are_waited_for_as_the_server_says(endpoint: Endpoint) -> None:
    endpoint.replies = [fails(429, {"Retry-After": "7"}), fails(503), says({"findings": []})]
    asking, waits = labeller(endpoint)
    assert isinstance(asking.label("x"), Labels)
    assert waits[0] == 7
    assert 1 <= waits[1] <= 2
    assert asking.tally.retried == 2


def test_a_wait_is_bounded(endpoint: Endpoint) -> None:
    endpoint.replies = [fails(429, {"Retry-After": "100000"}), says({"findings": []})]
    asking, waits = labeller(endpoint, longest_wait_s=5.0)
    assert isinstance(asking.label("x"), Labels)
    assert waits == [5.0]


@pytest.mark.parametrize(
    ("reply", "reason", "requests"),
    [
        (fails(429), "HTTP 429, 3 times", 3),
        (fails(500), "HTTP 500, 3 times", 3),
        (fails(400), "HTTP 400", 1),
        (fails(200, data=b"<html>"), "malformed response: not a chat completion, 3 times", 3),
        (fails(200, data=b'{"choices": []}'), "malformed response: not a chat completion, 3 times", 3),
        (fails(200, data=b"[1]"), "malformed response: not a chat completion, 3 times", 3),
        (says(""), "malformed response: an empty answer, 3 times", 3),
        (says(None), "malformed response: an empty answer, 3 times", 3),
        (says("Sure! Here are the labels"), "malformed answer, 3 times", 3),
        (says({"findings": [{"diagnosis": "flu"}]}), "malformed answer, 3 times", 3),
        (says({"findings": [MENINGIOMA | {"assertion": "maybe"}]}), "malformed answer, 3 times", 3),
        (says(None, refusal="I cannot help with that"), "the model refused", 1),
        (says("{}", ending="content_filter"), "the model refused", 1),
        (says('{"findings": [', ending="length"), "the answer was cut short (finish_reason length)", 1),
    ],
)
def test_what_goes_wrong_is_named(
    endpoint: Endpoint, reply: Callable[[dict[str, Any]], Reply], reason: str, requests: int
) -> None:
    endpoint.replies = [reply]
    assert labeller(endpoint)[0].label("x") == Failure(reason=reason)
    assert len(endpoint.requests) == requests


def test_a_malformed_answer_is_asked_again(endpoint: Endpoint) -> None:
    endpoint.replies = [says("{"), says({"findings": [MENINGIOMA]})]
    assert isinstance(labeller(endpoint)[0].label("a meningioma"), Labels)
    assert [request["seed"] for request in endpoint.requests] == [0, 1]


def test_time_outs_and_dead_servers(endpoint: Endpoint) -> None:
    endpoint.replies, endpoint.delay_s = [says({"findings": []})], 0.5
    assert labeller(endpoint, timeout_s=0.05, retries=1)[0].label("x") == Failure(reason="timed out, 2 times")
    other = Endpoint()
    other.close()
    failure = labeller(other, retries=1)[0].label("x")
    assert failure == Failure(reason="no connection (ConnectError), 2 times")


@pytest.mark.parametrize("status", [401, 403, 404])
def test_an_endpoint_that_refuses_everything_ends_the_work(endpoint: Endpoint, status: int) -> None:
    endpoint.replies = [fails(status)]
    with pytest.raises(EndpointError, match=str(status)):
        list(labeller(endpoint)[0].label_all(["x"] * 50))
    assert len(endpoint.requests) < 50


def test_order_is_kept_and_requests_at_a_time_are_limited(endpoint: Endpoint) -> None:
    def echo(body: dict[str, Any]) -> Reply:
        number = int(body["messages"][1]["content"].split()[1])
        time.sleep(0.02 * (number % 3))
        found = [MENINGIOMA | {"evidence": str(number)}] if number % 2 else []
        return says({"findings": found})(body)

    endpoint.replies, endpoint.delay_s = [echo], 0.02
    texts = [f"{number} report" for number in range(24)]
    answers = list(labeller(endpoint, concurrency=3)[0].label_all(texts))
    told = [list(answer.labels.values()) for answer in answers if isinstance(answer, Labels)]
    assert [label[0].evidence if label else "" for label in told] == [str(n) if n % 2 else "" for n in range(24)]
    assert 1 < endpoint.most_at_once <= 3


def test_one_bad_report_does_not_stop_the_others(endpoint: Endpoint) -> None:
    endpoint.replies = [
        lambda body: (says(None, refusal="no") if "bad" in body["messages"][1]["content"] else says({"findings": []}))(
            body
        )
    ]
    answers = list(labeller(endpoint)[0].label_all(["good", "bad", "good"]))
    assert [type(answer).__name__ for answer in answers] == ["Labels", "Failure", "Labels"]


def test_answers_are_kept_by_model_and_text(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.replies = [says({"findings": [MENINGIOMA]})]
    first, _ = labeller(endpoint, cache=tmp_path)
    labels = first.label("a meningioma")
    again, _ = labeller(endpoint, cache=tmp_path)
    assert again.label("a meningioma") == labels
    assert (again.tally.from_cache, len(endpoint.requests)) == (1, 1)
    again.label("a meningioma, perhaps")
    labeller(endpoint, cache=tmp_path, model="other")[0].label("a meningioma")
    assert len(endpoint.requests) == 3
    for path in tmp_path.rglob("*.json"):
        path.write_text("{")
    assert labeller(endpoint, cache=tmp_path)[0].label("a meningioma") == labels
    assert len(endpoint.requests) == 4


def test_failures_are_not_kept(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.replies = [says(None, refusal="no"), says({"findings": []})]
    asking, _ = labeller(endpoint, cache=tmp_path)
    assert isinstance(asking.label("x"), Failure)
    assert isinstance(asking.label("x"), Labels)


def test_report_text_stays_inside_unless_allowed() -> None:
    assert stays_inside("localhost")
    assert stays_inside("192.168.1.4")
    assert not stays_inside("8.8.8.8")
    assert warning_for("http://127.0.0.1:8000/v1") is None
    assert "unencrypted" in (warning_for("http://8.8.8.8/v1") or "")
    with pytest.raises(UsageError, match=r"8\.8\.8\.8"):
        LlmLabeller(LlmSettings(url="https://8.8.8.8/v1", model="m"))
    LlmLabeller(LlmSettings(url="https://8.8.8.8/v1", model="m", allow_outside=True))
    with pytest.raises(UsageError, match="OpenAI-compatible"):
        LlmLabeller(LlmSettings(url="localhost:8000", model="m"))


def answers_with(data: bytes, **headers: str) -> Callable[[dict[str, Any]], Reply]:
    return lambda _: (200, {name.replace("_", "-"): value for name, value in headers.items()}, data)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (answers_with(b" " * (5 << 20)), "more than 4 MB"),
        (answers_with(b'{"choices": ' + b"[" * 200_000), "not a chat completion"),
        (answers_with(b'{"choices": [{"message": {"content": "' + b"x" * (5 << 20) + b'"}}]}'), "more than 4 MB"),
        (answers_with(gzip.compress(bytes(200 << 20)), Content_Encoding="gzip"), "compressed"),
        (answers_with(b'{"choices": [{"message": {}}], "usage": {"prompt_tokens": 1e999}}'), "not a chat completion"),
        (answers_with(json.dumps({"choices": [{"message": {"content": "[" * 100_000}}]}).encode()), "malformed answer"),
    ],
)
def test_a_body_without_measure_is_a_named_failure(
    endpoint: Endpoint, reply: Callable[[dict[str, Any]], Reply], words: str
) -> None:
    endpoint.replies = [reply]
    labeller = LlmLabeller(LlmSettings(url=endpoint.url, model="m", retries=0))
    found = labeller.label("IMPRESSION: Normal.")
    assert isinstance(found, Failure)
    assert words in found.reason
    assert "\n" not in found.reason


@pytest.mark.parametrize("where", ["body", "headers", "status"])
def test_an_answer_that_comes_byte_by_byte_for_ever_is_given_up(where: str) -> None:
    """Each byte comes in time, the whole never does."""
    ended = threading.Event()

    class Trickle(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            begin = {
                "body": b"HTTP/1.1 200 OK\r\n\r\n",
                "headers": b"HTTP/1.1 200 OK\r\nX-Slow: ",
                "status": b"HTTP/1.1 200 ",
            }
            try:
                self.wfile.write(begin[where])
                while not ended.is_set():
                    self.wfile.write(b"x")
                    ended.wait(0.02)
            except OSError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Trickle)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        labeller = LlmLabeller(LlmSettings(url=url, model="m", retries=0, timeout_s=0.5))
        begun = time.monotonic()
        found = labeller.label("IMPRESSION: Normal.")
        assert time.monotonic() - begun < 10
        assert isinstance(found, Failure)
        assert "timed out" in found.reason
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("stated", ["1e300", "inf", "nan", "-5", "3600000"])
def test_a_stated_wait_is_bounded(endpoint: Endpoint, stated: str) -> None:
    waits: list[float] = []
    endpoint.replies = [lambda _: (429, {"Retry-After": stated}, b"")]
    labeller = LlmLabeller(LlmSettings(url=endpoint.url, model="m", retries=2, longest_wait_s=7), sleep=waits.append)
    assert isinstance(labeller.label("IMPRESSION: Normal."), Failure)
    assert len(waits) == 2
    assert all(0 <= wait <= 7 for wait in waits)
