"""Every check of `prima doctor`, in the order in which they are shown."""

from __future__ import annotations

from prima.workflow.doctor import codecs, machine
from prima.workflow.doctor.check import Check


def examine() -> list[Check]:
    """What this machine has and lacks; `prima predict` can run where no check fails."""
    of_torch = machine.check_torch()
    checks: list[Check] = [machine.check_python(), of_torch]
    if of_torch.status == "ok":
        checks += [check() for check in machine.WITH_TORCH]
    return [
        *checks,
        *codecs.check_codecs(),
        *(check() for check in machine.WITHOUT_TORCH),
        *machine.check_disk(),
        *machine.check_extras(),
    ]
