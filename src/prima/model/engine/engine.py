"""A release made ready to use: gate, tokenizer, vision model and heads on one device, for every study of a call.

This is the one way from a study to its findings; predict, the archive's stages, training's features, the probe and the
service all go through it. No file is read or written here but the release's own weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import perf_counter

import torch

from prima.errors import PrimaError
from prima.model.engine.batch import FeatureReader
from prima.model.engine.outputs import make_findings
from prima.model.engine.prepare import PreparedSeries, PreparedStudy, prepare, prepare_series
from prima.model.engine.reading import StudyReading
from prima.model.gate.admit import Gate, packaged_gate
from prima.model.release.familiarity import FamiliarityCheck, StudyFamiliarity
from prima.model.release.folder import Release, packaged_release
from prima.model.release.folder import load_release as open_release
from prima.model.release.heads import HeadOutputs, Heads
from prima.study import Excluded, Findings, ReleaseStamp, Series, Study
from prima.study.mode import Mode
from prima.tables.failures import Failure, unforeseen
from prima.tokens.batch import SeriesTokens, StudyTokens
from prima.tokens.precision import DeviceChoice, DtypeChoice, Precision, choose_precision
from prima.tokens.shown import mode_of_call
from prima.tokens.tokenizer import Tokenizer

OnTokens = Callable[[int, int], None]


class NotFiniteError(PrimaError):
    """The model gave a value that is not a number; no finding can be made of it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyOutputs:
    """What the networks gave for one study.

    Args:
        logits: of every head.
        feature: [F] float32 study feature, the heads' input.
        series: [S, W] float32 embeddings of the series.
        timings_s: seconds of the vision model and of the heads.
        familiarity: distance from the studies that the release has seen; None without a check.
    """

    logits: HeadOutputs
    feature: torch.Tensor
    series: torch.Tensor
    timings_s: dict[str, float]
    familiarity: StudyFamiliarity | None = None


