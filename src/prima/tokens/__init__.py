"""From a volume to tokens by the release's contract: resampling, patches, foreground, VQ-VAE latents, shards."""

from typing import TYPE_CHECKING

from prima.files.lazy import lazy_exports

if TYPE_CHECKING:
    from prima.tokens.batch import SeriesTokens, StudyBatch, StudyTokens, pack
    from prima.tokens.contract import OPEN, PUBLISHED, Contract
    from prima.tokens.patches import Patches
    from prima.tokens.precision import Precision, choose_precision
    from prima.tokens.shard import write_shard
    from prima.tokens.shown import shown
    from prima.tokens.store import TokenStore
    from prima.tokens.text import study_text
    from prima.tokens.tokenizer import patches_of
    from prima.tokens.vqvae import VQVAE, VQVAEConfig

__all__ = [
    "OPEN",
    "PUBLISHED",
    "VQVAE",
    "Contract",
    "Patches",
    "Precision",
    "SeriesTokens",
    "StudyBatch",
    "StudyTokens",
    "TokenStore",
    "VQVAEConfig",
    "choose_precision",
    "pack",
    "patches_of",
    "shown",
    "study_text",
    "write_shard",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "Contract": "contract",
        "OPEN": "contract",
        "PUBLISHED": "contract",
        "Patches": "patches",
        "Precision": "precision",
        "SeriesTokens": "batch",
        "StudyBatch": "batch",
        "StudyTokens": "batch",
        "TokenStore": "store",
        "VQVAE": "vqvae",
        "VQVAEConfig": "vqvae",
        "choose_precision": "precision",
        "pack": "batch",
        "patches_of": "tokenizer",
        "shown": "shown",
        "write_shard": "shard",
        "study_text": "text",
    },
)
