"""Recipes: functions that return everything that decides a run as one value; a variant changes a few fields of another.

The resolved recipe is saved as JSON beside the weights that come of it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from prima.errors import UsageError
from prima.model.networks.report_encoder import ReportEncoderConfig
from prima.model.networks.transformer import TransformerConfig
from prima.model.networks.vision import TextEncoderConfig, VisionConfig
from prima.model.release.untrained import PUBLISHED_SIZES
from prima.study.ontology import DIAGNOSES
from prima.tokens.contract import OPEN, PUBLISHED, Contract
from prima.tokens.vqvae import VQVAEConfig
from prima.train.calibration.fit import CalibrationRecipe
from prima.train.engine.config import EngineConfig
from prima.train.engine.optimiser import OptimiserConfig
from prima.train.engine.order import OrderConfig
from prima.train.heads.recipe import HeadRecipe
from prima.train.study.dropout import DropoutConfig
from prima.train.study.losses import PUBLISHED_SCALE, ContrastConfig
from prima.train.study.model import StudyModelConfig
from prima.train.study.names import NamesTaskConfig
from prima.train.study.sentences import SentenceConfig
from prima.train.study.task import StudyTaskConfig
from prima.train.tokenizer.augment import PatchAugmentation
from prima.train.tokenizer.model import TokenModelConfig
from prima.train.tokenizer.quantiser import QuantiserConfig
from prima.train.tokenizer.task import TokenizerTaskConfig, latent_width


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


def tiny() -> Recipe:
    """Small enough for two minutes on a CPU: it shows that every stage runs, and learns next to nothing."""
    tokenizer = TokenModelConfig(
        vqvae=VQVAEConfig(
            channels=(16, 32),
            residual_channels=(16, 32),
            num_residual_layers=1,
            downsample=((2, 4, 1, 1), (2, 2, 1, 0)),
            upsample=((2, 2, 1, 0, 0), (2, 4, 1, 1, 0)),
            num_codes=64,
            code_dim=4,
            flat_slices=2,
        ),
        reconstruction_share=0.5,
    )
    text = _text(width=32, depth=1)
    vision = VisionConfig(
        token_width=_row_width(tokenizer, OPEN),
        sequence=_transformer(64, depth=1),
        sequence_registers=2,
        study=_transformer(64, depth=1),
        study_registers=2,
        series_name=text,
        study_description=text,
        joint_dim=32,
    )
    return Recipe(
        name="tiny",
        contract=OPEN,
        tokenizer=TokenizerTaskConfig(model=tokenizer, patches_per_study=200),
        tokenizer_engine=_engine(studies=2, steps=100, rate=3e-3, decay=1e-4, warmup=4),
        names=_names(vision, hidden=32, joint_dim=32),
        names_engine=_engine(studies=8, steps=30, rate=3e-3, warmup=3),
        study=StudyTaskConfig(
            model=StudyModelConfig(vision=vision, report=_report(width=64, depth=1, joint_dim=32)),
            dropout=DropoutConfig(tokens=0.5),
        ),
        study_engine=_engine(studies=8, steps=60, rate=2e-3, warmup=6, measure_every=30),
        series_engine=_engine(studies=16, steps=30, rate=2e-3, warmup=3),
        vocabulary=512,
        heads=HeadRecipe(hidden=32, epochs=15, column_epochs=15),
        calibration=CalibrationRecipe(replicates=50),
    )


def demo() -> Recipe:
    """The release that ships: our own contract, and the simulator's masks as dense supervision."""
    base = demo_reports()
    return replace(
        base,
        name="demo",
        tokenizer=replace(
            base.tokenizer,
            model=replace(base.tokenizer.model, dense_hidden=256, reconstruction_share=0.125),
            weights={**base.tokenizer.weights, "dense": 1.0},
            patches_per_study=32,
        ),
        study=replace(
            base.study,
            model=replace(base.study.model, dense=True),
            weights={**base.study.weights, **MASKS_FIRST},
        ),
        heads=replace(
            base.heads,
            evidence=len(DIAGNOSES),
            left_out=base.study.model.vision.study_registers * base.study.model.vision.study.width,
        ),
    )


# Masks generalise, and the labels of a thousand studies are learnt by heart: so tokens come first.
MASKS_FIRST = {"tokens": 1.0, "series": 0.3, "labels": 0.3, "priority": 0.2, "referrals": 0.1}


