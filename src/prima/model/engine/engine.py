"""A release made ready to speak: tokenizer, vision model and heads on one device, shared by every study of a call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from time import perf_counter

import torch

from prima.errors import PrimaError
from prima.model.release.folder import Release
from prima.model.release.heads import HeadOutputs
from prima.study import ReleaseStamp
from prima.study.findings import Mode
from prima.tokens.batch import SeriesTokens, StudyTokens, pack
from prima.tokens.patches import Patches
from prima.tokens.precision import Precision
from prima.tokens.text import study_text
from prima.tokens.tokenizer import Tokenizer


class NotFiniteError(PrimaError):
    """The model gave a value that is not a number; no finding can be made of it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What the model said of one study, and the seconds each step took."""

    outputs: HeadOutputs
    feature: torch.Tensor
    tokens: tuple[SeriesTokens, ...]
    timings_s: dict[str, float]


class Engine:
    """Runs a release.

    Args:
        release: a verified release.
        precision: device and number format of the encoder. On a CPU the vision model and the heads stay in float32
            (3 % of the arithmetic); on a GPU the vision model takes the encoder's format.
        image_only: withhold series names and the study description.
    """

    def __init__(self, release: Release, precision: Precision, *, image_only: bool = False) -> None:
        self.release = release
        self.precision = precision
        self.image_only = image_only
        self.contract = release.manifest.contract
        self.tokenizer = Tokenizer(release.encoder(), self.contract, device=precision.device, dtype=precision.dtype)
        vision_dtype = precision.dtype if precision.device.type == "cuda" else torch.float32
        self.vision = release.vision().to(device=precision.device, dtype=vision_dtype)
        self.heads = release.heads(precision.device)
        self.tokenizer.prepare()

    @property
    def is_nameless(self) -> bool:
        """Whether series names and the study description are withheld: by the call, or because training did."""
        return self.image_only or self.release.manifest.mode == "image"

    @property
    def mode(self) -> Mode:
        """What the model sees of a study in this call."""
        return "image" if self.is_nameless else self.release.manifest.mode

    def study_text(self, description: str | None, indication: str) -> str:
        """What the model may read of a study besides its series: the description, with the indication in that mode."""
        text = description or ""
        return study_text(text, indication) if self.mode == "image+names+indication" else text

    def stamp(self) -> ReleaseStamp:
        """The release, as findings name it."""
        manifest = self.release.manifest
        return ReleaseStamp(
            name=manifest.name,
            sha256=self.release.sha256,
            trained=manifest.trained,
            calibrated=manifest.calibrated,
            mode=self.mode,
        )

    @torch.inference_mode()
    def answer(
        self,
        patches: Sequence[Patches],
        names: Sequence[str],
        description: str,
        on_tokens: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> Answer:
        """Findings of one study from the patches of its series.

        Args:
            patches: one per used series.
            names: the series names for the model, in the same order.
            description: the study description for the model.
            on_tokens: told as the encoder goes how many tokens are encoded, of how many.

        Raises:
            NotFiniteError: a logit is infinite or not a number.
        """
        started = perf_counter()
        before = [0, *accumulate(one.num_kept for one in patches)]

        def count(series: int) -> Callable[[int], None]:
            return lambda done: on_tokens(before[series] + done, before[-1])

        tokens = tuple(
            SeriesTokens(
                latents=self.tokenizer.latents(one, count(series)),
                coordinates=one.coordinates,
                plane=one.plane,
                name="" if self.is_nameless else name,
                num_patches=one.num_patches,
            )
            for series, (one, name) in enumerate(zip(patches, names, strict=True))
        )
        encoded = perf_counter()
        study = StudyTokens(series=tokens, description="" if self.is_nameless else description)
        batch = pack([study], self.contract).to(self.precision.device)
        feature = self.vision(batch).study[0].float()
        seen = perf_counter()
        outputs = self.heads(feature)
        timings = {"encode": encoded - started, "vision": seen - encoded, "heads": perf_counter() - seen}
        _check_finite(outputs)
        return Answer(outputs=outputs, feature=feature, tokens=tokens, timings_s=timings)


def _check_finite(outputs: HeadOutputs) -> None:
    values = {**outputs.diagnoses, **outputs.referrals, **(outputs.priority or {})}
    bad = [name for name, value in values.items() if not abs(value) < float("inf")]
    if bad:
        raise NotFiniteError(
            f"the model's output {bad[0]!r} is not finite, expected a number; try --dtype float32, "
            "or check the release with --verify"
        )
