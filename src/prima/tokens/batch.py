"""Tokens of one series, and the one packed batch that training, evaluation, explanation and the clinic share.

Series of any length lie end to end with their offsets; nothing is padded, neither tokens nor text.

Shape suffixes: T tokens of all series, S series, B studies, C characters of all texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import accumulate

import torch

from prima.tokens.contract import PLANE_AXIS, Contract
from prima.tokens.place import places_of
from prima.tokens.text import encode_text


@dataclass(frozen=True, kw_only=True, eq=False)
class SeriesTokens:
    """What the tokenizer made of one series.

    Args:
        latents: [n, width], latent before quantisation, plane axis first, flattened.
        coordinates: [n, 3] int32, start voxel (z, y, x) in the padded volume.
        plane: axial, coronal or sagittal.
        name: the series name for the text encoder ("" when text is withheld).
        num_patches: patches before the foreground was chosen.
    """

    latents: torch.Tensor
    coordinates: torch.Tensor
    plane: str
    name: str
    num_patches: int

    @property
    def num_tokens(self) -> int:
        """Number of tokens."""
        return int(self.latents.shape[0])

    @property
    def foreground_share(self) -> float:
        """Tokens among all patches."""
        return self.num_tokens / self.num_patches


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyTokens:
    """The tokens of all used series of a study, and its description ("" when text is withheld)."""

    series: tuple[SeriesTokens, ...]
    description: str


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyBatch:
    """Several studies, packed.

    Args:
        tokens: [T, latent ∥ position ∥ plane] rows in float32.
        series_offsets: [S + 1] int64, where each series' tokens start.
        study_offsets: [B + 1] int64, where each study's series start.
        series_text: [C] int64 character codes of the series names, each closed by the end code.
        series_text_offsets: [S + 1] int64.
        study_text: [C'] int64 character codes of the study descriptions.
        study_text_offsets: [B + 1] int64.
        places: [T, 2] int64 cells of the head that each token lies in (`tokens/place`).
    """

    tokens: torch.Tensor
    series_offsets: torch.Tensor
    study_offsets: torch.Tensor
    series_text: torch.Tensor
    series_text_offsets: torch.Tensor
    study_text: torch.Tensor
    study_text_offsets: torch.Tensor
    places: torch.Tensor | None = None

    @property
    def num_series(self) -> int:
        """Number of series of all studies (S)."""
        return len(self.series_offsets) - 1

    @property
    def num_studies(self) -> int:
        """Number of studies (B)."""
        return len(self.study_offsets) - 1

    def to(self, device: torch.device | str) -> StudyBatch:
        """The same batch on a device."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        moved = {name: None if value is None else value.to(device) for name, value in values.items()}
        return StudyBatch(**moved)  # type: ignore[arg-type]


def pack(studies: Sequence[StudyTokens], contract: Contract) -> StudyBatch:
    """Pack studies into one batch.

    Raises:
        ValueError: there is no study, or a study has no series.
    """
    all_series = [series for study in studies for series in study.series]
    if not studies or not all(study.series for study in studies):
        raise ValueError("a batch needs at least one study, and every study at least one series")
    names = [encode_text(series.name) for series in all_series]
    descriptions = [encode_text(study.description) for study in studies]
    return StudyBatch(
        tokens=torch.cat([token_rows(series, contract) for series in all_series]),
        series_offsets=offsets_of(series.num_tokens for series in all_series),
        study_offsets=offsets_of(len(study.series) for study in studies),
        series_text=torch.tensor([code for name in names for code in name]),
        series_text_offsets=offsets_of(map(len, names)),
        study_text=torch.tensor([code for text in descriptions for code in text]),
        study_text_offsets=offsets_of(map(len, descriptions)),
        places=torch.cat([places_of(series.coordinates, series.plane, contract) for series in all_series]),
    )


def offsets_of(lengths: Iterable[int]) -> torch.Tensor:
    """Start of each piece, and the end of the last: [n + 1] int64.

    Example:
        >>> offsets_of([2, 3]).tolist()
        [0, 2, 5]
    """
    return torch.tensor([0, *accumulate(lengths)])


def token_rows(series: SeriesTokens, contract: Contract) -> torch.Tensor:
    """Rows [n, width + 3·position_dims + 3]: latent, position code, one-hot plane axis, in float32."""
    plane_axis = PLANE_AXIS[series.plane]
    patch = torch.tensor(contract.patch_shape(series.plane))
    position = position_code(series.coordinates // patch, contract.position_dims)
    one_hot = torch.zeros(series.num_tokens, 3)
    one_hot[:, plane_axis] = 1
    return torch.cat([series.latents.float(), position, one_hot], dim=1)


def position_code(index: torch.Tensor, dims: int) -> torch.Tensor:
    """Interleaved sine and cosine code of integer positions.

    Args:
        index: [n, axes] patch index along each axis.
        dims: length of one axis' code.

    Returns:
        [n, axes · dims] float32: for each axis sin, cos of index / 10000^(2k/dims), k = 0 … dims/2 − 1.
    """
    exponent = torch.arange(0, dims, 2, dtype=torch.float64) / dims
    angle = index.double().unsqueeze(-1) / 10000.0 ** exponent.to(index.device)
    code = torch.stack([angle.sin(), angle.cos()], dim=-1)
    return code.flatten(start_dim=1).float()
