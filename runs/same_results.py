"""Do two checkouts give the same results? Everything by the command line, so that neither's insides matter.

    python runs/same_results.py capture SRC SHARED OUT     run the code in SRC (a checkout's src) on everything
    python runs/same_results.py compare OUT_A OUT_B        tell every difference; status 1 when there is one

Captured: the golden study with the converted golden weights, every study of SHARED/data/real, ten simulated studies
(files, findings, tokens, features, logits). Left out of the comparison: times, hashes and versions that name the code
itself, and fields that only one of the two schemas of findings.json has.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

# Keys of findings.json that name the code or the clock, or that version 2 of the schema has brought.
NOT_COMPARED = {"timings_s", "schema", "input", "familiarity", "place", "differential", "threshold_source", "sha256"}
NUM_STUDIES, SEED = "10", "41"


def capture(source: Path, shared: Path, out: Path) -> None:
    """Run every verb that makes a number."""
    data, log = shared.absolute() / "data", out.absolute() / "log"
    out.mkdir(parents=True)
    environment = {**os.environ, "PYTHONPATH": str(source.absolute())}

    def prima(*words: str | Path) -> None:
        with log.open("a") as file:
            command = [sys.executable, "-m", "prima", *map(str, words)]
            file.write(" ".join(command) + "\n")
            file.flush()
            done = subprocess.run(command, cwd=out, env=environment, stdout=file, stderr=file, check=False)  # noqa: S603
        if (status := done.returncode) not in (0, 1):
            sys.exit(f"{' '.join(map(str, words))}: status {status}; see {log}")

    prima("simulate", "sim", "-n", NUM_STUDIES, "--seed", SEED)
    prima("convert", data / "golden" / "ckpt" / "full.pt", data / "golden" / "ckpt" / "vqvae.pth", "golden_release")
    golden = ["predict", data / "golden" / "study", "--release", "golden_release", "--dtype", "float32"]
    prima(*golden, "--keep-all", "--out", "golden")
    prima(*golden, "--keep-all", "--image-only", "--out", "golden_image")
    real = sorted(path for path in (data / "real").iterdir() if path.is_dir())
    prima("predict", *real, "--dtype", "float32", "--out", "real", "--table", "real.parquet")
    prima("predict", "sim/studies", "--dtype", "float32", "--out", "simulated", "--table", "simulated.parquet")
    prima("predict", "sim/studies", "--image-only", "--out", "simulated_image")
    prima("ingest", "sim", "archive")
    prima("label", "archive")
    prima("curate", "archive")
    prima("tokenize", "archive", "--dtype", "float32")
    prima("embed", "archive", "--dtype", "float32", "--table", "embedded.parquet", "--out", "embedded")


def compare(first: Path, second: Path) -> list[str]:
    """Every difference, one line each."""
    found = []
    for name, mine, its in (
        ("simulated files", _files(first / "sim"), _files(second / "sim")),
        ("findings", _findings(first), _findings(second)),
        ("tokens", _tokens(first), _tokens(second)),
        ("tables", _tables(first), _tables(second)),
    ):
        differing = [key for key in sorted(mine.keys() | its.keys()) if mine.get(key) != its.get(key)]
        print(f"{name}: {len(mine)} and {len(its)} values, {len(differing)} differ")
        found += [f"{name}: {key}: {mine.get(key)!r} / {its.get(key)!r}" for key in differing]
    return found


def _files(folder: Path) -> dict[str, Any]:
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()[:16]
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in (".html",) and path.name != "plan.json"
    }


def _findings(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in sorted(folder.glob("*/*/findings.json")):
        for key, value in _leaves(json.loads(path.read_text())):
            found[f"{path.relative_to(folder).parent} {key}"] = value
    return found


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in NOT_COMPARED:
                yield from _leaves(inner, f"{key}.{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{key}[{index}]")
    else:
        yield key, value


def _tokens(folder: Path) -> dict[str, Any]:
    """Tokens of every study of the archive, by whichever store the environment's prima has."""
    from prima.tokens.store import TokenStore

    found: dict[str, Any] = {}
    for tokens in sorted((folder / "archive" / "tokens").iterdir()):
        store = TokenStore(tokens)
        for uid in store.study_uids:
            for index, one in enumerate(store.read(uid).series):
                values = one.latents.contiguous().numpy().tobytes() + one.coordinates.contiguous().numpy().tobytes()
                found[f"{uid} {index}"] = (one.name, one.plane, one.num_patches, sha256(values).hexdigest()[:16])
    return found


def _tables(folder: Path) -> dict[str, Any]:
    import polars as pl

    paths = [*folder.glob("*.parquet"), *(folder / "embedded").glob("*.parquet")]
    found: dict[str, Any] = {}
    for path in sorted(paths):
        rows = pl.read_parquet(path)
        for row in rows.iter_rows(named=True):
            for name, value in row.items():
                if name in ("seconds", "release_sha256", "input"):
                    continue
                identity = f"{row.get('study_uid')} {row.get('series_uid', '')} {row.get('part', '')}"
                found[f"{path.name} {identity} {name}"] = value
    return found


def main() -> None:
    """Parse and go."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("capture")
    for name in ("source", "shared", "out"):
        one.add_argument(name, type=Path)
    two = verbs.add_parser("compare")
    for name in ("first", "second"):
        two.add_argument(name, type=Path)
    given = parser.parse_args()
    if given.verb == "capture":
        capture(given.source, given.shared, given.out)
        return
    differences = compare(given.first, given.second)
    print("\n".join(differences[:40]))
    kinds = Counter(line.split(":")[0] for line in differences)
    print("identical" if not differences else f"{len(differences)} differences: {dict(kinds)}")
    sys.exit(bool(differences))


if __name__ == "__main__":
    main()
