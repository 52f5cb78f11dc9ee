"""The published sizes and training."""

from __future__ import annotations

from prima.model.networks.report_encoder import ReportEncoderConfig
from prima.model.networks.transformer import TransformerConfig
from prima.model.release.untrained import PUBLISHED_SIZES
from prima.tokens.contract import PUBLISHED
from prima.tokens.vqvae import VQVAEConfig
from prima.train.heads.recipe import HeadRecipe
from prima.train.recipes.parts import engine_config, names_task_config
from prima.train.recipes.recipe import Recipe
from prima.train.study.dropout import DropoutConfig
from prima.train.study.losses import PUBLISHED_SCALE, ContrastConfig
from prima.train.study.model import StudyModelConfig
from prima.train.study.sentences import SentenceConfig
from prima.train.study.task import StudyTaskConfig
from prima.train.tokenizer.model import TokenModelConfig
from prima.train.tokenizer.quantiser import QuantiserConfig
from prima.train.tokenizer.task import TokenizerTaskConfig


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
        tokenizer_engine=engine_config(studies=4, epochs=5, rate=1e-4, decay=0.0, schedule="constant"),
        names=names_task_config(vision, hidden=256, joint_dim=128),
        names_engine=engine_config(studies=64, epochs=1, rate=1e-4, decay=1e-4),
        study=StudyTaskConfig(
            model=StudyModelConfig(
                vision=vision, report=report, contrast=ContrastConfig(scale=PUBLISHED_SCALE), labels=False
            ),
            dropout=DropoutConfig(),
            sentences=SentenceConfig(drop=0.0, alone=0.0),
            abnormal=3.0,
        ),
        study_engine=engine_config(
            studies=16, epochs=40, rate=2e-6, decay=1e-4, warmup=200, schedule="constant", measure_every=2000
        ),
        vocabulary=50_257,
        heads=HeadRecipe(hidden=1000, epochs=50, learning_rate=1e-4, max_positive_weight=100.0),
    )
