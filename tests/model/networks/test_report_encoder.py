"""Report encoders: packed texts do not see each other, and a stranger's folder is read without trusting it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from prima.errors import CheckpointError, MissingDependencyError, ReleaseError, UnreadableError
from prima.model.networks.report_encoder import ReportEncoder, ReportEncoderConfig, Texts, pack_texts
from prima.model.networks.report_encoder_hf import FolderReportEncoder, FolderTokenizer, load_folder
from prima.model.networks.transformer import TransformerConfig

CONFIG = ReportEncoderConfig(
    vocabulary=300,
    max_tokens=40,
    transformer=TransformerConfig(width=32, depth=2, heads=2, head_dim=16, mlp_dim=64),
    joint_dim=8,
)
REPORTS = ["1. A mass.", "1. Acute infarct of the left thalamus. 2. Edema.", "1. Normal.", "1. Edema. 2. A mass."]


class Bytes:
    """Each byte is a token, 299 is the end."""

    max_tokens = 40

    def encode(self, text: str) -> list[int]:
        return [*text.encode()[:39], 299]

    def num_tokens(self, text: str) -> int:
        return len(text.encode()) + 1


@pytest.fixture
def encoder() -> ReportEncoder:
    torch.manual_seed(0)
    return ReportEncoder(CONFIG).eval()


def test_packed_texts_are_as_each_by_itself(encoder: ReportEncoder) -> None:
    together = encoder(pack_texts(REPORTS, Bytes()))
    alone = torch.cat([encoder(pack_texts([text], Bytes())) for text in REPORTS])
    assert together.shape == (4, 8)
    torch.testing.assert_close(together, alone)
    torch.testing.assert_close(encoder(pack_texts(REPORTS, Bytes()), "reference"), together)


def test_the_embedding_is_that_of_a_plain_padded_forward(encoder: ReportEncoder) -> None:
    """Pieces, positions and the pooled row written out for one text with plain attention."""
    numbers = torch.tensor(Bytes().encode(REPORTS[1]))
    x = encoder.embedding.weight[numbers] + encoder.position.weight[: len(numbers)]
    for block in encoder.transformer.blocks:
        q, k, v = block.qkv(block.norm_attention(x)).view(-1, 3, 2, 16).permute(1, 2, 0, 3)  # type: ignore[operator]
        mixed = (q @ k.transpose(1, 2) / 4).softmax(-1) @ v
        x = x + block.out(mixed.transpose(0, 1).flatten(1))  # type: ignore[operator]
        x = x + block.mlp(block.norm_mlp(x))  # type: ignore[operator]
    expected = encoder.project(encoder.norm(x[-1]))
    torch.testing.assert_close(encoder(pack_texts(REPORTS, Bytes()))[1], expected)


def test_order_matters_and_every_parameter_learns(encoder: ReportEncoder) -> None:
    first, second = encoder(pack_texts(["ab", "ba"], Bytes()))
    assert (first - second).abs().max() > 1e-3
    encoder(pack_texts(REPORTS, Bytes())).square().sum().backward()
    assert all(one.grad is not None and one.grad.any() for one in encoder.parameters())


def test_the_configuration_is_read_back_and_a_wrong_one_refused() -> None:
    values = json.loads(json.dumps(CONFIG.to_json()))
    assert ReportEncoderConfig.from_json(values) == CONFIG
    with pytest.raises(ReleaseError, match="report_encoder"):
        ReportEncoderConfig.from_json(values | {"joint_dim": "8"})


def test_no_text_is_an_error() -> None:
    with pytest.raises(ValueError, match="found no text"):
        pack_texts([], Bytes())


def save_tokenizer(folder: Path, kind: str) -> int:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    inner: Any
    if kind == "gpt2":
        inner = Tokenizer(models.BPE())
        inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        special = {"eos_token": "<|endoftext|>"}
        trainer: Any = trainers.BpeTrainer(
            vocab_size=300, special_tokens=[*special.values()], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
        )
    else:
        inner = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # type: ignore[call-arg]
        inner.normalizer = normalizers.BertNormalizer()
        inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        special = {"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]"}
        trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=[*special.values()])
    inner.train_from_iterator(REPORTS, trainer)
    if kind == "bert":
        ids = [(name, inner.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
        inner.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ids)
    PreTrainedTokenizerFast(tokenizer_object=inner, **special).save_pretrained(folder)
    return int(inner.get_vocab_size())


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny random GPT-2 and a tiny random BERT, as `transformers` saves them."""
    from transformers import BertConfig, BertModel, GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    found = {kind: tmp_path_factory.mktemp(kind) for kind in ("gpt2", "bert")}
    vocabulary = {kind: save_tokenizer(folder, kind) for kind, folder in found.items()}
    gpt2 = GPT2Config(vocab_size=vocabulary["gpt2"], n_positions=48, n_embd=32, n_layer=2, n_head=2)
    GPT2LMHeadModel(gpt2).save_pretrained(found["gpt2"])
    bert = BertConfig(
        vocab_size=vocabulary["bert"],
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=40,
    )
    BertModel(bert).save_pretrained(found["bert"])
    return found


