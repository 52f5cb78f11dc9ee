"""Two real processes over gloo say what one says of the same batch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from prima.train.engine.gather import average_gradients, gather
from prima.train.study.gradient_cache import cached_backward
from prima.train.study.losses import Contrast, ContrastConfig, series_discrimination

SHARES = {1: [slice(0, 7)], 2: [slice(0, 4), slice(4, 7)]}  # unequal on purpose
GROUPS = torch.tensor([0, 1, 0, 2, 2, 3, 0])
SERIES_OF = torch.tensor([0, 1, 0, 2, 2, 1, 0])


def modules(objective: Any) -> tuple[torch.nn.Module, Contrast]:
    torch.manual_seed(3)
    return torch.nn.Linear(5, 8), Contrast(ContrastConfig(objective=objective, chunk=2))


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(4)
    return torch.randn(7, 5, generator=random), torch.randn(7, 8, generator=random)


def losses(objective: Any, rank: int, size: int) -> dict[str, torch.Tensor]:
    """One step on this process' share: the losses and gradients that a run would see."""
    tower, contrast = modules(objective)
    net = DistributedDataParallel(tower) if size > 1 else tower
    share = SHARES[size][rank]
    image, report = (one[share] for one in batch())
    embedded = net(image)
    clip = contrast(embedded, report, GROUPS[share])
    series = series_discrimination(embedded, SERIES_OF[share])
    (clip + 0.03 * series).backward()
    average_gradients(contrast.parameters())
    return results(tower, contrast, clip, series, size)


def cached(objective: Any, rank: int, size: int) -> dict[str, torch.Tensor]:
    """The same by gradient caching, in micro-batches of at most two."""
    tower, contrast = modules(objective)
    net: Any = DistributedDataParallel(tower) if size > 1 else tower
    share = SHARES[size][rank]
    rows = torch.arange(7)[share]
    image, report = batch()

    def embed(part: torch.Tensor) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        return {"study": net(image[part]), "report": report[part], "group": GROUPS[part], "of": SERIES_OF[part]}, {}

    def compare(whole: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        clip = contrast(whole["study"], whole["report"], whole["group"])
        return {"clip": clip, "series": 0.03 * series_discrimination(whole["study"], whole["of"])}

    def last(is_last: bool) -> Any:
        return net.no_sync() if size > 1 and not is_last else torch.enable_grad()

    told = cached_backward(rows.split(2), embed, compare, last=last)
    average_gradients(contrast.parameters())
    return results(tower, contrast, told["clip"], told["series"] / 0.03, size)


def results(
    tower: torch.nn.Module, contrast: Contrast, clip: torch.Tensor, series: torch.Tensor, size: int
) -> dict[str, torch.Tensor]:
    both = torch.stack([clip.detach(), series.detach()])
    if size > 1:
        distributed.all_reduce(both)
    named = dict(nn.ModuleDict({"tower": tower, "contrast": contrast}).named_parameters())
    return {"losses": both / size} | {name: one.grad for name, one in named.items() if one.grad is not None}


STEPS: dict[str, Callable[[Any, int, int], dict[str, torch.Tensor]]] = {"plain": losses, "cached": cached}
CASES = [(step, objective) for step in STEPS for objective in ("clip", "siglip")]


def process(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2, timeout=timedelta(seconds=60)
    )
    try:
        found: dict[str, Any] = {f"{step} {objective}": STEPS[step](objective, rank, 2) for step, objective in CASES}
        own = torch.full((rank + 1, 2), float(rank), requires_grad=True)
        everyone = gather(own)
        (everyone.rows * torch.tensor([[1.0], [2.0], [3.0]]) * (rank + 1)).sum().backward()
        found["gather"] = {"rows": everyone.rows.detach(), "grad": own.grad, "start": torch.tensor(everyone.start)}
        found["numbers"] = {"rows": gather(torch.arange(rank + 1)).rows}
        tower, contrast = modules("clip")
        image, report = (one[: 7 * rank] for one in batch())  # the first process has no report in this batch
        contrast(tower(image), report, GROUPS[: 7 * rank]).backward()
        average_gradients([*tower.parameters(), *contrast.parameters()])
        found["one has none"] = {"weight": tower.weight.grad, "log_scale": contrast.log_scale.grad}
        torch.save(found, Path(folder) / f"{rank}.pt")
    finally:
        distributed.destroy_process_group()


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, dict[str, torch.Tensor]]]:
    folder = tmp_path_factory.mktemp("processes")
    running = [subprocess.Popen([sys.executable, __file__, str(rank), str(folder)]) for rank in range(2)]
    assert [one.wait(timeout=100) for one in running] == [0, 0]
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.mark.parametrize(("step", "objective"), CASES)
def test_two_processes_do_what_one_does(
    two_processes: list[dict[str, dict[str, torch.Tensor]]], step: str, objective: str
) -> None:
    alone = losses(objective, 0, 1)
    assert len(alone) == (4 if objective == "clip" else 5)
    for found in two_processes:
        torch.testing.assert_close(found[f"{step} {objective}"], alone, atol=1e-6, rtol=1e-5)


def test_rows_come_in_the_order_of_ranks_and_gradients_of_all_are_summed(
    two_processes: list[dict[str, dict[str, torch.Tensor]]],
) -> None:
    first, second = (found["gather"] for found in two_processes)
    assert first["rows"].tolist() == second["rows"].tolist() == [[0, 0], [1, 1], [1, 1]]
    assert (first["start"].item(), second["start"].item()) == (0, 1)
    # what both processes say of a row: its weight, once and twice
    assert first["grad"].tolist() == [[3, 3]]
    assert second["grad"].tolist() == [[6, 6], [9, 9]]
    assert two_processes[0]["numbers"]["rows"].tolist() == [0, 0, 1]


def test_a_process_without_a_report_in_its_share_does_not_stop_the_others(
    two_processes: list[dict[str, dict[str, torch.Tensor]]],
) -> None:
    tower, contrast = modules("clip")
    image, report = batch()
    contrast(tower(image), report, GROUPS).backward()
    for found in two_processes:
        torch.testing.assert_close(found["one has none"]["weight"], tower.weight.grad)
        torch.testing.assert_close(found["one has none"]["log_scale"], contrast.log_scale.grad)


def test_one_process_pays_nothing() -> None:
    own = torch.randn(3, 2, requires_grad=True)
    gathered = gather(own)
    assert gathered.rows is own
    assert (gathered.start, gathered.num_processes) == (0, 1)


if __name__ == "__main__":
    process(int(sys.argv[1]), sys.argv[2])
