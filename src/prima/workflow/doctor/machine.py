"""What `prima doctor` looks at: interpreter, torch, device, number format, packages, disk, memory, release."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from prima.errors import ReleaseError
from prima.files.optional import EXTRAS, install_line, packages_of
from prima.workflow.doctor.check import Check, Status
from prima.workflow.doctor.compute import find_compute

OLDEST_PYTHON, OLDEST_TORCH = (3, 11), (2, 8)
# A full-size study is to stay under 4 GiB; its outputs are a few MiB.
WANTED_MEMORY_GIB, WANTED_DISK_GIB = 4.0, 1.0
MEMORY_FACTS = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")


def check_python() -> Check:
    """The interpreter."""
    good = sys.version_info[:2] >= OLDEST_PYTHON
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Check(
        name="python",
        status="ok" if good else "fail",
        found=found,
        remedy=None if good else "install Python 3.11 or newer",
    )


def check_torch() -> Check:
    """The version of torch, and that it can be imported at all."""
    remedy = "pip install 'torch>=2.8'"
    try:
        import torch
    except (ImportError, OSError) as error:
        return Check(name="torch", status="fail", found=f"cannot be imported ({error})", remedy=remedy)
    version = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
    good = version >= OLDEST_TORCH
    return Check(
        name="torch", status="ok" if good else "fail", found=str(torch.__version__), remedy=None if good else remedy
    )


def check_threads() -> Check:
    """Threads that torch uses, against the processors this process may use."""
    import torch

    used, allowed = torch.get_num_threads(), available_processors()
    found = f"{used} in use, {allowed} processors allowed"
    if used == allowed or used == allowed // 2:  # one for each physical core is right too
        return Check(name="threads", status="ok", found=found)
    return Check(name="threads", status="warn", found=found, remedy=f"export OMP_NUM_THREADS={allowed}")


def check_device() -> Check:
    """Which processor or GPU `--device auto` takes."""
    compute = find_compute()
    memory = "" if compute.memory_gib is None else f", {compute.memory_gib:.0f} GiB"
    found = f"{compute.device}: {compute.name}{memory}"
    if not compute.idle_gpu:
        return Check(name="device", status="ok", found=found)
    return Check(
        name="device",
        status="warn",
        found=f"{found}; an NVIDIA driver is there and torch cannot use it",
        remedy="install the torch build for the CUDA version that nvidia-smi shows",
    )


def check_dtype() -> Check:
    """Which number format `--dtype auto` takes, and why. Slower is not broken: float32 is no warning."""
    from prima.tokens.precision import choose_precision

    precision = choose_precision()
    dtype, units = str(precision.dtype).removeprefix("torch."), " and ".join(find_compute().bf16_units)
    by = f" ({units})" if units and dtype == "bfloat16" else ""
    return Check(name="dtype", status="ok", found=f"auto takes {dtype}: {precision.why}{by}")


def check_nibabel() -> Check:
    """Reads NIfTI."""
    return _check_package("nibabel", "nibabel", missing="warn")


def check_itk() -> Check:
    """Resamples exactly as the published weights expect."""
    return _check_package("SimpleITK", "SimpleITK", missing="fail")


def check_disk() -> list[Check]:
    """Free space where findings go unless told otherwise, and where temporary files go."""
    places = {"disk here": Path.cwd(), "disk temporary": Path(tempfile.gettempdir())}
    checks = []
    for name, place in places.items():
        free = shutil.disk_usage(place).free / 2**30
        short = free < WANTED_DISK_GIB
        checks.append(
            Check(
                name=name,
                status="warn" if short else "ok",
                found=f"{free:.1f} GiB free",
                remedy="free some space, or name another disk with --out or TMPDIR" if short else None,
            )
        )
    return checks


def check_memory() -> Check:
    """Memory that this process may still take."""
    available = available_memory_gib()
    if available is None:
        return Check(name="memory", status="ok", found="not known on this system")
    short = available < WANTED_MEMORY_GIB
    return Check(
        name="memory",
        status="warn" if short else "ok",
        found=f"{available:.1f} GiB available",
        remedy="close other programs, or give this container at least 4 GiB" if short else None,
    )


def check_release() -> Check:
    """The release that ships with prima: there, and as it was made."""
    from prima.model.release.folder import load_release, packaged_release

    try:
        release = load_release(packaged_release(), verify=True)
    except ReleaseError as error:
        return Check(
            name="release",
            status="fail",
            found=str(error),
            remedy="pip install --force-reinstall openprima, or name a release with --release",
        )
    name = release.manifest.name
    if release.manifest.trained:
        return Check(name="release", status="ok", found=f"{name}, every hash right")
    return Check(
        name="release",
        status="warn",
        found=f"{name}, every hash right; untrained: what it says of a study means nothing",
        remedy="prima convert FULL.pt TOKENIZER.pth RELEASE, then prima predict --release RELEASE",
    )


def check_extras() -> list[Check]:
    """Each extra of the distribution: whether what it brings is there, and the line that installs it."""
    checks = []
    for extra in EXTRAS:
        wanted = packages_of(extra)
        missing = [name for name in wanted if not _is_installed(name)]
        checks.append(
            Check(
                name=f"extra {extra}",
                status="ok",
                found=f"not installed: {', '.join(missing)}" if missing else f"installed: {', '.join(wanted)}",
                remedy=install_line(extra) if missing else None,
            )
        )
    return checks


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def available_processors() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available_memory_gib() -> float | None:
    """Free memory, or what the container's limit leaves of it; None when the system does not say."""
    if not MEMORY_FACTS.is_file():
        return None
    facts = dict(line.split(":", 1) for line in MEMORY_FACTS.read_text(encoding="utf-8").splitlines() if ":" in line)
    available = int(facts["MemAvailable"].split()[0]) * 1024
    limit, current = CGROUP / "memory.max", CGROUP / "memory.current"
    if limit.is_file() and current.is_file() and (most := limit.read_text(encoding="utf-8").strip()) != "max":
        available = min(available, int(most) - int(current.read_text(encoding="utf-8")))
    return available / 2**30


def _check_package(module: str, distribution: str, *, missing: Status) -> Check:
    from importlib import import_module

    try:
        import_module(module)
    except (ImportError, OSError) as error:
        return Check(name=module, status=missing, found=f"cannot be imported ({error})", remedy=f"pip install {module}")
    return Check(name=module, status="ok", found=metadata.version(distribution))


# In the order in which they are shown. Those after torch need it.
WITHOUT_TORCH: tuple[Callable[[], Check], ...] = (check_nibabel, check_itk, check_memory)
WITH_TORCH: tuple[Callable[[], Check], ...] = (check_threads, check_device, check_dtype, check_release)
