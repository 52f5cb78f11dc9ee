"""How fast a whole study is predicted, and where the time goes.

    python benchmarks/predict.py --scratch SCRATCH [--release DIR] [--studies 1 4 16] [--dtype auto]

Makes a release of the published size with random weights (11.5 GB in SCRATCH, once) and phantom studies of six
series. Each row is the whole command `prima predict` in a process of its own, from start to exit, with a warm page
cache; anonymous memory is sampled from /proc. Between its runs, in the same minutes, the reference's way: MONAI's
VQ-VAE in float32 over every patch of the first study (its reading, its transformers and its heads are not counted).
Then, in this process: the encoder's rate, the measured peak of a matrix multiplication of the same format on the same
cores, and the plain form of the network on the same tokens, as a ratio.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import torch
from clinical_study import write_clinical_studies
from monai.networks.nets import vqvae

from prima.model.release.folder import load_release
from prima.model.release.untrained import PUBLISHED_SIZES, write_untrained_release
from prima.predict.sources import find_studies
from prima.tokens.contract import Contract
from prima.tokens.patches import Patches
from prima.tokens.precision import choose_precision
from prima.tokens.tokenizer import MICRO_BATCH_CPU, Tokenizer, patches_of
from prima.tokens.vqvae import Encoder, VQVAEConfig

# Patches that the reference's way encodes at a time.
REFERENCE_BATCH = 32


def main() -> None:
    """Run and print; `--result FILE` also writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--release", type=Path)
    parser.add_argument("--studies", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--dtype", default="auto", choices=["auto", "float32", "bfloat16"])
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--reference-share", type=float, default=1.0, help="of the reference's batches to time")
    parser.add_argument("--result", type=Path)
    options = parser.parse_args()
    release = options.release or options.scratch / "published_size_random"
    if not release.exists():
        print(f"writing a release of the published size to {release} …", flush=True)
        write_untrained_release(release, PUBLISHED_SIZES, name="published size, random weights")
    studies = write_clinical_studies(options.scratch / "studies", max(options.studies))
    lines = [*machine_lines(options), "", *ratio_lines(studies[0], release, options)]
    lines += ["", *command_lines(studies, release, options)]
    lines += ["", *encoder_lines(studies[0], release, options)]
    lines += ["", *heads_lines(release, options)]
    text = "\n".join(lines)
    print(text)
    if options.result:
        options.result.write_text(f"# Predicting whole studies\n\n{text}\n", encoding="utf-8")


def machine_lines(options: argparse.Namespace) -> list[str]:
    """What it was measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "?")
    features = [
        name
        for name, has in (
            ("AMX", torch.cpu._is_amx_tile_supported()),
            ("AVX-512 BF16", torch.cpu._is_avx512_bf16_supported()),
            ("AVX-512", torch.cpu._is_avx512_supported()),
        )
        if has
    ]
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return [
        f"- date: {datetime.date.today()}; torch {torch.__version__}; Python {platform.python_version()}",
        f"- processor: {model}, {torch.get_num_threads()} threads ({', '.join(features)}); GPU: {gpu}",
        f"- options: --dtype {options.dtype} --device {options.device}",
    ]


def command_lines(studies: list[Path], release: Path, options: argparse.Namespace) -> list[str]:
    """One row per number of studies in a call; a run before warms the page cache."""
    run_command(studies[:1], release, options)
    lines = [
        "| studies in one call | whole command, s | per study, s | peak anonymous memory, MiB |",
        "|---:|---:|---:|---:|",
    ]
    stages: dict[str, float] = {}
    for count in options.studies:
        seconds, peak, found = run_command(studies[:count], release, options)
        stages = stages or found[0]["timings_s"]
        if count == options.studies[0]:
            series = found[0]["series"]
            patches = sum(entry["num_tokens"] for entry in series)
            tokens = sum(entry["num_foreground"] for entry in series)
        lines.append(f"| {count} | {seconds:.1f} | {seconds / count:.1f} | {peak / 2**20:.0f} |")
    lines += [
        "",
        f"A study: {len(series)} series, {patches} patches, {tokens} of them foreground ({tokens / patches:.0%}).",
        "",
        "| stage of the first study | s |",
        "|---|---:|",
        *(f"| {stage} | {seconds:.2f} |" for stage, seconds in stages.items()),
    ]
    return lines


def ratio_lines(study: Path, release_folder: Path, options: argparse.Namespace) -> list[str]:
    """The whole command against the reference's encoding of the same study, by turns."""
    release = load_release(release_folder)
    contract = release.manifest.contract
    all_series = find_studies(study).studies[0].read().series
    precision = choose_precision(options.device, "float32")
    network = reference_network(release.manifest.tokenizer).to(precision.device)
    run_command([study], release_folder, options)
    command_s: list[float] = []
    reference_s, num_patches = 0.0, 0
    for index, series in enumerate(all_series):
        patches = patches_of(series, contract)
        reference_s += encode_reference(network, patches, contract, precision.device, options.reference_share)
        num_patches += patches.num_patches
        if index % 2:
            command_s.append(run_command([study], release_folder, options)[0])
    middle = sorted(command_s)[len(command_s) // 2]
    share = options.reference_share
    sampled = "" if share == 1 else f", reckoned from {share:.0%} of the batches"
    runs = ", ".join(f"{value:.1f}" for value in command_s)
    return [
        "| one study, by turns in one run | s |",
        "|---|---:|",
        f"| the reference's way: MONAI's VQ-VAE, float32, all {num_patches} patches{sampled} | {reference_s:.1f} |",
        f"| the whole command `prima predict`, median of {runs} | {middle:.1f} |",
        f"| ratio | {reference_s / middle:.2f} |",
    ]


def reference_network(config: VQVAEConfig) -> torch.nn.Module:
    """MONAI's network of these sizes; its weights are random, which costs the same."""
    network: torch.nn.Module = vqvae.VQVAE(
        spatial_dims=3,
        in_channels=1,
        out_channels=1,
        channels=config.channels,
        num_res_layers=config.num_residual_layers,
        num_res_channels=config.residual_channels,
        downsample_parameters=config.downsample,
        upsample_parameters=config.upsample,
        num_embeddings=config.num_codes,
        embedding_dim=config.code_dim,
    )
    return network.eval()


def encode_reference(
    network: torch.nn.Module, patches: Patches, contract: Contract, device: torch.device, share: float
) -> float:
    """Seconds for MONAI's encoder over as many patches as the volume has; those left out are stood in for by others.

    With a share below 1 so many of the batches are timed, spread over all, and their seconds are scaled up.
    """
    voxels = patches.for_encoder(contract, slice(0, patches.num_kept))
    batches = torch.arange(patches.num_patches).remainder(patches.num_kept).split(REFERENCE_BATCH)
    timed = batches[:: max(1, round(1 / share))]
    seconds = 0.0
    for rows in timed:
        batch = voxels[rows].to(device)
        started = time.perf_counter()
        with torch.inference_mode():
            network.encode(batch)  # type: ignore[operator]
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds += time.perf_counter() - started
    return seconds * patches.num_patches / sum(map(len, timed))


def run_command(
    studies: list[Path], release: Path, options: argparse.Namespace
) -> tuple[float, int, list[dict[str, object]]]:
    """Wall seconds, peak anonymous bytes and findings of one `prima predict`."""
    out = options.scratch / "out"
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "prima", "predict", *map(str, studies), "--release", str(release)]
    command += ["--out", str(out), "--dtype", options.dtype, "--device", options.device, "--json"]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    peak = [0]
    watcher = threading.Thread(target=watch_memory, args=(process, peak))
    watcher.start()
    output, _ = process.communicate()
    seconds = time.perf_counter() - started
    watcher.join()
    assert process.returncode == 0, process.returncode
    return seconds, peak[0], [json.loads(line) for line in output.splitlines()]


def watch_memory(process: subprocess.Popen[bytes], peak: list[int]) -> None:
    """Keep the highest RssAnon of a process."""
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        try:
            text = status.read_text()
        except OSError:
            return
        for line in text.splitlines():
            if line.startswith("RssAnon"):
                peak[0] = max(peak[0], int(line.split()[1]) * 1024)
        time.sleep(0.02)


def encoder_lines(study: Path, release_folder: Path, options: argparse.Namespace) -> list[str]:
    """The encoder against the peak of the machine and against the plain form, in one process."""
    release = load_release(release_folder)
    precision = choose_precision(options.device, options.dtype)
    contract = release.manifest.contract
    series = find_studies(study).studies[0].read().series
    patches = next(cut for one in series if (cut := patches_of(one, contract)).num_kept >= 200)
    encoder = release.encoder()
    tokenizer = Tokenizer(encoder, contract, device=precision.device, dtype=precision.dtype)
    flops = flops_per_token(encoder)
    tokenizer.latents(patches)
    ours = median_seconds(lambda: tokenizer.latents(patches), precision.device) / patches.num_kept
    lines = [
        "| encoder | value |",
        "|---|---:|",
        f"| format | {precision.dtype} |",
        f"| arithmetic of the plain form, GFLOP a token | {flops / 1e9:.2f} |",
        f"| ms a token | {ours * 1e3:.2f} |",
        f"| TFLOP/s, counting the plain form's arithmetic | {flops / ours / 1e12:.2f} |",
    ]
    peak = gemm_peak(precision.device, precision.dtype)
    lines += [
        f"| matrix multiplication of 2048³ on the same cores, TFLOP/s | {peak / 1e12:.2f} |",
        f"| share of it | {flops / ours / peak:.0%} |",
    ]
    few = slice(0, 2 * MICRO_BATCH_CPU)
    voxels = patches.for_encoder(contract, few)
    for name, dtype in (("float32", torch.float32), (str(precision.dtype).split(".")[1], precision.dtype)):
        plain = release.encoder().to(precision.device, dtype).to(memory_format=torch.channels_last_3d)
        inputs = voxels.to(precision.device, dtype).contiguous(memory_format=torch.channels_last_3d)
        with torch.inference_mode():
            plain(inputs)
            seconds = median_seconds(lambda: plain(inputs), precision.device) / len(inputs)  # noqa: B023
        lines.append(f"| plain form in {name}, channels last, ms a token (times ours) | "
                     f"{seconds * 1e3:.1f} ({seconds / ours:.1f}×) |")  # fmt: skip
    return lines


def heads_lines(release_folder: Path, options: argparse.Namespace) -> list[str]:
    """All heads for one study: from a cold page cache, newly mapped from a warm one, and again."""
    release = load_release(release_folder)
    device = choose_precision(options.device, options.dtype).device
    feature = torch.randn(release.manifest.vision.feature_dim, device=device)
    files = [release_folder / name for name in release.manifest.mlps]
    for file in files:
        with file.open("rb") as handle:
            os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    lines = ["| heads | s |", "|---|---:|"]
    for name in ("page cache dropped before", "mapped anew, page cache warm", "mapped anew, page cache warm"):
        started = time.perf_counter()
        heads = release.heads(device)
        heads(feature)
        lines.append(f"| {len(files)} networks, {name} | {time.perf_counter() - started:.2f} |")
    lines.append(f"| the same again | {median_seconds(lambda: heads(feature), device):.2f} |")
    return lines


def flops_per_token(encoder: Encoder) -> float:
    """Multiply-adds of every convolution, times two, as the plain form has them."""
    total = [0.0]

    def count(module: torch.nn.Conv3d, _: object, output: torch.Tensor) -> None:
        total[0] += 2.0 * output[0].numel() * module.weight[0].numel()

    hooks = [m.register_forward_hook(count) for m in encoder.modules() if isinstance(m, torch.nn.Conv3d)]  # type: ignore[arg-type]
    with torch.inference_mode():
        encoder(torch.zeros(1, 1, 8, 32, 32))
    for hook in hooks:
        hook.remove()
    return total[0]


def gemm_peak(device: torch.device, dtype: torch.dtype) -> float:
    """FLOP/s of a 2048³ matrix product (8192³ on a GPU) on random data."""
    size = 2048 if device.type == "cpu" else 8192
    a = torch.randn(size, size, device=device).to(dtype)
    b = torch.randn(size, size, device=device).to(dtype)
    a @ b
    return 2.0 * size**3 / median_seconds(lambda: a @ b, device)


def median_seconds(function: object, device: torch.device, repeats: int = 5) -> float:
    """Median seconds of a call."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        function()  # type: ignore[operator]
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return sorted(times)[repeats // 2]


if __name__ == "__main__":
    main()
