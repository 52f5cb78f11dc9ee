"""Study and series features of examples through a frozen vision model, for heads, zero-shot diagnosis and search.

Shape suffixes: N studies, S series of all studies, F feature, W width of a series embedding, J joint width.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from prima.errors import TrainingError
from prima.files.ahead import mapped_ahead
from prima.files.durable import new_file
from prima.model.engine.batch import FeatureReader
from prima.model.networks.vision import HierarchicalViT
from prima.study.mode import Mode
from prima.tokens.contract import Contract
from prima.train.data.examples import Example, Examples
from prima.train.data.token_folder import StudyFacts
from prima.train.engine.sampler import SamplerConfig, batches_in_order
from prima.train.heads.data import HeadLabels

TOKENS_PER_PASS = 16_384


@dataclass(frozen=True, kw_only=True, eq=False)
class Features:
    """What the vision model says of N studies, with what is known of them.

    Args:
        study_uids: of the studies, in the order of the examples.
        study: [N, F] float32, the heads' input.
        joint: [N, J] float32, in the space shared with reports, not normalised.
        series: [S, W] float32, series by series.
        series_offsets: [N + 1] int64, where each study's series start.
        labels: of the studies.
    """

    study_uids: tuple[str, ...]
    study: NDArray[np.float32]
    joint: NDArray[np.float32]
    series: NDArray[np.float32]
    series_offsets: NDArray[np.int64]
    labels: HeadLabels


def features_of(
    examples: Examples,
    vision: HierarchicalViT,
    contract: Contract,
    *,
    mode: Mode,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    tokens_per_pass: int = TOKENS_PER_PASS,
    on_studies: Callable[[int], None] = lambda _: None,
) -> Features:
    """Features of every study, in passes of so many tokens at most; a larger study is a pass of its own.

    Args:
        examples: at least one study.
        vision: the model; left on the device.
        contract: how the tokens were made.
        mode: what of a study the model is shown.
        device: where to compute.
        dtype: of the matrix products; weights and features are float32.
        tokens_per_pass: see above.
        on_studies: told after each pass how many studies are done.

    Raises:
        TrainingError: there is no study, or a feature is not finite.
        UnreadableError: the tokens of a study are damaged.
    """
    tokens = examples.num_tokens
    if not len(tokens):
        raise TrainingError("features: found no study, expected at least one")
    reader = FeatureReader(vision, contract, mode=mode, device=device, products=dtype)
    passes = batches_in_order(tokens, SamplerConfig(tokens_per_batch=tokens_per_pass))
    examples_read: list[Example] = []
    study, joint, series, counts = [], [], [], []

    def read(indices: tuple[int, ...]) -> list[Example]:
        return [examples.read(index) for index in indices]

    for _, batch, _ in mapped_ahead(passes, read, readers=1, ahead=2):
        output = reader.features([example.tokens for example in batch], [example.indication for example in batch])
        study.append(_numpy(output.study))
        joint.append(_numpy(reader.project(output.study)))
        series.append(_numpy(output.series))
        counts += [len(example.tokens.series) for example in batch]
        bad = [example.study_uid for example, row in zip(batch, study[-1], strict=True) if not np.isfinite(row).all()]
        if bad:
            raise TrainingError(
                f"features of study {bad[0]}: found a value that is not finite, expected numbers; "
                "tokenize the study again"
            )
        examples_read += [_without_tokens(example) for example in batch]
        on_studies(len(examples_read))
    return Features(
        study_uids=tuple(example.study_uid for example in examples_read),
        study=np.concatenate(study),
        joint=np.concatenate(joint),
        series=np.concatenate(series),
        series_offsets=np.cumsum([0, *counts]),
        labels=HeadLabels(
            patients=tuple(example.patient for example in examples_read),
            diagnoses=np.stack([example.labels for example in examples_read]),
            referrals=np.stack([example.referrals for example in examples_read]),
            priority=np.array([example.priority for example in examples_read], np.int64),
        ),
    )


def _numpy(tensor: torch.Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.float().cpu().numpy()
    return array


def _without_tokens(example: Example) -> Example:
    """The example without what is large."""
    return replace(example, tokens=replace(example.tokens, series=()), dense=None)


class LabelledExamples(Protocol):
    """Studies whose facts are at hand without reading tokens."""

    @property
    def study_uids(self) -> tuple[str, ...]:
        """StudyInstanceUIDs."""
        ...

    @property
    def facts(self) -> Sequence[StudyFacts]:
        """What is known of each study."""
        ...


def write_features(features: Features, path: Path) -> None:
    """Write features without the labels, which may change; the file is whole or absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            study_uids=np.array(features.study_uids),
            study=features.study,
            joint=features.joint,
            series=features.series,
            series_offsets=features.series_offsets,
        )


def read_features(path: Path, examples: LabelledExamples) -> Features | None:
    """Features that were written before, with the labels of the examples; None when there are none of these studies."""
    if not path.exists():
        return None
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None  # cut short by a full disk, say: they are made again
    uids = tuple(str(uid) for uid in arrays.pop("study_uids"))
    if uids != examples.study_uids:
        return None
    return Features(study_uids=uids, labels=labels_of(examples.facts), **arrays)


def labels_of(facts: Sequence[StudyFacts]) -> HeadLabels:
    """What is known of studies, as tables for heads."""
    return HeadLabels(
        patients=tuple(study.patient for study in facts),
        diagnoses=np.stack([study.labels() for study in facts]),
        referrals=np.stack([study.referral_values() for study in facts]),
        priority=np.array([study.priority_number() for study in facts], np.int64),
    )
