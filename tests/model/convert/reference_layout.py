"""Generates checkpoints with the module names, attributes and sizes of the reference, from classes made up here.

The classes have no behaviour: only what a pickle of them shows. They exist under the reference's module names while
`saved_classes` is open and never afterwards.
"""

import sys
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

REFERENCE_CLASSES = {
    "complete_visual_model": ["FullMRIModel"],
    "model": ["CLIP"],
    "model_parts": [
        "Attention", "FeedForward", "GPTWrapper", "HierViT", "PreNorm", "SerieTransformerEncoder", "Transformer", "ViT",
    ],
    "patchify": ["MedicalImagePatchifier"],
    "transformers": [],
    "transformers.models": [],
    "transformers.models.gpt2": [],
    "transformers.models.gpt2.modeling_gpt2": ["GPT2Model"],
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TransformerSizes:
    """Sizes of one transformer with registers; `out` is the width of its projection."""

    width: int
    depth: int
    heads: int
    head_dim: int
    mlp: int
    registers: int
    out: int


@dataclass(frozen=True, kw_only=True)
class LayoutSizes:
    """Sizes of a whole model; the defaults make one of a few megabytes."""

    sequence: TransformerSizes = TransformerSizes(width=289, depth=2, heads=2, head_dim=16, mlp=32, registers=3, out=64)
    study: TransformerSizes = TransformerSizes(width=64, depth=1, heads=2, head_dim=16, mlp=32, registers=3, out=32)
    head_widths: tuple[int, ...] = (16, 8)
    diagnoses: int = 3
    referrals: int = 2
    priorities: int = 4
    words: int = 97
    word_positions: int = 32


RELEASED = LayoutSizes(
    sequence=TransformerSizes(width=289, depth=15, heads=16, head_dim=64, mlp=1024, registers=20, out=1024),
    study=TransformerSizes(width=1024, depth=4, heads=8, head_dim=64, mlp=1024, registers=10, out=128),
    head_widths=(4000, 1000),
    diagnoses=52,
    referrals=10,
    words=50257,
    word_positions=1024,
)
SMALL = LayoutSizes()


@contextmanager
def saved_classes() -> Iterator[dict[str, type[nn.Module]]]:
    """Register the reference's module names with empty classes, as long as the block lasts; gives them by name."""
    classes: dict[str, type[nn.Module]] = {}
    before = {name: sys.modules.get(name) for name in REFERENCE_CLASSES}
    for module_name, class_names in REFERENCE_CLASSES.items():
        module = types.ModuleType(module_name)
        for name in class_names:
            classes[name] = type(name, (nn.Module,), {"__module__": module_name})
            setattr(module, name, classes[name])
        sys.modules[module_name] = module
    try:
        yield classes
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


@dataclass
class Layout:
    """Assembles modules of the classes in `classes`."""

    classes: dict[str, type[nn.Module]]

    def make(self, name: str, /, **attributes: object) -> nn.Module:
        module = self.classes[name]()
        for attribute, value in attributes.items():
            setattr(module, attribute, value)
        return module

    def layers(self, sizes: TransformerSizes) -> nn.Module:
        inner = sizes.heads * sizes.head_dim
        blocks = nn.ModuleList()
        for _ in range(sizes.depth):
            attention = self.make(
                "Attention",
                inner_dim=inner,
                heads=sizes.heads,
                dim_head=sizes.head_dim,
                scale=sizes.head_dim**-0.5,
                dropoutp=0.0,
                causal=False,
                attend=nn.Softmax(dim=-1),
                dropout=nn.Dropout(0.0),
                to_qkv=nn.Linear(sizes.width, 3 * inner, bias=False),
                to_out=nn.Sequential(nn.Linear(inner, sizes.width), nn.Dropout(0.0)),
            )
            net = nn.Sequential(
                nn.Linear(sizes.width, sizes.mlp),
                nn.GELU(),
                nn.Dropout(0.0),
                nn.Linear(sizes.mlp, sizes.width),
                nn.Dropout(0.0),
            )
            parts = [attention, self.make("FeedForward", net=net)]
            blocks.append(
                nn.ModuleList([self.make("PreNorm", norm=nn.LayerNorm(sizes.width), fn=part) for part in parts])
            )
        return self.make("Transformer", layers=blocks)

    def vit(self, sizes: TransformerSizes) -> nn.Module:
        return self.make(
            "ViT",
            dim=sizes.width,
            pos_embedding=None,
            clsnum=sizes.registers,
            pool="cls",
            cls_token=nn.Parameter(torch.empty(1, sizes.registers, sizes.width)),
            dropout=nn.Dropout(0.0),
            transformer=self.layers(sizes),
            to_latent=nn.Identity(),
            layernorm=nn.LayerNorm(sizes.width),
            mlp_head=nn.Sequential(nn.Linear(sizes.registers * sizes.width, sizes.out)),
        )

    def character_encoder(self, width: int, positions: torch.Tensor) -> nn.Module:
        sizes = TransformerSizes(width=256, depth=3, heads=4, head_dim=64, mlp=300, registers=0, out=0)
        return self.make(
            "SerieTransformerEncoder",
            embsize=256,
            p_enc=positions,
            prelinear=False,
            embed=nn.Embedding(47, 246),
            transformer=self.layers(sizes),
            linear=nn.Linear(256, width),
        )

    def head(self, features: int, widths: tuple[int, ...], classes: int) -> nn.Sequential:
        first, second = widths
        return nn.Sequential(
            nn.Linear(features, first), nn.ReLU(), nn.Linear(first, second), nn.ReLU(), nn.Linear(second, classes)
        )

    def text_tower(self, sizes: LayoutSizes) -> nn.Module:
        words, positions = nn.Embedding(sizes.words, 768), nn.Embedding(sizes.word_positions, 768)
        model = self.make("GPT2Model", wte=words, wpe=positions, h=nn.ModuleList(), ln_f=nn.LayerNorm(768))
        out = nn.Sequential(nn.LayerNorm(768), nn.Linear(768, sizes.study.out), nn.LayerNorm(sizes.study.out))
        return self.make("GPTWrapper", model=model, mlp_head=out)

    def full_model(self, sizes: LayoutSizes) -> nn.Module:
        positions = torch.empty(200, 10)
        joined = sizes.sequence.registers * sizes.sequence.width
        visual = self.make(
            "HierViT",
            useseriename=True,
            usestudydescription=True,
            patdis=False,
            dummy_param=nn.Parameter(torch.empty(0)),
            innerViT=self.vit(sizes.sequence),
            outerViT=self.vit(sizes.study),
            patdisnet=nn.Sequential(nn.Linear(joined, 500), nn.ReLU(), nn.Linear(500, 128)),
            serieencoder=self.character_encoder(sizes.sequence.width, positions),
            studyencoder=self.character_encoder(sizes.study.width, positions),
        )
        clip = self.make(
            "CLIP",
            config={"data": {"in_dim": 256, "d": 30}},
            temperature=nn.Parameter(torch.empty(1)),
            patdistemperature=nn.Parameter(torch.empty(1)),
            patchifier=self.make("MedicalImagePatchifier", out_dim=289, p_enc=torch.empty(1, 30), d=30),
            text_model=self.text_tower(sizes),
            visual_model=visual,
            criterion=nn.CrossEntropyLoss(),
        )
        features = sizes.study.registers * sizes.study.width
        model = self.make("FullMRIModel", clipmodel=clip, clipvisualmodel=visual)
        groups = [("m1", "diagnosisheads", "diagnosis", sizes.diagnoses)]
        groups += [("m2", "referralheads", "referral", sizes.referrals)]
        for list_name, table_name, prefix, count in groups:
            heads = [self.head(features, sizes.head_widths, count) for _ in range(count)]
            for index, head in enumerate(heads):
                head.thresh = index / 100  # type: ignore[assignment]
            setattr(model, list_name, nn.ModuleList(heads))
            setattr(model, table_name, {f"{prefix}_{index}": [head, index] for index, head in enumerate(heads)})
        model.priorityhead = self.head(features, sizes.head_widths, sizes.priorities)
        return model


def write_full_model(path: Path, sizes: LayoutSizes, *, legacy: bool) -> int:
    """Write a full model with `sizes` to `path`, in the zip or the legacy form; return the bytes of its tensors.

    The weights are zero but for the first value of each tensor, which is its number in the order met.
    Memory that is never written costs nothing, so 12 GB of zeros are written from some hundred megabytes.
    """
    with saved_classes() as classes, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the legacy form wants the source text of classes that have none
        with torch.device("meta"):
            model = Layout(classes).full_model(sizes)
        num_bytes = 0
        filled: dict[int, torch.Tensor] = {}
        places = list(_tensors(model))
        for owner, name, tensor in places:
            if id(tensor) not in filled:
                # pages that are only read share one page of zeros
                zeros = torch.from_numpy(np.zeros(tensor.shape, dtype=np.float32))
                zeros.view(-1)[:1] = len(filled)
                num_bytes += zeros.nbytes
                filled[id(tensor)] = nn.Parameter(zeros) if isinstance(tensor, nn.Parameter) else zeros
            setattr(owner, name, filled[id(tensor)])
        torch.save(model.eval(), path, _use_new_zipfile_serialization=not legacy)
    return num_bytes


def _tensors(model: nn.Module) -> Iterator[tuple[nn.Module, str, torch.Tensor]]:
    for module in model.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                yield module, name, parameter
        for name, value in list(vars(module).items()):
            if isinstance(value, torch.Tensor):
                yield module, name, value


def write_tokenizer(path: Path, *, channels: int = 256, codes: int = 8192) -> None:
    """Write the state dict of a VQ-VAE with the published layers and `channels`, all zero."""
    shapes: dict[str, tuple[int, ...]] = {}

    def layer(name: str, weight: tuple[int, ...], bias: int) -> None:
        shapes[f"{name}.conv.weight"], shapes[f"{name}.conv.bias"] = weight, (bias,)

    def residual_pair(side: str, first: int) -> None:
        for block in (first, first + 1):
            for convolution in ("conv1", "conv2"):
                layer(f"{side}.blocks.{block}.{convolution}", (channels, channels, 3, 3, 3), channels)

    layer("encoder.blocks.0", (channels, 1, 4, 4, 4), channels)
    residual_pair("encoder", 1)
    layer("encoder.blocks.3", (channels, channels, 2, 2, 2), channels)
    residual_pair("encoder", 4)
    layer("encoder.blocks.6", (2, channels, 3, 3, 3), 2)
    layer("decoder.blocks.0", (channels, 2, 3, 3, 3), channels)
    residual_pair("decoder", 1)
    layer("decoder.blocks.3", (channels, channels, 4, 4, 4), channels)
    residual_pair("decoder", 4)
    layer("decoder.blocks.6", (channels, 1, 2, 2, 2), 1)
    quantizer = "quantizer.quantizer"
    shapes |= {f"{quantizer}.ema_cluster_size": (codes,), f"{quantizer}.ema_w": (codes, 2)}
    shapes[f"{quantizer}.embedding.weight"] = (codes, 2)
    torch.save({name: torch.zeros(shape) for name, shape in shapes.items()}, path)
