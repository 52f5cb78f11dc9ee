"""Claim: a checkpoint of the published size converts, from either form, within 4 GB of anonymous memory.

Generates a full model in the reference's layout and the released sizes (12 GB), runs one job on it in a process of its
own, and prints time, speed and the most anonymous memory (RssAnon, sampled every 5 ms; Linux only).

    python benchmarks/convert_memory.py --folder /somewhere/with/40/GB --form zip legacy --job walk convert
"""

import argparse
import importlib.util
import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
LIMIT_MB = 4096


def generate(folder: Path, form: str, size: str) -> dict[str, float]:
    """Write `full.pt` in `form` and `tokenizer.pth` into `folder`; return bytes and seconds."""
    where = ROOT / "tests" / "model" / "reference_layout.py"
    spec = importlib.util.spec_from_file_location("reference_layout", where)
    assert spec is not None and spec.loader is not None
    layout = sys.modules["reference_layout"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(layout)
    started = time.perf_counter()
    sizes = layout.RELEASED if size == "released" else layout.SMALL
    num_bytes = layout.write_full_model(folder / "full.pt", sizes, legacy=form == "legacy")
    layout.write_tokenizer(folder / "tokenizer.pth", channels=256 if size == "released" else 32)
    return {"tensor_bytes": num_bytes, "seconds": time.perf_counter() - started}


def walk(folder: Path) -> dict[str, float]:
    """Read every tensor of the full model once."""
    from prima.model.convert.checkpoint import open_checkpoint
    from prima.model.convert.module_tree import module_tensors

    num_bytes, storages = 0, set()
    with open_checkpoint(folder / "full.pt") as checkpoint:
        opened = time.perf_counter()
        for tensor in module_tensors(checkpoint.root).values():
            if tensor.storage_key not in storages:
                storages.add(tensor.storage_key)
                num_bytes += tensor.read().nbytes
    return {"tensors": len(storages), "read_bytes": num_bytes, "read_seconds": time.perf_counter() - opened}


def convert(folder: Path) -> dict[str, float]:
    """Convert the full model to a release folder."""
    from prima.model.convert.convert import convert as convert_published

    out = convert_published(folder / "full.pt", folder / "tokenizer.pth", folder / "release")
    return {"release_bytes": sum(file.stat().st_size for file in Path(out).rglob("*") if file.is_file())}


JOBS = {"walk": walk, "convert": convert}


def anonymous_mb() -> float:
    """Anonymous memory of this process, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))


def measured(job: str, folder: Path) -> dict[str, float]:
    """Run `job` in this process and return what it returns, with seconds and the most anonymous memory."""
    most, done = anonymous_mb(), threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.005):
            most = max(most, anonymous_mb())

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.perf_counter()
    try:
        result = JOBS[job](folder)
    finally:
        done.set()
        watcher.join()
    return {**result, "seconds": time.perf_counter() - started, "most_anonymous_mb": most}


def in_own_process(arguments: list[str]) -> dict[str, float]:
    """Run this script with `arguments` in a fresh process and return the result it prints."""
    command = [sys.executable, __file__, *arguments]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    result: dict[str, float] = json.loads(printed.splitlines()[-1])
    return result


def main() -> int:
    """Print one line per step; exit 1 when a job took more memory than claimed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the files are made and removed again")
    parser.add_argument("--form", nargs="+", choices=["zip", "legacy"], default=["zip", "legacy"])
    parser.add_argument("--job", nargs="+", choices=list(JOBS), default=["walk", "convert"])
    parser.add_argument("--size", choices=["released", "small"], default="released")
    parser.add_argument("--one", choices=["generate", *JOBS], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one == "generate":
        print(json.dumps(generate(options.folder, options.form[0], options.size)))
        return 0
    if options.one:
        print(json.dumps(measured(options.one, options.folder)))
        return 0

    print(f"python {sys.version.split()[0]}, torch {torch.__version__}, {torch.get_num_threads()} threads", flush=True)
    too_much = False
    for form in options.form:
        folder = options.folder / f"convert_memory_{form}"
        folder.mkdir(parents=True)
        same = ["--folder", str(folder), "--form", form, "--size", options.size]
        try:
            made = in_own_process([*same, "--one", "generate"])
            gigabytes = made["tensor_bytes"] / 1e9
            print(f"{form}: made {gigabytes:.2f} GB of tensors in {made['seconds']:.0f} s", flush=True)
            for job in options.job:
                result = in_own_process([*same, "--one", job])
                too_much |= result["most_anonymous_mb"] > LIMIT_MB
                print(
                    f"{form}: {job} {result['seconds']:.1f} s, {gigabytes / result['seconds']:.2f} GB/s, "
                    f"most anonymous memory {result['most_anonymous_mb']:.0f} MB (claimed: under {LIMIT_MB}); {result}",
                    flush=True,
                )
        finally:
            shutil.rmtree(folder)
    return int(too_much)


if __name__ == "__main__":
    sys.exit(main())
