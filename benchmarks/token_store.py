"""Where tokens should lie: the same studies written in several layouts, then whole studies read in random order.

python benchmarks/token_store.py [--studies 48] [--reads 96] [--folder build/token_store]

Needs, for the layouts that are compared and not used: pip install pylance webdataset litdata zarr pyarrow
Reads are timed twice: with the files' pages dropped (`posix_fadvise`) before each read, and with pages warm.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import statistics
import tarfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from prima.tokens.batch import SeriesTokens, StudyTokens
from prima.tokens.shard import SUFFIX, unmap, write_shard
from prima.tokens.store import TokenStore

WIDTH = 256
PER_SHARD = 16
Named = tuple[str, StudyTokens]
Reader = Callable[[str], Sequence[torch.Tensor]]
"""From a StudyInstanceUID to its latents [n, WIDTH] in pieces; what else a layout holds is read too."""


def made_up(number: int) -> Named:
    """A study of the size of PRIMA.md's: about 25 series, 230 tokens each on the mean."""
    random = np.random.default_rng(number)
    series = []
    for _ in range(int(random.integers(18, 33))):
        count = int(random.integers(60, 400))
        latents = torch.from_numpy(random.standard_normal((count, WIDTH), dtype=np.float32)).to(torch.bfloat16)
        coordinates = torch.from_numpy(random.integers(0, 256, (count, 3)).astype(np.int32))
        plane = ("axial", "coronal", "sagittal")[int(random.integers(3))]
        series.append(
            SeriesTokens(latents=latents, coordinates=coordinates, plane=plane, name="AX_T2_FLAIR", num_patches=count)
        )
    return f"1.2.840.{number}", StudyTokens(series=tuple(series), description="MRI BRAIN")


def reference(folder: Path, studies: Sequence[Named]) -> Reader:
    """One torch file and one JSON file per series."""
    for uid, study in studies:
        for number, one in enumerate(study.series):
            place = folder / uid / str(number)
            place.mkdir(parents=True)
            torch.save({"tokens": one.latents, "coordinates": one.coordinates}, place / "tokens.pt")
            facts = {"plane": one.plane, "name": one.name, "num_patches": one.num_patches}
            (place / "meta.json").write_text(json.dumps(facts))

    def read(uid: str) -> list[torch.Tensor]:
        found = []
        for place in sorted((folder / uid).iterdir()):
            found.append(torch.load(place / "tokens.pt", weights_only=True)["tokens"])
            json.loads((place / "meta.json").read_text())
        return found

    return read


def shards(folder: Path, studies: Sequence[Named]) -> Reader:
    """safetensors with the index inside (`prima.tokens.store`)."""
    for start in range(0, len(studies), PER_SHARD):
        write_shard(folder / f"{start:06}{SUFFIX}", studies[start : start + PER_SHARD], {})
    store = TokenStore(folder)
    return lambda uid: [one.latents for one in store.read(uid).series]


def _columns(studies: Sequence[Named]) -> dict[str, list[object]]:
    rows = [(uid, one) for uid, study in studies for one in study.series]
    return {
        "study_uid": [uid for uid, _ in rows],
        "plane": [one.plane for _, one in rows],
        "name": [one.name for _, one in rows],
        "num_patches": [one.num_patches for _, one in rows],
        "latents": [one.latents.view(torch.uint8).numpy().tobytes() for _, one in rows],
        "coordinates": [one.coordinates.to(torch.int16).numpy().tobytes() for _, one in rows],
    }


def _latents(found: bytes) -> torch.Tensor:
    return torch.frombuffer(bytearray(found), dtype=torch.bfloat16).reshape(-1, WIDTH)


