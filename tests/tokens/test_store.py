"""Shards and the store: what is written is read back, in any order, from a disk or an object store."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import fsspec
import numpy as np
import pytest
import torch

from prima.errors import UnreadableError
from prima.tokens.batch import SeriesTokens, StudyTokens
from prima.tokens.contract import PLANE_AXIS
from prima.tokens.shard import SUFFIX, write_shard
from prima.tokens.store import TokenStore


def study(seed: int, lengths: tuple[int, ...] = (3, 1, 7), dtype: torch.dtype = torch.bfloat16) -> StudyTokens:
    random = np.random.default_rng(seed)
    return StudyTokens(
        description=f"MRI Brain ü {seed}"[: int(random.integers(0, 14))],
        series=tuple(
            SeriesTokens(
                latents=torch.from_numpy(random.normal(size=(length, 8)).astype(np.float32)).to(dtype),
                coordinates=torch.from_numpy(random.integers(0, 400, (length, 3)).astype(np.int32)),
                plane=list(PLANE_AXIS)[int(random.integers(3))],
                name="AX_T1"[: int(random.integers(0, 6))],
                num_patches=2 * length + 1,
            )
            for length in lengths
        ),
    )


def same(one: StudyTokens, two: StudyTokens) -> bool:
    return one.description == two.description and all(
        torch.equal(a.latents, b.latents)
        and a.latents.dtype == b.latents.dtype
        and torch.equal(a.coordinates, b.coordinates)
        and (a.plane, a.name, a.num_patches) == (b.plane, b.name, b.num_patches)
        for a, b in zip(one.series, two.series, strict=True)
    )


def write(folder: Path, name: str, seeds: range) -> None:
    write_shard(folder / f"{name}{SUFFIX}", [(f"1.2.{seed}", study(seed)) for seed in seeds], {"tokenizer": "tiny"})


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_every_study_comes_back(tmp_path: Path, dtype: torch.dtype) -> None:
    studies = [(f"1.2.{seed}", study(seed, lengths=(1,) * (seed + 1), dtype=dtype)) for seed in range(5)]
    write_shard(tmp_path / f"b{SUFFIX}", studies[:3], {})
    write_shard(tmp_path / f"a{SUFFIX}", studies[3:], {})
    store = TokenStore(tmp_path)
    assert len(store) == 5
    assert store.num_tokens == 15
    assert all(same(store.read(uid), tokens) for uid, tokens in reversed(studies))


def test_a_shard_may_be_added_later(tmp_path: Path) -> None:
    write(tmp_path, "0", range(2))
    assert "1.2.2" not in TokenStore(tmp_path)
    write(tmp_path, "1", range(2, 4))
    assert same(TokenStore(tmp_path).read("1.2.2"), study(2))
    assert TokenStore(tmp_path).facts["tokenizer"] == "tiny"


def test_the_same_bytes_from_the_same_studies(tmp_path: Path) -> None:
    write(tmp_path, "0", range(3))
    write(tmp_path, "1", range(3))
    assert (tmp_path / f"0{SUFFIX}").read_bytes() == (tmp_path / f"1{SUFFIX}").read_bytes()


def test_from_an_object_store(tmp_path: Path) -> None:
    write(tmp_path, "0", range(3))
    memory = fsspec.filesystem("memory")
    memory.pipe_file(f"/bucket/tokens/0{SUFFIX}", (tmp_path / f"0{SUFFIX}").read_bytes())
    store = TokenStore("memory://bucket/tokens")
    assert all(same(store.read(f"1.2.{seed}"), study(seed)) for seed in range(3))


def test_a_study_in_two_shards_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "0", range(3))
    write(tmp_path, "1", range(2, 4))
    with pytest.raises(UnreadableError, match="hold the same study"):
        TokenStore(tmp_path)


@pytest.mark.parametrize("keep", [0, 5, 100, 600])
def test_a_cut_shard_is_named(tmp_path: Path, keep: int) -> None:
    write(tmp_path, "0", range(3))
    path = tmp_path / f"0{SUFFIX}"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UnreadableError, match=f"shard 0{SUFFIX}"):
        TokenStore(tmp_path)


def test_a_shard_cut_while_it_is_read_is_named(tmp_path: Path) -> None:
    write(tmp_path, "0", range(3))
    store = TokenStore(tmp_path)
    os.truncate(tmp_path / f"0{SUFFIX}", 300)
    with pytest.raises(UnreadableError, match="ends early"):
        for uid in store.study_uids:
            store.read(uid)


def test_no_flipped_byte_gives_other_tokens(tmp_path: Path) -> None:
    write(tmp_path, "0", range(1))
    path = tmp_path / f"0{SUFFIX}"
    whole, expected, refused = path.read_bytes(), study(0), 0
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x15]) + whole[place + 1 :])
        try:
            found = TokenStore(tmp_path).read("1.2.0")
        except UnreadableError:
            refused += 1
        else:
            assert same(found, expected)
    assert refused > len(whole) // 6


def test_an_empty_folder_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="prima tokenize"):
        TokenStore(tmp_path)


def test_a_full_disk_leaves_no_half_shard(tmp_path: Path) -> None:
    program = f"""
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_store import write
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (700, resource.RLIM_INFINITY))
try:
    write(Path({str(tmp_path)!r}), "0", range(3))
except OSError as error:
    print("refused", error.errno)
"""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("refused")
    assert list(tmp_path.iterdir()) == []