class Engine:
    """Runs a release; each network is loaded when it is first needed.

    Args:
        release: a verified release.
        precision: device and number format of the encoder. On a CPU the vision model and the heads stay in float32
            (3 % of the arithmetic); on a GPU the vision model takes the encoder's format.
        image_only: withhold series names, the study description and the order.
        keep_all: let every series in, without asking the input gate.
        scores_anyway: give the scores of unfamiliar studies, too; nothing is called by them.
    """

    def __init__(
        self,
        release: Release,
        precision: Precision,
        *,
        image_only: bool = False,
        keep_all: bool = False,
        scores_anyway: bool = False,
    ) -> None:
        self.release = release
        self.manifest = release.manifest
        self.contract = release.manifest.contract
        self.precision = precision
        self.keep_all = keep_all
        self.scores_anyway = scores_anyway
        self.mode: Mode = mode_of_call(release.manifest.mode, image_only=image_only)

    @cached_property
    def gate(self) -> Gate | None:
        """The input gate; None when every series is let in."""
        return None if self.keep_all else packaged_gate()

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer's encoder."""
        device, dtype = self.precision.device, self.precision.dtype
        return Tokenizer(self.release.encoder(), self.contract, device=device, dtype=dtype)

    @cached_property
    def reader(self) -> FeatureReader:
        """The vision model."""
        device = self.precision.device
        weights = self.precision.dtype if device.type == "cuda" else torch.float32
        return FeatureReader(self.release.vision(), self.contract, mode=self.mode, device=device, weights=weights)

    @cached_property
    def heads(self) -> Heads:
        """The heads, memory-mapped on the CPU."""
        return self.release.heads(self.precision.device)

    @cached_property
    def familiarity(self) -> FamiliarityCheck | None:
        """The check for unfamiliar studies; None when the release has none."""
        return self.release.familiarity()

    def warm(self) -> None:
        """Load everything now, and run each encoder once, so that the first study need not wait for it."""
        self.tokenizer.prepare()
        _ = self.reader, self.heads, self.familiarity

    @property
    def stamp(self) -> ReleaseStamp:
        """The release, as findings name it."""
        return ReleaseStamp(
            name=self.manifest.name,
            sha256=self.release.sha256,
            trained=self.manifest.trained,
            calibrated=self.manifest.calibrated,
            mode=self.mode,
        )

    def predict(self, study: Study) -> Findings:
        """Findings of a study in memory; a study of which nothing can be used is refused, with the reason."""
        reading = StudyReading()

        def read(take: Callable[[Series], None]) -> Study:
            for series in study.series:
                take(series)
            return study

        reading.run(read, self.prepare_series)
        return self.findings(reading)

    def prepare(self, study: Study) -> PreparedStudy:
        """What this release may see of a study, cut into patches."""
        return prepare(study, self.contract, self.gate)

    def prepare_series(self, series: Series) -> PreparedSeries | Excluded:
        """The same for one series; why it is excluded when the gate refuses it."""
        return prepare_series(series, self.contract, self.gate)

    def encode(self, series: PreparedSeries, on_tokens: Callable[[int], None] | None = None) -> SeriesTokens:
        """Tokens of one series, with its name.

        Args:
            series: its patches.
            on_tokens: told after each micro-batch how many tokens of the series are encoded.
        """
        patches = series.patches
        return SeriesTokens(
            latents=self.tokenizer.latents(patches, on_tokens),
            coordinates=patches.coordinates,
            plane=patches.plane,
            name=series.name,
            num_patches=patches.num_patches,
        )

    def tokens(self, study: PreparedStudy) -> StudyTokens:
        """Tokens of a study, with the text of its headers."""
        return StudyTokens(
            series=tuple(self.encode(series) for series in study.series), description=study.description or ""
        )

    @torch.inference_mode()
    def outputs(self, tokens: StudyTokens, indication: str = "") -> StudyOutputs:
        """Features and logits of one study.

        Args:
            tokens: of at least one series, with the text of the headers; the mode decides what of it is shown.
            indication: what the order says (`tokens.text.order_text`).

        Raises:
            NotFiniteError: a feature or a logit is infinite or not a number.
        """
        started = perf_counter()
        output = self.reader.features([tokens], [indication])
        feature, series = output.study[0].float(), output.series.float()
        vision_done = perf_counter()
        logits = self.heads(feature)
        timings = {"vision": vision_done - started, "heads": perf_counter() - vision_done}
        feature, series = feature.cpu(), series.cpu()
        _check_finite(logits, feature, series)
        check = self.familiarity
        familiarity = None if check is None else check.read([series_tokens.latents for series_tokens in tokens.series])
        return StudyOutputs(logits=logits, feature=feature, series=series, timings_s=timings, familiarity=familiarity)

    def findings(
        self,
        reading: StudyReading,
        *,
        description: str | None = None,
        on_tokens: OnTokens = lambda _done, _total: None,
    ) -> Findings:
        """Findings of a study while it is read: each series is encoded as it becomes ready.

        A study of which nothing can be used, or whose computing fails, is refused with the reason.

        Args:
            reading: the study.
            description: in place of that of the headers, where given.
            on_tokens: told as the encoder goes how many tokens are encoded, of how many that are ready.

        Raises:
            BaseException: whatever ended the reading.
        """
        failure: str | None = None
        outputs: StudyOutputs | None = None
        encode_s = 0.0
        try:
            encoded, encode_s = self._encode_all(reading, on_tokens)
        except (PrimaError, MemoryError, RuntimeError) as error:  # torch raises these; the border of a study
            encoded, failure = (), why_not_computed(error)
        study = reading.study()
        text = study.description if description is None else description
        if failure is None and not encoded:
            failure = study.why_nothing
        elif failure is None:
            try:
                outputs = self.outputs(StudyTokens(series=encoded, description=text or ""), study.indication)
            except (PrimaError, MemoryError, RuntimeError) as error:
                failure = why_not_computed(error)
        familiarity = outputs.familiarity if outputs else None
        steps = outputs.timings_s if outputs else {"vision": 0.0, "heads": 0.0}
        timings = {**reading.timings_s, "encode": encode_s, **steps}
        timings["total"] = sum(timings.values())
        return make_findings(
            self.manifest,
            self.stamp,
            study_uid=study.study_uid,
            description=text,
            series=study.entries_with(familiarity.series) if familiarity else study.entries,
            logits=outputs.logits if outputs else None,
            familiarity=familiarity,
            scores_anyway=self.scores_anyway,
            reason=failure,
            notes=study.notes,
            timings_s=timings,
        )

    def _encode_all(
        self, reading: Iterable[PreparedSeries], on_tokens: OnTokens
    ) -> tuple[tuple[SeriesTokens, ...], float]:
        """Tokens of every series in the order of the study, and the seconds that encoding took."""
        encoded: list[SeriesTokens] = []
        done, seconds = 0, 0.0
        for series in reading:
            ready = done + series.patches.num_kept
            started = perf_counter()

            def count(of_series: int, before: int = done, ready: int = ready) -> None:
                on_tokens(before + of_series, ready)

            encoded.append(self.encode(series, count))
            seconds += perf_counter() - started
            done = ready
        return tuple(encoded), seconds


