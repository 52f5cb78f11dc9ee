"""A language model that labels reports, as the command line describes it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from prima.errors import UsageError
from prima.report.llm import LlmLabeller, LlmSettings
from prima.report.llm_host import warning_for

KEY_VARIABLE = "PRIMA_LLM_KEY"


def open_language_model(
    url: str | None,
    model: str | None,
    *,
    cache: Path | None,
    concurrency: int,
    allow_outside: bool,
    triage: bool,
    warn: Callable[[str], None],
) -> LlmLabeller | None:
    """The labeller that asks an endpoint; None without a URL.

    Args:
        url: of an OpenAI-compatible endpoint.
        model: as the endpoint calls it.
        cache: a folder that keeps answers.
        concurrency: requests at a time.
        allow_outside: whether report text may leave this machine and its private network.
        triage: whether the model also decides priority and referrals.
        warn: told what is dangerous about the address.

    Raises:
        UsageError: a model or cache without a URL, or a URL without a model.
    """
    if url is None:
        if model is not None or cache is not None:
            raise UsageError("--model and --cache belong to --llm URL")
        return None
    if model is None:
        raise UsageError("--llm needs --model NAME")
    key = os.environ.get(KEY_VARIABLE)
    settings = LlmSettings(
        url=url, model=model, key=key, cache=cache, concurrency=concurrency, allow_outside=allow_outside, triage=triage
    )
    labeller = LlmLabeller(settings)
    warning = warning_for(url)
    if warning:
        warn(f"warning: {warning}")
    return labeller


def prices_of(price: str | None) -> tuple[float, float] | None:
    """Dollars a million tokens asked and answered.

    Raises:
        UsageError: it is not two numbers.

    Example:
        >>> prices_of("0.15:0.60")
        (0.15, 0.6)
    """
    if price is None:
        return None
    try:
        prompt_price, answer_price = (float(part) for part in price.split(":"))
    except ValueError:
        raise UsageError(f"--price: found {price!r}, expected two numbers such as 0.15:0.60") from None
    return prompt_price, answer_price


def cost_of(labeller: LlmLabeller, prices: tuple[float, float] | None) -> str:
    """What asking took, in one line."""
    tally = labeller.tally
    return (
        f"asked {tally.asked} times, {tally.retried} of them again; {tally.from_cache} answers from the cache; "
        f"{tally.prompt_tokens} tokens asked, {tally.completion_tokens} answered"
        + (f", ${tally.cost(*prices):.2f}" if prices else "")
    )
