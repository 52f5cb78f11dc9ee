"""Features of many studies a call: the vision model of a release or of a training run, made ready for a device.

Shape suffixes: S series, B studies, F study feature, P pooled series vector.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from prima.model.networks.attention import best_backend
from prima.model.networks.vision import HierarchicalViT, VisionOutput
from prima.study.mode import Mode
from prima.tokens.batch import StudyBatch, StudyTokens, pack
from prima.tokens.contract import Contract
from prima.tokens.shown import shown


class FeatureReader:
    """Tokens of studies → features, each study shown as the mode says.

    Args:
        vision: the model; it is left on the device, in evaluation mode.
        contract: how the tokens were made.
        mode: what of a study the model is shown.
        device: where to compute.
        weights: number format of the weights; None leaves them as they are.
        products: number format of the matrix products where it is not that of the weights (autocast).
    """

    def __init__(
        self,
        vision: HierarchicalViT,
        contract: Contract,
        *,
        mode: Mode,
        device: torch.device | str = "cpu",
        weights: torch.dtype | None = None,
        products: torch.dtype = torch.float32,
    ) -> None:
        self.device = torch.device(device)
        self.vision = vision.to(device=self.device, dtype=weights).eval()
        self.contract = contract
        self.mode: Mode = mode
        self.products = products

    @torch.inference_mode()
    def features(self, studies: Sequence[StudyTokens], indications: Sequence[str] | None = None) -> VisionOutput:
        """Study features [B, F], series embeddings, token states and evidence of some studies in one pass.

        Args:
            studies: at least one, each with at least one series, with the text of the headers.
            indications: what the order of each study says; nothing when None.
        """
        batch = self._pack(studies, indications)
        with self._autocast():
            output: VisionOutput = self.vision(batch)
        return output

    @torch.inference_mode()
    def pooled_series(self, studies: Sequence[StudyTokens], indications: Sequence[str] | None = None) -> torch.Tensor:
        """What the sequence ViT alone says of every series: [S, P], before the study ViT; arguments as `features`."""
        batch = self._pack(studies, indications)
        with self._autocast():
            pooled, _, _ = self.vision.read_series(batch, best_backend(self.device, self.products))
        return pooled

    @torch.inference_mode()
    def project(self, study_BF: torch.Tensor) -> torch.Tensor:
        """Study features in the space shared with reports, not normalised."""
        with self._autocast():
            return self.vision.project(study_BF)

    def _pack(self, studies: Sequence[StudyTokens], indications: Sequence[str] | None) -> StudyBatch:
        orders = indications if indications is not None else [""] * len(studies)
        texts = [shown(study, self.mode, order) for study, order in zip(studies, orders, strict=True)]
        return pack(texts, self.contract).to(self.device)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, self.products, enabled=self.products != torch.float32)