def load_release(
    path: Path | str | None = None,
    *,
    device: DeviceChoice = "auto",
    dtype: DtypeChoice = "auto",
    image_only: bool = False,
    keep_all: bool = False,
    scores_anyway: bool = False,
    verify: bool = False,
) -> Engine:
    """Open a release, ready to predict.

    Args:
        path: its folder; the release packaged with prima when None.
        device: auto takes the GPU when there is one.
        dtype: number format of the encoder; auto takes bfloat16 where it is computed in hardware.
        image_only: withhold series names, the study description and the order.
        keep_all: let every series in, without asking the input gate.
        scores_anyway: give the scores of unfamiliar studies, too; nothing is called by them.
        verify: hash every file first.

    Raises:
        ReleaseError: it is no release, or a file is missing or altered.
        UsageError: there is no such device.

    Example:
        >>> load_release().manifest.trained
        True
    """
    folder = packaged_release() if path is None else Path(path)
    release = open_release(folder, verify=verify)
    precision = choose_precision(device, dtype)
    return Engine(release, precision, image_only=image_only, keep_all=keep_all, scores_anyway=scores_anyway)


def failure_of(error: BaseException) -> Failure:
    """What went wrong in computing: not finite, out of memory or unforeseen.

    Example:
        >>> failure_of(MemoryError()), failure_of(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
        (<Failure.OUT_OF_MEMORY: 'out_of_memory'>, <Failure.OUT_OF_MEMORY: 'out_of_memory'>)
    """
    if isinstance(error, NotFiniteError):
        return Failure.NOT_FINITE
    name = type(error).__name__
    if isinstance(error, MemoryError) or name == "OutOfMemoryError" or "allocate memory" in str(error):
        return Failure.OUT_OF_MEMORY
    return Failure.UNFORESEEN


def why_not_computed(error: PrimaError | MemoryError | RuntimeError) -> str:
    """One line on why a study has no findings though it could be read."""
    if isinstance(error, PrimaError):
        return str(error)
    if failure_of(error) is Failure.OUT_OF_MEMORY:
        return "computing needs more memory than there is; try --device cpu, or a machine with more"
    return unforeseen("computing", error)


def _check_finite(logits: HeadOutputs, feature: torch.Tensor, series: torch.Tensor) -> None:
    values = {**logits.diagnoses, **logits.referrals, **(logits.priority or {})}
    odd = [f"output {name!r}" for name, value in values.items() if not abs(value) < float("inf")]
    odd += [
        f"feature of the {level}"
        for level, tensor in (("study", feature), ("series", series))
        if not bool(torch.isfinite(tensor).all())
    ]
    if odd:
        raise NotFiniteError(
            f"the model's {odd[0]} is not finite, expected a number; try --dtype float32, "
            "or check the release with --verify"
        )
