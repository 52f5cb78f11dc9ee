"""The probe: what a release says of one made-up study, kept beside its weights, to the digit.

Everything that decides a number takes part: contract, tokenizer, vision model, heads. It is computed in float32 by one
thread.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from prima.errors import ReleaseError
from prima.files.strict_json import read_json
from prima.model.engine.engine import Engine, NotFiniteError
from prima.model.packaging.probe_study import probe_study
from prima.model.release.folder import Release, ReleaseWriter
from prima.model.release.manifest import Manifest
from prima.tokens.precision import choose_precision

FORMAT = "openprima/probe/1"
PROBE_FILE = "probe.json"
TOLERANCE = 1e-4
"""Between machines of two types: another order of additions moves logits by some 1e-6."""

_CPU_FACTS = Path("/proc/cpuinfo")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What may decide the last digits of a float32 sum.

    Args:
        processor: its model.
        capability: vector instructions that torch uses.
        torch: its version.
    """

    processor: str
    capability: str
    torch: str


@dataclass(frozen=True, kw_only=True)
class Probe:
    """The contents of probe.json.

    Args:
        machine: that computed it.
        num_tokens: of each series.
        diagnoses: logit of each head.
        referrals: likewise.
        priority: logit of each level; empty when the release has no priority head.
    """

    format: str
    machine: Machine
    num_tokens: tuple[int, ...]
    diagnoses: dict[str, float]
    referrals: dict[str, float]
    priority: dict[str, float]

    def to_text(self) -> str:
        """The text of probe.json; every float in the fewest digits that give it back exactly."""
        return json.dumps(asdict(self), indent=1, allow_nan=False) + "\n"

    @property
    def logits(self) -> dict[str, float]:
        """All logits, by kind and name."""
        kinds = {"diagnosis": self.diagnoses, "referral": self.referrals, "priority": self.priority}
        return {f"{kind} {name}": value for kind, values in kinds.items() for name, value in values.items()}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two answers to the probe.

    Args:
        verdict: equal: to the digit; close: another machine type, within the tolerance; other: neither.
        same_machine: whether both come from the same type of machine.
        largest: difference of two logits; infinite when they are not of the same heads.
        where: which logit that is.
    """

    verdict: Literal["equal", "close", "other"]
    same_machine: bool
    largest: float
    where: str


def run_probe(release: Release) -> Probe:
    """Ask a release.

    Raises:
        ReleaseError: an output is not finite.
    """
    study = probe_study()
    manifest = release.manifest
    with _one_thread():
        engine = Engine(release, choose_precision("cpu", "float32"), keep_all=True)
        tokens = engine.tokens(engine.prepare(study))
        try:
            outputs = engine.outputs(tokens).logits
        except NotFiniteError as error:
            raise ReleaseError(f"release {manifest.name}: the probe: {error}; train again") from None
    return Probe(
        format=FORMAT,
        machine=this_machine(),
        num_tokens=tuple(series.num_tokens for series in tokens.series),
        diagnoses=outputs.diagnoses,
        referrals=outputs.referrals,
        priority=outputs.priority or {},
    )


def add_probe(writer: ReleaseWriter, manifest: Manifest) -> None:
    """Ask a release that is being written, and add its answer; every weight is already there.

    Raises:
        ReleaseError: an output is not finite.
    """
    release = Release(folder=writer.folder, manifest=replace(manifest, files=writer.files), sha256="")
    writer.add_text(PROBE_FILE, run_probe(release).to_text())


def read_probe(path: Path) -> Probe:
    """Read probe.json.

    Raises:
        ReleaseError: it cannot be read, or is none.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ReleaseError(f"{path.name}: cannot be read ({type(error).__name__}); build the release again") from None
    probe = read_json(Probe, values, path.name)
    if probe.format != FORMAT:
        raise ReleaseError(f"{path.name}: found format {probe.format!r}, expected {FORMAT!r}; build the release again")
    return probe


def compare(expected: Probe, found: Probe) -> Comparison:
    """Hold a new answer against the one in the release.

    On the machine type that made the release every digit counts, elsewhere the tolerance does.
    """
    same_machine = expected.machine == found.machine
    differences = _differences(expected.logits, found.logits)
    where = max(differences, key=differences.__getitem__, default="")
    largest = differences.get(where, 0.0)
    if expected.num_tokens != found.num_tokens:
        where, largest = "number of tokens", float("inf")
    if largest == 0.0:
        verdict: Literal["equal", "close", "other"] = "equal"
    else:
        verdict = "close" if not same_machine and largest <= TOLERANCE else "other"
    return Comparison(verdict=verdict, same_machine=same_machine, largest=largest, where=where)


def this_machine() -> Machine:
    """The machine that this process runs on; a stated OMP_NUM_THREADS, which orders additions, makes it another."""
    capability = f"{torch.backends.cpu.get_cpu_capability()}{' AMX' if torch.cpu._is_amx_tile_supported() else ''}"
    threads = os.environ.get("OMP_NUM_THREADS")
    return Machine(
        processor=_processor(),
        capability=f"{capability} OMP_NUM_THREADS={threads}" if threads else capability,
        torch=torch.__version__,
    )


def _differences(expected: Mapping[str, float], found: Mapping[str, float]) -> dict[str, float]:
    return {
        name: abs(expected[name] - found[name]) if name in expected and name in found else float("inf")
        for name in {**expected, **found}
    }


def _processor() -> str:
    try:
        lines = _CPU_FACTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
