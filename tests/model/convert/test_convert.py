"""The published weights become a release: both forms alike, nothing guessed, nothing run, nothing left half done."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from prima.errors import CheckpointError, ReleaseError
from prima.model.convert.convert import convert
from prima.model.release.folder import Release, load_release
from prima.model.release.manifest import MANIFEST_FILE

from .crafted import name, text, write_zip
from .reference_layout import SMALL, Layout, LayoutSizes, TransformerSizes, saved_classes, write_tokenizer

TINY = LayoutSizes(
    sequence=TransformerSizes(width=289, depth=1, heads=2, head_dim=4, mlp=8, registers=2, out=16),
    study=TransformerSizes(width=16, depth=1, heads=2, head_dim=4, mlp=8, registers=2, out=8),
    head_widths=(6, 5),
    words=3,
    word_positions=3,
)


@pytest.fixture(autouse=True)
def _same_random_numbers() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(11)
        yield


@pytest.fixture
def model() -> Iterator[nn.Module]:
    """A published full model with random weights; its classes exist as long as the test runs."""
    with saved_classes() as classes:
        model = Layout(classes).full_model(TINY)
        for parameter in model.parameters():
            nn.init.normal_(parameter)
        yield model


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    path = tmp_path / "vqvae.pth"
    write_tokenizer(path, channels=4, codes=8)
    return path


def save(value: object, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes made up here have no source text
        torch.save(value, path)
    return path


Convert = Callable[..., Release]


@pytest.fixture
def converted(tmp_path: Path, tokenizer: Path) -> Convert:
    """Save a model and convert it."""

    def run(model: nn.Module, out: str = "release") -> Release:
        return load_release(convert(save(model, tmp_path / "full.pt"), tokenizer, tmp_path / out), verify=True)

    return run


def files_of(release: Release) -> dict[str, bytes]:
    """The weights of a release, by file."""
    return {
        path.relative_to(release.folder).as_posix(): path.read_bytes() for path in release.folder.rglob("*.safetensors")
    }


def attention_of(model: nn.Module) -> Any:
    return model.clipvisualmodel.innerViT.transformer.layers[0][0].fn


def feed_forward_of(model: nn.Module) -> Any:
    return model.clipvisualmodel.innerViT.transformer.layers[0][1].fn


def test_every_weight_arrives_under_its_name(model: nn.Module, converted: Convert) -> None:
    release = converted(model)
    theirs: Any = model.clipvisualmodel
    ours = release.vision()
    assert torch.equal(ours.sequence.registers, theirs.innerViT.cls_token[0])
    assert torch.equal(ours.sequence.transformer.blocks[0].qkv.weight, attention_of(model).to_qkv.weight)
    assert torch.equal(ours.sequence.transformer.blocks[0].mlp[2].bias, feed_forward_of(model).net[3].bias)
    assert torch.equal(ours.series_project.weight, theirs.innerViT.mlp_head[0].weight)
    assert torch.equal(ours.study.norm.bias, theirs.outerViT.layernorm.bias)
    assert torch.equal(ours.joint_project.bias, theirs.outerViT.mlp_head[0].bias)
    assert ours.series_name is not None and ours.study_description is not None
    assert torch.equal(ours.series_name.embedding.weight, theirs.serieencoder.embed.weight)
    assert torch.equal(ours.study_description.project.weight, theirs.studyencoder.linear.weight)
    manifest = release.manifest
    assert [(head.name, head.column, head.offset) for head in manifest.diagnoses] == [
        ("diagnosis_0", 0, 0.0),
        ("diagnosis_1", 1, 0.01),
        ("diagnosis_2", 2, 0.02),
    ]
    assert [head.name for head in manifest.referrals] == ["referral_0", "referral_1"]
    assert manifest.priority is not None and manifest.priority.levels == ("none", "low", "medium", "high")
    feature = torch.randn(manifest.vision.feature_dim)
    outputs = release.heads(torch.device("cpu"))(feature)
    with torch.no_grad():
        for index in range(3):
            expected = model.diagnosisheads[f"diagnosis_{index}"][0](feature)[index] - index / 100
            assert outputs.diagnoses[f"diagnosis_{index}"] == pytest.approx(float(expected), rel=1e-5)
        assert outputs.priority is not None
        assert list(outputs.priority.values()) == pytest.approx(model.priorityhead(feature).tolist(), rel=1e-5)


def write_components(model: Any, folder: Path, *, wrap: bool) -> Path:
    """The other published form: a configuration, a CLIP model, one pickle per head, tables of heads."""
    (folder / "heads").mkdir(parents=True)

    def wrapped(module: nn.Module) -> nn.Module:
        return nn.DataParallel(module) if wrap else module

    save(wrapped(model.clipmodel), folder / "clip.pt")
    for kind in ("diagnosis", "referral"):
        table = {}
        for head, (network, column) in getattr(
            model, f"{'diagnosis' if kind == 'diagnosis' else 'referral'}heads"
        ).items():
            save(wrapped(network), folder / "heads" / f"{head}.pt")
            table[head] = ["anything", [[f"heads/{head}.pt", column, network.thresh]]]
        (folder / f"{kind}.json").write_text(json.dumps(table))
    save(wrapped(model.priorityhead), folder / "priority.pt")
    config = {
        "clip_ckpt": "clip.pt",
        "diagnosis_heads_json": "diagnosis.json",
        "referral_heads_json": "referral.json",
        "priority_head_ckpt": "priority.pt",
    }
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    return path


@pytest.mark.parametrize("wrap", [True, False], ids=["DataParallel", "plain"])
def test_components_give_the_same_release_as_the_full_model(
    model: nn.Module, converted: Convert, tokenizer: Path, tmp_path: Path, wrap: bool
) -> None:
    whole = converted(model)
    config = write_components(model, tmp_path / "parts", wrap=wrap)
    parts = load_release(convert(config, tokenizer, tmp_path / "parts release"))
    assert files_of(parts) == files_of(whole)
    assert replace(parts.manifest, name="", provenance={}, files={}) == replace(
        whole.manifest, name="", provenance={}, files={}
    )


def test_a_configuration_may_name_the_full_model(
    model: nn.Module, converted: Convert, tokenizer: Path, tmp_path: Path
) -> None:
    whole = converted(model)
    (tmp_path / "config.json").write_text('{"full_model_ckpt": "full.pt"}')
    named = load_release(convert(tmp_path / "config.json", tokenizer, tmp_path / "named", name="of this name"))
    assert files_of(named) == files_of(whole)
    assert named.manifest.name == "of this name"


def test_a_head_file_that_two_tasks_share_is_kept_once(model: nn.Module, tokenizer: Path, tmp_path: Path) -> None:
    config = write_components(model, tmp_path / "parts", wrap=True)
    table = {"a": [0, [["heads/diagnosis_0.pt", 0, -0.5]]], "b": [0, [["heads/diagnosis_0.pt", 2, 0.5]]]}
    (tmp_path / "parts" / "diagnosis.json").write_text(json.dumps(table))
    manifest = load_release(convert(config, tokenizer, tmp_path / "release")).manifest
    assert [(head.name, head.mlp, head.column, head.offset) for head in manifest.diagnoses] == [
        ("a", 0, 0, -0.5),
        ("b", 0, 2, 0.5),
    ]
    assert len(manifest.mlps) == 4


@pytest.mark.parametrize(
    "entry",
    [
        [],
        [0, []],
        [0, [["heads/diagnosis_0.pt", 0]]],
        [0, [["heads/diagnosis_0.pt", "x", 0.0]]],
        [0, [["heads/diagnosis_0.pt", 0, None]]],
        [0, [["heads/diagnosis_0.pt", 0.5, 0.0]]],
        [0, [["heads/diagnosis_0.pt", -1, 0.0]]],
        [0, [["heads/diagnosis_0.pt", 0, float("nan")]]],
        [0, [["heads/diagnosis_0.pt", 0, 0.0], ["heads/diagnosis_1.pt", 0, 0.0]]],
    ],
    ids=repr,
)
def test_a_table_of_heads_of_another_form(model: nn.Module, tokenizer: Path, tmp_path: Path, entry: Any) -> None:
    config = write_components(model, tmp_path / "parts", wrap=True)
    (tmp_path / "parts" / "diagnosis.json").write_text(json.dumps({"one": entry}))
    with pytest.raises(CheckpointError, match="'one'"):
        convert(config, tokenizer, tmp_path / "release")
    assert not (tmp_path / "release").exists()


@pytest.mark.parametrize(
    ("config", "message"),
    [("{}", "found neither full_model_ckpt nor clip_ckpt"), ("[]", "found a list"), ("{", "cannot be read as JSON")],
)
def test_a_configuration_of_another_form(tokenizer: Path, tmp_path: Path, config: str, message: str) -> None:
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(CheckpointError, match=message):
        convert(tmp_path / "config.json", tokenizer, tmp_path / "release")


def _unknown_parameter(model: Any) -> None:
    model.clipvisualmodel.innerViT.mystery = nn.Parameter(torch.zeros(2))


def _missing_parameter(model: Any) -> None:
    del model.clipvisualmodel.innerViT.layernorm


def _other_activation(model: Any) -> None:
    feed_forward_of(model).net[1] = nn.ReLU()


def _approximate_activation(model: Any) -> None:
    feed_forward_of(model).net[1] = nn.GELU(approximate="tanh")


def _causal(model: Any) -> None:
    attention_of(model).causal = True


def _other_scale(model: Any) -> None:
    attention_of(model).scale = 0.125


def _scale_that_is_no_number(model: Any) -> None:
    attention_of(model).scale = "large"


def _no_heads(model: Any) -> None:
    attention_of(model).heads = 0


def _heads_that_do_not_divide(model: Any) -> None:
    attention_of(model).heads = 3


def _other_epsilon(model: Any) -> None:
    model.clipvisualmodel.innerViT.transformer.layers[0][0].norm.eps = 1e-6


def _other_pool(model: Any) -> None:
    model.clipvisualmodel.innerViT.pool = "mean"


def _with_prelinear(model: Any) -> None:
    model.clipvisualmodel.serieencoder.prelinear = True


def _with_position(model: Any) -> None:
    model.clipvisualmodel.outerViT.pos_embedding = nn.Parameter(torch.zeros(1, 2, 16))


def _head_of_another_kind(model: Any) -> None:
    model.diagnosisheads["diagnosis_1"][0][1] = nn.Tanh()


def _head_of_another_width(model: Any) -> None:
    model.diagnosisheads["diagnosis_1"][0][0] = nn.Linear(31, 6)


def _column_out_of_range(model: Any) -> None:
    model.diagnosisheads["diagnosis_1"][1] = 3


def _two_priorities(model: Any) -> None:
    model.priorityhead[4] = nn.Linear(5, 2)


def _threshold_of_priority(model: Any) -> None:
    model.priorityhead.thresh = 0.5


def _threshold_not_finite(model: Any) -> None:
    model.diagnosisheads["diagnosis_0"][0].thresh = float("inf")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_unknown_parameter, r"1 parameters of unknown meaning \(innerViT\.mystery"),
        (_missing_parameter, r"vision model: found nothing for sequence\.norm\.bias, expected \(289,\)"),
        (_other_activation, r"activation: found 'ReLU', expected 'GELU'"),
        (_approximate_activation, "GELU approximation: found 'tanh'"),
        (_causal, "causal: found True"),
        (_other_scale, r"scale: found 0\.125"),
        (_scale_that_is_no_number, "scale: found 'large'"),
        (_no_heads, "for 0 heads"),
        (_heads_that_do_not_divide, "found 24 rows of qkv for 3 heads"),
        (_other_epsilon, "epsilon: found 1e-06"),
        (_other_pool, r"innerViT\.pool: found 'mean'"),
        (_with_prelinear, "prelinear: found True"),
        (_with_position, r"outerViT\.pos_embedding"),
        (_head_of_another_kind, r"head diagnosis_1: found layers \['Linear', 'Tanh'"),
        (_head_of_another_width, "head diagnosis_1: found 31 inputs, expected the study feature's 32"),
        (_column_out_of_range, "head diagnosis_1: found column 3"),
        (_two_priorities, r"priority head: found 2 outputs, expected \[3, 4\]"),
        (_threshold_of_priority, "priority head: found a threshold"),
        (_threshold_not_finite, "head diagnosis_0: found a threshold that is no finite number"),
    ],
)
def test_another_architecture_is_refused_and_nothing_left_behind(
    model: nn.Module, converted: Convert, tmp_path: Path, change: Callable[[Any], None], message: str
) -> None:
    change(model)
    with pytest.raises(CheckpointError, match=message):
        converted(model)
    assert not (tmp_path / "release").exists()


def test_what_is_refused_later_in_the_network_too(model: nn.Module, converted: Convert) -> None:
    """Not only the first block is looked at."""
    theirs: Any = model.clipvisualmodel
    theirs.serieencoder.transformer.layers[2][1].fn.net[1] = nn.ReLU()
    with pytest.raises(CheckpointError, match=r"serieencoder.*activation: found 'ReLU'"):
        converted(model)


def test_three_levels_of_priority_in_older_files(model: Any, converted: Convert) -> None:
    model.priorityhead[4] = nn.Linear(5, 3)
    priority = converted(model).manifest.priority
    assert priority is not None and priority.levels == ("none", "low", "high")


def test_no_priority_head(model: Any, converted: Convert) -> None:
    del model.priorityhead
    release = converted(model)
    assert release.manifest.priority is None
    assert release.heads(torch.device("cpu"))(torch.zeros(32)).priority is None


def test_half_precision_weights_become_float32(model: nn.Module, converted: Convert) -> None:
    release = converted(model.half())
    weight = release.vision().series_project.weight
    assert weight.dtype == torch.float32
    assert torch.equal(weight, model.clipvisualmodel.innerViT.mlp_head[0].weight.float())  # type: ignore[union-attr]
    release.heads(torch.device("cpu"))(torch.zeros(32))


@pytest.mark.parametrize("flag", ["useseriename", "usestudydescription"])
def test_a_model_without_text(model: Any, converted: Convert, flag: str) -> None:
    setattr(model.clipvisualmodel, flag, False)
    delattr(model.clipvisualmodel, "serieencoder" if flag == "useseriename" else "studyencoder")
    vision = converted(model).manifest.vision
    assert (vision.series_name is None) == (flag == "useseriename")
    assert (vision.study_description is None) == (flag == "usestudydescription")


def test_a_checkpoint_that_names_os_system_runs_nothing(tokenizer: Path, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    operations = name("os", "system") + text(f"touch {proof}") + b"\x85R"
    bad = write_zip(tmp_path / "full.pt", operations)
    for full, vqvae in ((bad, tokenizer), (bad, bad)):
        with pytest.raises(CheckpointError, match=r"names 'os\.system'"):
            convert(full, vqvae, tmp_path / "release")
    assert not proof.exists()
    assert not (tmp_path / "release").exists()


def test_a_head_that_names_something_else_leaves_nothing_behind(
    model: nn.Module, tokenizer: Path, tmp_path: Path
) -> None:
    config = write_components(model, tmp_path / "parts", wrap=True)
    write_zip(tmp_path / "parts" / "heads" / "diagnosis_1.pt", name("builtins", "eval") + text("1") + b"\x85R")
    with pytest.raises(CheckpointError, match=r"diagnosis_1\.pt: .*names 'builtins\.eval'"):
        convert(config, tokenizer, tmp_path / "release")
    assert not (tmp_path / "release").exists()


def test_a_folder_with_something_in_it_is_left_alone(model: nn.Module, converted: Convert, tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "mine").write_text("kept")
    with pytest.raises(ReleaseError, match="expected a new or empty folder"):
        converted(model)
    assert [path.name for path in (tmp_path / "release").iterdir()] == ["mine"]


def test_a_break_in_the_middle_leaves_nothing(model: nn.Module, tokenizer: Path, tmp_path: Path) -> None:
    def stop(file: str, done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(save(model, tmp_path / "full.pt"), tokenizer, tmp_path / "release", on_file=stop)
    assert not (tmp_path / "release").exists()


def test_progress_names_every_file(model: nn.Module, tokenizer: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    folder = convert(
        save(model, tmp_path / "full.pt"), tokenizer, tmp_path / "release", on_file=lambda *one: told.append(one)
    )
    names = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))["files"]
    assert [one[0] for one in told] == [file for file in names if file.endswith(".safetensors")]
    assert [one[1:] for one in told] == [(index, 8) for index in range(8)]


@pytest.mark.parametrize("wrapping", ["state_dict", "module.", "both"])
def test_a_tokenizer_as_training_saves_it(
    model: nn.Module, converted: Convert, tokenizer: Path, tmp_path: Path, wrapping: str
) -> None:
    plain = converted(model)
    state = torch.load(tokenizer, weights_only=True)
    if wrapping != "state_dict":
        state = {f"module.{key}": value for key, value in state.items()}
    save(state if wrapping == "module." else {"state_dict": state, "epoch": 3}, tokenizer)
    assert files_of(converted(model, "again")) == files_of(plain)


@pytest.mark.parametrize("change", ["missing", "unknown", "empty"])
def test_a_tokenizer_of_another_layout(model: nn.Module, converted: Convert, tokenizer: Path, change: str) -> None:
    state = torch.load(tokenizer, weights_only=True)
    if change == "missing":
        del state["encoder.blocks.1.conv2.conv.bias"]
    elif change == "unknown":
        state["encoder.mystery"] = torch.zeros(1)
    save({} if change == "empty" else state, tokenizer)
    with pytest.raises(CheckpointError, match=r"^tokenizer: "):
        converted(model)


def test_the_larger_layout_too(tokenizer: Path, tmp_path: Path) -> None:
    with saved_classes() as classes:
        path = save(Layout(classes).full_model(SMALL), tmp_path / "full.pt")
    manifest = load_release(convert(path, tokenizer, tmp_path / "release")).manifest
    assert manifest.vision.sequence.depth == 2 and manifest.vision.sequence.heads == 2
    assert manifest.vision.feature_dim == 192