def parquet(folder: Path, studies: Sequence[Named]) -> Reader:
    """Parquet with bytes in columns, one row group a study."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    where: dict[str, tuple[pq.ParquetFile, int]] = {}
    for start in range(0, len(studies), PER_SHARD):
        path = folder / f"{start:06}.parquet"
        part = studies[start : start + PER_SHARD]
        schema = pa.Table.from_pydict(_columns(part[:1])).schema
        with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
            for one in part:
                writer.write_table(pa.Table.from_pydict(_columns([one])), row_group_size=1000)
        file = pq.ParquetFile(path)
        where |= {uid: (file, number) for number, (uid, _) in enumerate(part)}

    def read(uid: str) -> list[torch.Tensor]:
        file, number = where[uid]
        rows = file.read_row_group(number, columns=["latents", "coordinates", "plane", "name"])
        return [_latents(one) for one in rows["latents"].to_pylist()]

    return read


def lance(folder: Path, studies: Sequence[Named]) -> Reader:
    """Lance, one row a series, rows of a study taken by number."""
    import lance as lance_format
    import pyarrow as pa

    for start in range(0, len(studies), PER_SHARD):
        part = pa.Table.from_pydict(_columns(studies[start : start + PER_SHARD]))
        dataset = lance_format.write_dataset(part, str(folder / "tokens.lance"), mode="append" if start else "create")
    where: dict[str, list[int]] = {}
    for number, uid in enumerate(uid for uid, study in studies for _ in study.series):
        where.setdefault(uid, []).append(number)

    def read(uid: str) -> list[torch.Tensor]:
        rows = dataset.take(where[uid], columns=["latents", "coordinates", "plane", "name"])
        return [_latents(one) for one in rows["latents"].to_pylist()]

    return read


def webdataset(folder: Path, studies: Sequence[Named]) -> Reader:
    """WebDataset tars, one member a series; it reads in order, so that its tar members are found by an own index."""
    where: dict[str, list[tuple[Path, int, int, int]]] = {}
    for start in range(0, len(studies), PER_SHARD):
        path = folder / f"{start:06}.tar"
        with tarfile.open(path, "w") as tar:
            for uid, study in studies[start : start + PER_SHARD]:
                for number, one in enumerate(study.series):
                    for suffix, content in (
                        ("latents", one.latents.view(torch.uint8).numpy().tobytes()),
                        ("coordinates", one.coordinates.to(torch.int16).numpy().tobytes()),
                        ("json", json.dumps({"plane": one.plane, "name": one.name}).encode()),
                    ):
                        member = tarfile.TarInfo(f"{uid}/{number}.{suffix}")
                        member.size = len(content)
                        tar.addfile(member, io.BytesIO(content))
        with tarfile.open(path) as tar:
            members = tar.getmembers()
        for a, c in zip(members[::3], members[2::3], strict=True):
            where.setdefault(a.name.split("/")[0], []).append((path, a.offset_data, a.size, c.offset_data + c.size))

    def read(uid: str) -> list[torch.Tensor]:
        found = []
        for path, start, size, stop in where[uid]:
            with path.open("rb", buffering=0) as file:
                file.seek(start)
                found.append(_latents(file.read(stop - start)[:size]))
        return found

    return read


def litdata(folder: Path, studies: Sequence[Named]) -> Reader:
    """LitData chunks of 64 MB, one item a study."""
    from litdata.streaming import StreamingDataset
    from litdata.streaming.writer import BinaryWriter

    writer = BinaryWriter(str(folder), chunk_bytes=64 << 20)
    for number, (_, study) in enumerate(studies):
        writer[number] = {  # every item must have the same keys
            "latents": torch.cat([one.latents for one in study.series]).view(torch.int16),
            "coordinates": torch.cat([one.coordinates for one in study.series]).to(torch.int16),
            "counts": torch.tensor([one.num_tokens for one in study.series]),
        }
    writer.done()
    writer.merge()
    dataset = StreamingDataset(str(folder))
    where = {uid: number for number, (uid, _) in enumerate(studies)}

    def read(uid: str) -> list[torch.Tensor]:
        return [dataset[where[uid]]["latents"].view(torch.bfloat16)]

    return read


def zarr(folder: Path, studies: Sequence[Named]) -> Reader:
    """Zarr 3, latents and coordinates as two arrays of chunks of 512 tokens in shards of 64 chunks, uncompressed."""
    import zarr as zarr_format

    counts = [sum(one.num_tokens for one in study.series) for _, study in studies]
    total = -(-sum(counts) // (64 * 512)) * 64 * 512
    arrays = [
        zarr_format.create_array(
            str(folder / name), shape=(total, width), dtype="int16", chunks=(512, width), shards=(64 * 512, width),
            compressors=None,
        )
        for name, width in (("latents", WIDTH), ("coordinates", 3))
    ]  # fmt: skip
    where, start = {}, 0
    for first in range(0, len(studies), PER_SHARD):
        part = [one for _, study in studies[first : first + PER_SHARD] for one in study.series]
        stop = start + sum(one.num_tokens for one in part)
        arrays[0][start:stop] = torch.cat([one.latents for one in part]).view(torch.int16).numpy()
        arrays[1][start:stop] = torch.cat([one.coordinates for one in part]).to(torch.int16).numpy()
        start = stop
    start = 0
    for (uid, _), count in zip(studies, counts, strict=True):
        where[uid] = slice(start, start + count)
        start += count

    def read(uid: str) -> list[torch.Tensor]:
        arrays[1][where[uid]]
        return [torch.from_numpy(arrays[0][where[uid]]).view(torch.bfloat16)]

    return read


LAYOUTS = (reference, shards, parquet, lance, webdataset, litdata, zarr)


def drop_pages(folder: Path) -> None:
    """Ask the kernel to forget the files' pages, so that the next read comes from the disk.

    It keeps pages that are mapped: our mappings are closed first; those of LitData cannot be, its column is void.
    """
    unmap()
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def timed(read: Reader, order: Sequence[str], expected: dict[str, int], cold: Path | None) -> float:
    """Median seconds of one study."""
    seconds = []
    for uid in order:
        if cold is not None:
            drop_pages(cold)
        start = time.perf_counter()
        # one value of each cache line, so that what is only mapped is read as well
        found = sum(int(latents.view(torch.int16)[:, ::32].sum()) for latents in read(uid))
        seconds.append(time.perf_counter() - start)
        if found != expected[uid]:
            raise SystemExit(f"found a sum of {found}, expected {expected[uid]}")
    return statistics.median(seconds)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=48)
    parser.add_argument("--reads", type=int, default=96)
    parser.add_argument("--folder", type=Path, default=Path("build/token_store"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    studies = [made_up(number) for number in range(options.studies)]
    expected = {
        uid: sum(int(one.latents.view(torch.int16)[:, ::32].sum()) for one in study.series) for uid, study in studies
    }
    tokens = sum(one.num_tokens for _, study in studies for one in study.series)
    random = np.random.default_rng(7)
    order = [studies[number][0] for number in random.integers(0, len(studies), options.reads)]
    print(f"{len(studies)} studies, {tokens / len(studies):.0f} tokens each, latents {2 * WIDTH} bytes a token\n")
    print("| layout | write MB/s | bytes a token | files | cold studies/s | warm studies/s | against reference |")
    print("|---|---|---|---|---|---|---|")
    base = (0.0, 0.0)
    for layout in LAYOUTS:
        folder = options.folder / layout.__name__
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        start = time.perf_counter()
        try:
            read = layout(folder, studies)
        except ImportError as error:
            print(f"| {layout.__name__} | not installed: {error.name} | | | | | |")
            continue
        os.sync()
        wrote = time.perf_counter() - start
        files = [path for path in folder.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        timed(read, order[:4], expected, None)
        warm = timed(read, order, expected, None)
        cold = timed(read, order[: options.reads // 3], expected, folder)
        known = layout is not litdata
        if layout is reference:
            base = (cold, warm)
        cold_rate, cold_ratio = (f"{1 / cold:.0f}", f"{base[0] / cold:.1f}×") if known else ("mapped", "?")
        print(
            f"| {layout.__name__} | {size / wrote / 1e6:.0f} | {size / tokens:.1f} | {len(files)} | {cold_rate} "
            f"| {1 / warm:.0f} | {cold_ratio} cold, {base[1] / warm:.1f}× warm |",
            flush=True,
        )
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
