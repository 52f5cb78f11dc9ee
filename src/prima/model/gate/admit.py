"""The input gate: is a series a brain on MRI? It looks at voxels only, and guards every release alike.

Its weights lie in `packaged/`: gate.json (sizes, operating point, where it comes from) and gate.safetensors.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors

from prima.errors import ReleaseError
from prima.files.durable import write_bytes
from prima.files.strict_json import read_json
from prima.model.gate.broken import why_broken
from prima.model.gate.network import GateConfig, GateNetwork
from prima.model.gate.physics import RULES, why_no_mri
from prima.model.gate.values import value_facts
from prima.model.gate.view import BRIGHTEST, view_of
from prima.study import Excluded, Reason, Series, Study, Volume

FORMAT = "openprima/gate/1"
GATE_FILE, WEIGHTS_FILE = "gate.json", "gate.safetensors"
PACKAGED = Path(__file__).parent / "packaged"

# Views are stored and seen in steps of this, in training as in use.
STEPS = 170

_LOOKS_LIKE = {
    "brain": "nothing clear",
    "body": "another part of the body",
    "phantom": "a phantom",
    "fruit": "a fruit or another object",
    "ct": "computed tomography",
    "nothing": "noise or slices in disorder",
    "nuclear": "PET or SPECT",
    "map": "a mask or a map",
}


@dataclass(frozen=True, kw_only=True)
class GateFile:
    """What gate.json says.

    Args:
        threshold: on the probability of a brain: less is refused.
        sha256: of the weights.
        provenance: what it was trained on and what its operating point keeps, for people.
    """

    format: str
    config: GateConfig
    threshold: float
    sha256: str
    provenance: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the gate says of one volume.

    Args:
        admitted: whether it may be used.
        kind: what it looks like most; "broken" without a look when its voxels are.
        brain: probability 0..1 that it is a brain; 0 without a look where its values are none of MRI.
        detail: one line on what was found, None when admitted.
    """

    admitted: bool
    kind: str
    brain: float
    detail: str | None


class Gate:
    """A loaded gate.

    Args:
        file: what its gate.json says.
        network: with its weights, in evaluation mode.
    """

    def __init__(self, file: GateFile, network: GateNetwork) -> None:
        self.file = file
        self.network = network.eval()

    @property
    def name(self) -> str:
        """Which gate this is: what judges differently has another name."""
        return f"{self.file.sha256[:12]} at {self.file.threshold}, rules {RULES}"

    def judge(self, volume: Volume) -> Verdict:
        """Ask the values of one volume, then the network; the same voxels give the same verdict."""
        broken = why_broken(volume)
        if broken is not None:
            return Verdict(admitted=False, kind="broken", brain=0.0, detail=broken)
        impossible = why_no_mri(value_facts(volume))
        if impossible is not None:
            return Verdict(admitted=False, kind=impossible.kind, brain=0.0, detail=impossible.detail)
        return self.look(volume)

    @torch.inference_mode()
    def look(self, volume: Volume) -> Verdict:
        """What the network alone says of a volume whose values are finite."""
        voxels = torch.from_numpy(view_of(volume).voxels).clamp(0, BRIGHTEST)
        voxels = (voxels * STEPS).round() / STEPS
        shares = self.network(voxels[None])[0].softmax(0).tolist()
        by_kind = dict(zip(self.file.config.kinds, shares, strict=True))
        brain, needed = by_kind["brain"], self.file.threshold
        kind = max(by_kind, key=by_kind.__getitem__)
        if brain >= needed:
            return Verdict(admitted=True, kind=kind, brain=brain, detail=None)
        looks = f"looks like {_LOOKS_LIKE.get(kind, kind)}"
        detail = f"{looks} (brain {_percent(brain)}, at least {_percent(needed)} is needed)"
        return Verdict(admitted=False, kind=kind, brain=brain, detail=detail)

    def refusal(self, series: Series) -> Excluded | None:
        """Why a series may not be used, with what was found; None when it may."""
        verdict = self.judge(series.volume)
        return None if verdict.admitted else _excluded(series, verdict)

    def admit(self, study: Study) -> Study:
        """The study without the series that are no brain; they end as excluded, each with what was found."""
        refusals = [self.refusal(series) for series in study.series]
        if not any(refusals):
            return study
        admitted = [series for series, refusal in zip(study.series, refusals, strict=True) if refusal is None]
        refused = [refusal for refusal in refusals if refusal is not None]
        return replace(study, series=tuple(admitted), excluded=(*study.excluded, *refused))


def load_gate(folder: Path = PACKAGED) -> Gate:
    """Load a gate and check its weights.

    Raises:
        ReleaseError: a file is missing, altered, or of another format.
    """
    try:
        data = json.loads((folder / GATE_FILE).read_text(encoding="utf-8"))
        weights = (folder / WEIGHTS_FILE).read_bytes()
    except (OSError, ValueError) as error:
        raise ReleaseError(f"input gate: its files cannot be read ({type(error).__name__}); reinstall it") from None
    kind = data.get("format") if isinstance(data, dict) else None
    if kind != FORMAT:
        raise ReleaseError(f"input gate: found format {kind!r}, expected {FORMAT!r}; use the version that wrote it")
    file = read_json(GateFile, data, "gate.json")
    if hashlib.sha256(weights).hexdigest() != file.sha256:
        raise ReleaseError(f"input gate: {WEIGHTS_FILE} is not the file that gate.json names; reinstall it")
    network = GateNetwork(file.config)
    try:
        network.load_state_dict(load_safetensors(weights), strict=True)
    except (RuntimeError, KeyError) as error:
        raise ReleaseError(f"input gate: weights do not fit gate.json ({type(error).__name__}); reinstall it") from None
    return Gate(file, network)


def save_gate(
    folder: Path, network: GateNetwork, config: GateConfig, threshold: float, provenance: dict[str, float | str]
) -> None:
    """Write a gate as `load_gate` reads it, each file whole."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = save_safetensors({name: value.contiguous() for name, value in network.state_dict().items()})
    file = GateFile(
        format=FORMAT,
        config=config,
        threshold=threshold,
        sha256=hashlib.sha256(weights).hexdigest(),
        provenance=provenance,
    )
    text = json.dumps(asdict(file), indent=1) + "\n"
    for name, data in ((WEIGHTS_FILE, weights), (GATE_FILE, text.encode())):
        write_bytes(folder / name, data)


@cache
def packaged_gate() -> Gate:
    """The gate that ships with the package, loaded once a process."""
    return load_gate()


def _excluded(series: Series, verdict: Verdict) -> Excluded:
    return Excluded(
        series_uid=series.series_uid,
        number=series.number,
        description=series.description or series.protocol,
        part=series.part,
        reason=Reason.NOT_BRAIN,
        detail=verdict.detail,
        num_slices=series.num_slices,
    )


def _percent(share: float) -> str:
    """A share in per cent with two digits that mean something, never 0 or 100 when it is not.

    Example:
        >>> _percent(0.034), _percent(0.00001)
        ('3.4 %', 'under 0.1 %')
    """
    return "under 0.1 %" if share < 0.001 else f"{100 * share:.2g} %"