def demo_reports() -> Recipe:
    """As a hospital could train it: the sizes of `demo`, with reports and the labels read in them alone."""
    tokenizer = TokenModelConfig(
        vqvae=VQVAEConfig(
            channels=(32, 64),
            residual_channels=(32, 64),
            num_residual_layers=1,
            downsample=((2, 4, 1, 1), (2, 2, 1, 0)),
            upsample=((2, 2, 1, 0, 0), (2, 4, 1, 1, 0)),
            num_codes=1024,
            code_dim=16,
            flat_slices=2,
        ),
        batch_norm=True,
    )
    text = _text(width=64, depth=1)
    vision = VisionConfig(
        token_width=_row_width(tokenizer, OPEN),
        sequence=_transformer(128, depth=1),
        sequence_registers=4,
        study=_transformer(256, depth=2),
        study_registers=4,
        series_name=text,
        study_description=text,
        joint_dim=128,
        evidence=len(DIAGNOSES),
        moments=True,
        context=256,
        words=64,
    )
    return Recipe(
        name="demo_reports",
        contract=OPEN,
        tokenizer=TokenizerTaskConfig(model=tokenizer, patches_per_study=8, augmentation=PatchAugmentation()),
        tokenizer_engine=_engine(studies=16, epochs=60, rate=3e-3, decay=1e-4, warmup=100, clip=20.0),
        names=_names(vision, hidden=128, joint_dim=64),
        names_engine=_engine(studies=16, epochs=1, rate=1e-3),
        study=StudyTaskConfig(
            model=StudyModelConfig(vision=vision, report=_report(width=128, depth=2, joint_dim=128)),
            mode="image+names+indication",
            dropout=DropoutConfig(series=0.15, tokens=0.7, names=0.3, description=0.15, indication=0.2, protocol=0.4),
        ),
        study_engine=_engine(studies=8, epochs=8, rate=2e-3, decay=0.02, warmup=200, measure_every=5000),
        series_engine=replace(
            _engine(studies=64, epochs=20, rate=1e-3, decay=0.05, warmup=50, measure_every=100),
            best="auroc",
            best_is="highest",
        ),
        heads=HeadRecipe(hidden=0, penalties=(0.1, 0.03, 0.01, 0.003)),
        target="ppv=0.5",
    )


def um220k() -> Recipe:
    """The published sizes and training of Prima, for an archive of 220,000 studies and a cluster.

    What differs: AdamW in place of Adam and, for the heads, of RMSprop; bfloat16; no study stands in for another.
    """
    vision = PUBLISHED_SIZES.vision
    tokenizer = TokenModelConfig(vqvae=VQVAEConfig(), quantiser=QuantiserConfig(moving_average=False))
    gpt2 = TransformerConfig(width=768, depth=12, heads=12, head_dim=64, mlp_dim=3072)
    report = ReportEncoderConfig(vocabulary=50_257, max_tokens=200, transformer=gpt2, joint_dim=vision.joint_dim)
    return Recipe(
        name="um220k",
        contract=PUBLISHED,
        tokenizer=TokenizerTaskConfig(
            model=tokenizer, weights={"reconstruction": 1.0, "commitment": 1.0}, permute_axes=True
        ),
        tokenizer_engine=_engine(studies=4, epochs=5, rate=1e-4, decay=0.0, schedule="constant"),
        names=_names(vision, hidden=256, joint_dim=128),
        names_engine=_engine(studies=64, epochs=1, rate=1e-4, decay=1e-4),
        study=StudyTaskConfig(
            model=StudyModelConfig(
                vision=vision, report=report, contrast=ContrastConfig(scale=PUBLISHED_SCALE), labels=False
            ),
            dropout=DropoutConfig(),
            sentences=SentenceConfig(drop=0.0, alone=0.0),
            abnormal=3.0,
        ),
        study_engine=_engine(
            studies=16, epochs=40, rate=2e-6, decay=1e-4, warmup=200, schedule="constant", measure_every=2000
        ),
        vocabulary=50_257,
        heads=HeadRecipe(hidden=1000, epochs=50, learning_rate=1e-4, max_positive_weight=100.0),
    )


def no_sentence_dropout() -> Recipe:
    """`demo_reports` that always reads whole summaries, though still shuffled."""
    base = demo_reports()
    study = replace(base.study, sentences=SentenceConfig(drop=0.0, alone=0.0))
    return replace(base, name="no_sentence_dropout", study=study)


def no_discrimination() -> Recipe:
    """`demo_reports` without the discrimination of studies by their series."""
    base = demo_reports()
    study = replace(base.study, weights={**base.study.weights, "discrimination": 0.0})
    return replace(base, name="no_discrimination", study=study)


