"""A few simulated studies and a small release, made once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from prima.model.engine import Engine, load_release
from prima.model.gate.admit import packaged_gate
from prima.model.release.untrained import Sizes, write_untrained_release
from prima.simulate.people.case import Case
from prima.simulate.plan.enrichment import Enrichment
from prima.simulate.plan.plan import make_plan
from prima.simulate.scanner.protocols import PROTOCOLS, Protocol
from prima.study.ontology import SERVICES
from prima.tokens.contract import OPEN
from prima.train.recipes import recipe_of
from prima.workflow.simulated import SimulatedData, SimulatedExample, make_example

NUM_STUDIES = 3
SHORT = Protocol(name="short", study_description="MRI BRAIN", roles=("loc", "t1_sag", "flair_ax", "dwi"))


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """A simulating process runs one thread, as in production: more are slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclass(frozen=True, kw_only=True)
class FewSeries(SimulatedData):
    """Studies of a short protocol, which take a tenth of the time."""

    def case(self, index: int) -> Case:
        """The study with an index."""
        return replace(super().case(index), protocol=SHORT.name)


@pytest.fixture(scope="session")
def data() -> Iterator[SimulatedData]:
    """Enriched studies with copies, as a model learns from."""
    plan = make_plan(num_studies=40, seed=21)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PROTOCOLS, SHORT.name, SHORT)
        yield FewSeries(name="train", plan=plan, enrichment=Enrichment(), spacing_mm=(4.0, 5.0), copies=1)


@pytest.fixture(scope="session")
def examples(data: SimulatedData) -> tuple[SimulatedExample, ...]:
    """The first studies."""
    return tuple(make_example(data, index, OPEN, packaged_gate()) for index in range(NUM_STUDIES))


def write_small_release(folder: Path, seed: int = 0) -> Path:
    """Our own contract with the small networks of the tests' recipe."""
    recipe = recipe_of("tiny")
    sizes = Sizes(
        tokenizer=recipe.tokenizer.model.vqvae, vision=recipe.study.model.vision, hidden=(16,), own_networks=False,
        num_referrals=len(SERVICES),
    )  # fmt: skip
    return write_untrained_release(folder, sizes, name="small", seed=seed, contract=OPEN)


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_release(tmp_path_factory.mktemp("small") / "release")


@pytest.fixture(scope="session")
def other_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with another tokenizer."""
    return write_small_release(tmp_path_factory.mktemp("other") / "release", seed=1)


@pytest.fixture(scope="session")
def engine(release: Path) -> Engine:
    return load_release(release, device="cpu", dtype="float32")
