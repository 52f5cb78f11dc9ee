"""The second stage: studies against their reports, with whatever else supervises them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from prima.errors import TrainingError
from prima.evaluate.metrics import mean_auroc
from prima.model.networks.report_encoder import Texts, TextTokenizer, pack_texts
from prima.study.mode import Mode
from prima.study.ontology import DIAGNOSES
from prima.tokens.batch import StudyBatch, pack
from prima.tokens.contract import Contract
from prima.train.data.examples import Example, Examples
from prima.train.engine.task import Split, StepState
from prima.train.study.dropout import NOTHING, DropoutConfig, sampling_weights, withhold
from prima.train.study.losses import alike_groups, group_numbers, series_discrimination
from prima.train.study.model import StudyModel, StudyModelConfig, StudyTargets
from prima.train.study.retrieval import retrieval
from prima.train.study.sentences import WHOLE, SentenceConfig, report_text, summary_of
from prima.train.tokenizer.dense import STUDIES_COUNTED, DenseConfig, positive_weights, series_targets, token_targets


@dataclass(frozen=True, kw_only=True)
class StudyTaskConfig:
    """What the study stage learns from, and how much each loss counts.

    Args:
        model: the networks.
        mode: what of a study the model is ever shown.
        dropout: what is withheld by chance.
        sentences: how a summary becomes text.
        dense: how masks become targets.
        weights: factor of each loss; one that the model does not have is left out.
        temperature: of the discrimination of studies by their series.
        abnormal: how much more often an abnormal study comes than a normal one.
    """

    model: StudyModelConfig
    mode: Mode = "image+names"
    dropout: DropoutConfig = field(default_factory=DropoutConfig)
    sentences: SentenceConfig = field(default_factory=SentenceConfig)
    dense: DenseConfig = field(default_factory=DenseConfig)
    weights: Mapping[str, float] = field(
        default_factory=lambda: {
            "contrast": 1.0,
            "discrimination": 0.03,
            "labels": 1.0,
            "priority": 0.5,
            "referrals": 0.2,
            "tokens": 0.15,
            "series": 0.5,
        }
    )
    temperature: float = 0.1
    abnormal: float = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingBatch:
    """Packed studies with their reports and targets."""

    studies: StudyBatch
    texts: Texts | None
    targets: StudyTargets

    def to(self, device: torch.device) -> TrainingBatch:
        """The same batch on a device."""
        return TrainingBatch(
            studies=self.studies.to(device),
            texts=None if self.texts is None else self.texts.to(device),
            targets=self.targets.to(device),
        )


class StudyTask:
    """A `Task` over examples.

    Args:
        train: studies to learn from.
        validation: studies of other patients.
        config: see there.
        contract: how the tokens were made.
        tokenizer: of the reports; None for a model without them.
    """

    def __init__(
        self,
        train: Examples,
        validation: Examples,
        config: StudyTaskConfig,
        contract: Contract,
        tokenizer: TextTokenizer | None,
    ) -> None:
        self.examples: dict[Split, Examples] = {"train": train, "validation": validation}
        self.config = config
        self.contract = contract
        self.tokenizer = tokenizer
        self.model = StudyModel(config.model)
        self.positive_weights: torch.Tensor | None = None
        if config.model.dense:
            sample = range(0, len(train.study_uids), max(1, len(train.study_uids) // STUDIES_COUNTED))
            counted = ((train.read(index).dense, int(train.num_tokens[index])) for index in sample)
            self.positive_weights = positive_weights(counted, len(DIAGNOSES), config.dense)

    @property
    def module(self) -> nn.Module:
        """Vision model, report encoder and supervising heads."""
        return self.model

    @property
    def weights(self) -> Mapping[str, float]:
        """Factor of each loss that the model has."""
        model = self.config.model
        kept = {"discrimination"}
        kept |= {"contrast"} if model.report is not None else set()
        kept |= {"labels", "priority", "referrals"} if model.labels else set()
        kept |= {"tokens", "series"} if model.dense else set()
        return {name: weight for name, weight in self.config.weights.items() if name in kept and weight}

    @property
    def repeats(self) -> NDArray[np.float64]:
        """How often each study comes in an epoch: abnormal ones more often."""
        examples = self.examples["train"]
        if self.config.abnormal == 1:
            return np.ones(len(examples.study_uids))
        labels = np.stack([examples.read(index).labels for index in range(len(examples.study_uids))])
        return sampling_weights(labels, self.config.abnormal)

    def num_tokens(self, split: Split) -> NDArray[np.int64]:
        """Tokens of each study before any is dropped."""
        return self.examples[split].num_tokens

    def collate(self, indices: Sequence[int], step: StepState) -> TrainingBatch:
        """Read studies, withhold some of them, pack them."""
        config = self.config
        whole_examples = [self.examples[step.split].read(index) for index in indices]
        dropout = config.dropout if step.is_training else NOTHING
        examples = [
            withhold(example, dropout, config.mode, step.random(index, "study"))
            for example, index in zip(whole_examples, indices, strict=True)
        ]
        text_rows, texts = self.texts_of(whole_examples, indices, step)
        studies = pack([example.tokens for example in examples], self.contract)
        if not bool(torch.isfinite(studies.tokens).all()):
            bad = [example.study_uid for example in examples if not _is_finite(example)]
            raise TrainingError(
                f"tokens of study {bad[0] if bad else '?'}: found a value that is not finite, expected numbers; "
                "tokenize the study again"
            )
        counts = studies.study_offsets.diff().tolist()
        targets = replace(self.study_targets(examples, text_rows, counts), **self._dense_targets(examples, studies))
        return TrainingBatch(studies=studies, texts=texts, targets=targets)

    def texts_of(
        self, examples: Sequence[Example], indices: Sequence[int], step: StepState
    ) -> tuple[list[int], Texts | None]:
        """Which of the studies have a text, and the texts; None when none has."""
        text_rows: list[int] = []
        texts: list[str] = []
        way = self.config.sentences if step.is_training else WHOLE
        for place, (example, index) in enumerate(zip(examples, indices, strict=True)):
            sentences = summary_of(example)
            if self.tokenizer is not None and sentences:
                text_rows.append(place)
                texts.append(report_text(sentences, way, step.random(index, "report"), self.tokenizer.num_tokens))
        return text_rows, pack_texts(texts, self.tokenizer) if self.tokenizer is not None and texts else None

    def study_targets(
        self, examples: Sequence[Example], text_rows: Sequence[int], num_series: Sequence[int]
    ) -> StudyTargets:
        """What is known of the studies, without what masks say of their tokens."""
        labels = np.stack([example.labels for example in examples])
        owner = torch.repeat_interleave(torch.arange(len(examples)), torch.tensor(num_series))
        return StudyTargets(
            labels=torch.from_numpy(labels),
            priority=torch.tensor([example.priority for example in examples]),
            referrals=torch.from_numpy(np.stack([example.referrals for example in examples])),
            groups=alike_groups([example.sentences for example in examples], labels),
            text_rows=torch.tensor(text_rows, dtype=torch.int64),
            studies=group_numbers([example.study_uid for example in examples])[owner],
        )

    def _dense_targets(self, examples: Sequence[Example], studies: StudyBatch) -> dict[str, torch.Tensor]:
        if not self.config.model.dense or any(example.dense is None for example in examples):
            return {}
        made = [
            token_targets(
                example.dense,
                sum(series.num_tokens for series in example.tokens.series),
                len(DIAGNOSES),
                self.config.dense,
                self.positive_weights,
            )
            for example in examples
            if example.dense is not None
        ]
        targets = torch.cat([targets for targets, _ in made])
        weights = torch.cat([weights for _, weights in made])
        of_series, series_weights = series_targets(targets, weights, studies.series_offsets)
        return {
            "token_targets": targets,
            "token_weights": weights,
            "series_targets": of_series,
            "series_weights": series_weights,
        }

    def losses(self, batch: TrainingBatch, step: StepState) -> dict[str, torch.Tensor]:
        """Every loss of the model."""
        with step.autocast():
            output, study, report = self.model(batch.studies, batch.texts)
        losses = self.model.supervised(output, batch.targets)
        if self.model.report is not None:  # a rank without a text still answers the others
            text_rows = batch.targets.text_rows
            reports = study.new_zeros(0, study.shape[1]) if report is None else report
            losses["contrast"] = self.model.contrast(study[text_rows], reports, batch.targets.groups[text_rows])
        if "discrimination" in self.weights:
            losses["discrimination"] = series_discrimination(
                output.series, batch.targets.studies, temperature=self.config.temperature
            )
        return {name: losses[name] for name in self.weights}

    def measure(self, batches: Iterable[TrainingBatch], step: StepState) -> dict[str, float]:
        """Retrieval of reports by studies and, with label heads, mean AUROC over the diagnoses that can be measured."""

        def outputs() -> Iterator[Outputs]:
            for batch in batches:
                with step.autocast():
                    output, joint, report = self.model(batch.studies, batch.texts)
                yield output.study, joint, report, batch.targets

        return scores_of(self.model, outputs())


# Study features, their projection, the reports' embeddings, targets: of one batch.
Outputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor | None, StudyTargets]


def scores_of(model: StudyModel, batches: Iterable[Outputs]) -> dict[str, float]:
    """Retrieval of reports by studies, and mean AUROC of the label heads over the diagnoses that can be measured."""
    studies, reports, logits, labels, groups = [], [], [], [], []
    for study, joint, report, targets in batches:
        studies.append(joint[targets.text_rows].float().cpu().numpy())
        groups.append(targets.groups[targets.text_rows].cpu().numpy())
        if report is not None:
            reports.append(report.float().cpu().numpy())
        if model.diagnoses is not None:
            logits.append(model.diagnoses(study.float()).cpu().numpy())
            labels.append(targets.labels.cpu().numpy())
    measured: dict[str, float] = {}
    if reports:
        ranks = retrieval(np.concatenate(studies), np.concatenate(reports), np.concatenate(groups), ks=(1, 5))
        measured |= {f"retrieval@{k}": share for k, share in ranks.at.items()}
        measured |= {f"chance@{k}": share for k, share in ranks.chance.items()}
    if logits:
        measured["auroc"], _ = mean_auroc(np.concatenate(logits), np.concatenate(labels))
    return measured


def _is_finite(example: Example) -> bool:
    return all(bool(torch.isfinite(series.latents.float()).all()) for series in example.tokens.series)