def image_only() -> Recipe:
    """`demo_reports` that is shown no series name and no study description."""
    base = demo_reports()
    return replace(base, name="image_only", study=replace(base.study, mode="image"))


def without_order() -> Recipe:
    """`demo_reports` that reads series names and study description, but not the order: age, sex, indication."""
    base = demo_reports()
    return replace(base, name="without_order", study=replace(base.study, mode="image+names"))


def siglip() -> Recipe:
    """`demo_reports` with SigLIP in place of CLIP."""
    base = demo_reports()
    model = replace(base.study.model, contrast=ContrastConfig(objective="siglip", scale=10.0))
    return replace(base, name="siglip", study=replace(base.study, model=model))


RECIPES: dict[str, Callable[[], Recipe]] = {
    one.__name__: one
    for one in (
        tiny,
        demo,
        demo_reports,
        um220k,
        no_sentence_dropout,
        no_discrimination,
        image_only,
        without_order,
        siglip,
    )
}


def recipe_of(name: str) -> Recipe:
    """The recipe with a name, or that a function of a module returns.

    Args:
        name: of a recipe of this module, or `package.module:function`; modules of the current directory are found too.

    Raises:
        UsageError: there is no such recipe, module or function, or it returns something else.

    Example:
        >>> recipe_of("demo").contract == OPEN
        True
        >>> recipe_of("prima.train.recipes:demo") == recipe_of("demo")
        True
    """
    if ":" in name:
        return _imported_recipe(name)
    if name not in RECIPES:
        raise UsageError(f"--recipe: found {name!r}, expected one of {', '.join(RECIPES)}, or package.module:function")
    return RECIPES[name]()


def _imported_recipe(name: str) -> Recipe:
    module_name, _, function_name = name.partition(":")
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        module = import_module(module_name)
    except ImportError as error:
        raise UsageError(f"--recipe {name}: cannot import {module_name!r} ({error}); expected package.module") from None
    except Exception as error:  # noqa: BLE001 (a user's own module: whatever it raises is one line)
        raise UsageError(
            f"--recipe {name}: {module_name!r} fails when imported ({type(error).__name__}: {error})"
        ) from None
    finally:
        sys.path.remove(here)
    function = getattr(module, function_name, None)
    if not callable(function):
        raise UsageError(f"--recipe {name}: found no function {function_name!r} in {module_name!r}, expected one")
    found = function()
    if not isinstance(found, Recipe):
        raise UsageError(f"--recipe {name}: found a {type(found).__name__}, expected that it returns a Recipe")
    return found


def _engine(
    *,
    studies: int,
    rate: float,
    epochs: int | None = None,
    steps: int | None = None,
    decay: float = 0.02,
    warmup: int = 100,
    schedule: Literal["cosine", "constant"] = "cosine",
    measure_every: int | None = None,
    clip: float = 1.0,
) -> EngineConfig:
    optimiser = OptimiserConfig(
        learning_rate=rate, weight_decay=decay, warmup_steps=warmup, schedule=schedule, clip_norm=clip
    )
    return EngineConfig(
        order=OrderConfig(studies_per_batch=studies),
        num_epochs=epochs,
        num_steps=steps,
        optimiser=optimiser,
        measure_every=measure_every,
    )


def _row_width(model: TokenModelConfig, contract: Contract) -> int:
    """Width of a token row: latent, position, plane."""
    return latent_width(model, contract) + 3 * contract.position_dims + 3


def _transformer(width: int, *, depth: int) -> TransformerConfig:
    return TransformerConfig(width=width, depth=depth, heads=width // 32, head_dim=32, mlp_dim=2 * width)


def _text(*, width: int, depth: int) -> TextEncoderConfig:
    return TextEncoderConfig(embedding=width - 10, position_dims=10, transformer=_transformer(width, depth=depth))


def _report(*, width: int, depth: int, joint_dim: int) -> ReportEncoderConfig:
    """The vocabulary is that of the report tokenizer, which is not trained yet."""
    transformer = _transformer(width, depth=depth)
    return ReportEncoderConfig(vocabulary=0, max_tokens=200, transformer=transformer, joint_dim=joint_dim)


def _names(vision: VisionConfig, *, hidden: int, joint_dim: int) -> NamesTaskConfig:
    assert vision.series_name is not None
    return NamesTaskConfig(
        encoder=vision.series_name,
        width=vision.sequence.width,
        token_width=vision.token_width or vision.sequence.width,
        hidden=hidden,
        joint_dim=joint_dim,
    )
