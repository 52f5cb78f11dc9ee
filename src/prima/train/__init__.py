"""Tables in, weights out: stages, recipes, losses, the loop."""

from typing import TYPE_CHECKING

from prima.files.lazy import lazy_exports

if TYPE_CHECKING:
    from prima.train.calibration.fit import CalibrationRecipe, calibrate
    from prima.train.engine.config import EngineConfig, RunOutcome
    from prima.train.engine.estimate import estimate
    from prima.train.engine.loop import run
    from prima.train.engine.sampler import SamplerConfig
    from prima.train.engine.task import Task
    from prima.train.heads.data import HeadData, HeadLabels, HeadLogits
    from prima.train.heads.fit import train_heads
    from prima.train.heads.recipe import HeadRecipe
    from prima.train.heads_release import calibrate_release, retrain_heads
    from prima.train.recipes import RECIPES, Recipe, demo, demo_reports, recipe_of
    from prima.train.study.bpe import train_bpe

__all__ = [
    "RECIPES",
    "CalibrationRecipe",
    "EngineConfig",
    "HeadData",
    "HeadLabels",
    "HeadLogits",
    "HeadRecipe",
    "Recipe",
    "RunOutcome",
    "SamplerConfig",
    "Task",
    "calibrate",
    "calibrate_release",
    "demo",
    "demo_reports",
    "estimate",
    "recipe_of",
    "retrain_heads",
    "run",
    "train_bpe",
    "train_heads",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "CalibrationRecipe": "calibration.fit",
        "EngineConfig": "engine.config",
        "HeadData": "heads.data",
        "HeadLabels": "heads.data",
        "HeadLogits": "heads.data",
        "HeadRecipe": "heads.recipe",
        "SamplerConfig": "engine.sampler",
        "RunOutcome": "engine.config",
        "RECIPES": "recipes",
        "Recipe": "recipes",
        "Task": "engine.task",
        "calibrate": "calibration.fit",
        "calibrate_release": "heads_release",
        "demo": "recipes",
        "demo_reports": "recipes",
        "recipe_of": "recipes",
        "retrain_heads": "heads_release",
        "run": "engine.loop",
        "train_heads": "heads.fit",
        "train_bpe": "study.bpe",
        "estimate": "engine.estimate",
    },
)
