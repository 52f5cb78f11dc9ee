"""The run folder: the head that masks taught comes back as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from prima.errors import UnreadableError
from prima.model.release.stage_folder import Part, write_part
from prima.tokens.contract import OPEN
from prima.tokens.vqvae import VQVAE
from prima.train.recipes import recipe_of
from prima.train.run_folder import DENSE_FILE, read_dense, write_dense
from prima.train.tokenizer.model import TokenModel, TokenModelConfig
from prima.train.tokenizer.task import latent_width

VQVAE_CONFIG = recipe_of("tiny").tokenizer.model.vqvae


def test_a_dense_head_is_read_as_it_was_written(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="found no tokenizer that has learnt from masks"):
        read_dense(tmp_path, OPEN)
    write_part(tmp_path, "tokenizer", Part(config=VQVAE_CONFIG, tensors=VQVAE(VQVAE_CONFIG).state_dict(), record=None))
    config = TokenModelConfig(vqvae=VQVAE_CONFIG, dense_hidden=7)
    width = latent_width(config, OPEN)
    head = TokenModel(config, width).dense_head
    assert head is not None
    write_dense(tmp_path, head)
    rows = torch.randn(5, width + 33)
    with torch.no_grad():
        assert torch.equal(read_dense(tmp_path, OPEN)(rows), head(rows))
    (tmp_path / DENSE_FILE).write_bytes(b"nothing")
    with pytest.raises(UnreadableError, match="found no such head; run prima train tokenizer again"):
        read_dense(tmp_path, OPEN)