def loaded(folder: Path, **options: Any) -> tuple[FolderReportEncoder, FolderTokenizer]:
    torch.manual_seed(1)
    encoder, tokenizer = load_folder(folder, 8, **options)
    return encoder.eval(), tokenizer


@pytest.mark.parametrize(("kind", "pooling"), [("gpt2", "last"), ("bert", "mean")])
def test_a_folder_is_read_and_pooled_as_its_kind_wants(folders: dict[str, Path], kind: str, pooling: str) -> None:
    from transformers import AutoModel

    encoder, tokenizer = loaded(folders[kind])
    assert encoder.pooling == pooling
    together = encoder(pack_texts(REPORTS, tokenizer))
    plain = AutoModel.from_pretrained(folders[kind]).eval()
    states = [plain(torch.tensor([tokenizer.encode(text)])).last_hidden_state[0] for text in REPORTS]
    pooled = torch.stack([one[-1] if pooling == "last" else one.mean(0) for one in states])
    torch.testing.assert_close(together, encoder.project(pooled), atol=1e-5, rtol=1e-5)
    assert together.shape == (4, 8)


def test_the_first_token_can_be_taken(folders: dict[str, Path]) -> None:
    encoder, tokenizer = loaded(folders["bert"], pooling="first")
    texts = pack_texts(REPORTS, tokenizer)
    alone = torch.cat([encoder(pack_texts([text], tokenizer)) for text in REPORTS])
    torch.testing.assert_close(encoder(texts), alone, atol=1e-5, rtol=1e-5)
    assert (texts.tokens[texts.offsets[:-1]] == tokenizer.inner.cls_token_id).all()


@pytest.mark.parametrize("kind", ["gpt2", "bert"])
def test_every_parameter_of_a_folder_learns(folders: dict[str, Path], kind: str) -> None:
    encoder, tokenizer = loaded(folders[kind])
    encoder(pack_texts(REPORTS, tokenizer)).square().sum().backward()
    assert not [name for name, one in encoder.named_parameters() if one.grad is None]


@pytest.mark.parametrize("kind", ["gpt2", "bert"])
def test_texts_are_cut_to_the_positions_and_still_end_properly(folders: dict[str, Path], kind: str) -> None:
    encoder, tokenizer = loaded(folders[kind])
    numbers = tokenizer.encode(" ".join(REPORTS) * 20)
    assert len(numbers) == tokenizer.max_tokens == {"gpt2": 48, "bert": 40}[kind]
    end = tokenizer.inner.eos_token_id if kind == "gpt2" else tokenizer.inner.sep_token_id
    assert numbers[-1] == tokenizer.encode("A mass.")[-1] == end
    assert tokenizer.num_tokens("A mass.") == len(tokenizer.encode("A mass."))
    assert torch.isfinite(encoder(pack_texts([" ".join(REPORTS) * 20, ""], tokenizer))).all()


def test_pickled_weights_are_refused_in_one_line(folders: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((folders["gpt2"] / "config.json").read_bytes())
    torch.save({"x": torch.zeros(1)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"found pytorch_model.bin, expected \*.safetensors") as caught:
        load_folder(tmp_path, 8)
    assert "\n" not in str(caught.value)


def test_code_in_the_folder_is_never_run(folders: dict[str, Path], tmp_path: Path) -> None:
    for path in folders["gpt2"].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "code.Model"}}))
    (tmp_path / "code.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Model: pass\n")
    with pytest.raises(CheckpointError, match="auto_map"):
        load_folder(tmp_path, 8)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("damage", ["cut", "renamed", "no config", "not json", "unknown kind"])
def test_a_broken_folder_is_named_and_nothing_invented(folders: dict[str, Path], tmp_path: Path, damage: str) -> None:
    from safetensors.torch import load_file, save_file

    for path in folders["bert"].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights, config = tmp_path / "model.safetensors", tmp_path / "config.json"
    if damage == "cut":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif damage == "renamed":
        save_file({f"other.{name}": one for name, one in load_file(weights).items()}, weights, {"format": "pt"})
    elif damage == "no config":
        config.unlink()
    elif damage == "not json":
        config.write_text("{")
    else:
        config.write_text(json.dumps({"model_type": "never_heard_of"}))
    with pytest.raises(UnreadableError, match=tmp_path.name) as caught:
        load_folder(tmp_path, 8)
    assert "\n" not in str(caught.value)


def test_without_transformers_the_install_line_is_named(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'openprima\[train\]'"):
        load_folder(folders["gpt2"], 8)


def test_texts_know_their_number_and_move() -> None:
    texts = pack_texts(REPORTS, Bytes())
    assert len(texts) == 4
    assert isinstance(texts.to("cpu"), Texts)
    assert torch.equal(texts.to("cpu").tokens, texts.tokens)
