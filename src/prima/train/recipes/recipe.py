"""What decides a run, as one value that is saved as JSON beside the weights that come of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from prima.tokens.contract import Contract
from prima.train.calibration.fit import CalibrationRecipe
from prima.train.engine.config import EngineConfig
from prima.train.heads.recipe import HeadRecipe
from prima.train.study.names import NamesTaskConfig
from prima.train.study.task import StudyTaskConfig
from prima.train.tokenizer.task import TokenizerTaskConfig


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides a run, from patches to calibrated heads.

    Args:
        name: in the registry.
        contract: how volumes become patches.
        tokenizer: the first stage, and how it is trained.
        names: the optional stage that learns series names, and how it is trained.
        study: the stage of studies against reports, and how it is trained; `series_engine` is how it goes on with the
            sequence ViT frozen (`series_task`), None when it does not.
        vocabulary: most tokens of the report tokenizer that is trained on the reports.
        heads: how heads are trained on frozen features.
        calibration: how logits become probabilities.
        target: what thresholds are chosen for.
    """

    name: str
    contract: Contract
    tokenizer: TokenizerTaskConfig
    tokenizer_engine: EngineConfig
    names: NamesTaskConfig
    names_engine: EngineConfig
    study: StudyTaskConfig
    study_engine: EngineConfig
    series_engine: EngineConfig | None = None
    vocabulary: int = 4096
    heads: HeadRecipe = field(default_factory=HeadRecipe)
    calibration: CalibrationRecipe = field(default_factory=CalibrationRecipe)
    target: str = "sensitivity=0.9"

    @property
    def has_masks(self) -> bool:
        """Whether a stage learns from masks, which only a simulation or a segmented archive has."""
        return bool(self.tokenizer.model.dense_hidden) or self.study.model.dense

    def to_json(self) -> dict[str, Any]:
        """JSON-ready values."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return values
