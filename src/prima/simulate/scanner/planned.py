"""Which series a study has and how each one lies: decided by case, protocol and scanner before a voxel exists."""

from __future__ import annotations

import dataclasses
import uuid
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prima.simulate.geometry.stack_geometry import pose_matrix, stack_affine
from prima.simulate.geometry.streams import stream
from prima.simulate.people.case import Case
from prima.simulate.scanner.physics import Sequence
from prima.simulate.scanner.protocols import PROTOCOLS, Protocol
from prima.simulate.scanner.scanners import SCANNERS, Scanner
from prima.simulate.scanner.series_names import description_of, image_type_of, protocol_name_of, sequence_name_of
from prima.simulate.scanner.series_roles import ROLES, Focus, Role, sequence_for
from prima.study.affine import Affine
from prima.study.volume import Plane

_NAMESPACE = uuid.UUID("0c5a2a9e-7c3f-5d0b-8e57-4d3c7e5b9a11")

FOCUS_MM: dict[Focus, tuple[float, float, float]] = {
    "brain": (0.0, 17.0, 6.0),
    "hippocampus": (0.0, 12.0, 4.0),
    "sella": (0.0, -2.0, -24.0),
    "iac": (0.0, 28.0, -34.0),
    "circle": (0.0, 0.0, -14.0),
}
"""What stacks are aimed at, in head space; the sagittal ones lie a little further to the front."""
B_VALUE = 1000.0
ECHO_PLANAR_BLUR = 1.25
"""Decay along the echo train widens the pixels of echo-planar images."""
_PLANES: tuple[Plane, ...] = ("axial", "coronal", "sagittal")


@dataclass(frozen=True, kw_only=True, eq=False)
class PlannedScan:
    """One stack of a series.

    Args:
        shape: [D, H, W].
        spacing_mm: (slice, row, column).
        thickness_mm: of the slice profile.
        pixel_mm: acquired resolution in the plane.
        affine: from (d, h, w) to head space, mm.
        sequence: what makes its contrast.
        part: what a reader calls it when it splits the series.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    thickness_mm: float
    pixel_mm: float
    affine: Affine
    sequence: Sequence
    part: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class PlannedSeries:
    """One series: what it is called and its stacks."""

    number: int
    uid: str
    name: str
    role: Role
    description: str
    protocol_name: str
    sequence_name: str | None
    image_type: tuple[str, ...]
    scans: tuple[PlannedScan, ...]
    repeated: bool = False

    def instance_uid(self, instance: int) -> str:
        """SOPInstanceUID of an image, counted from 1."""
        return made_uid(f"{self.uid}/{instance}")


@dataclass(frozen=True, kw_only=True, eq=False)
class PlannedStudy:
    """The series of a study, and the pose [4, 4] from head space to patient space."""

    case: Case
    scanner: Scanner
    protocol: Protocol
    series: tuple[PlannedSeries, ...]
    pose: NDArray[np.float64]


def made_uid(name: str) -> str:
    """A UID under 2.25 that follows from a name."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, name).int}"


def plan_study(case: Case) -> PlannedStudy:
    """Lay out the examination of a case; the same case gives the same plan.

    Raises:
        KeyError: the case names a scanner or protocol that does not exist.
    """
    scanner, protocol = SCANNERS[case.scanner], PROTOCOLS[case.protocol]
    random = stream(case.seed, case.index, "scanner")
    habits = stream("scanner", scanner.name)
    stretch, tilt = float(habits.uniform(0.94, 1.06)), float(random.normal(-6, 5))
    roles = list(protocol.roles)
    for option, share in protocol.options:
        if random.random() < share:
            roles.append(option)
    repeat = str(random.choice([role for role in roles if role in {"t2_ax", "flair_ax", "t1_ax", "t1_sag"}] or [""]))
    if random.random() < 0.06 and repeat:
        roles.insert(roles.index(repeat) + 1, repeat)
    jitter = random.normal(0, (1.5, 2.5, 2.5))
    pose = pose_matrix(*np.clip(random.normal(0, 2.5, 2), -7, 7))
    size = 0.9 if case.age_years < 5 else 1.0
    setting = _Setting(scanner=scanner, stretch=stretch, tilt_deg=tilt, shift_mm=jitter, size=size)
    series = []
    for index, name in enumerate(roles, start=1):
        role = ROLES[name]
        series.append(
            PlannedSeries(
                number=index if scanner.vendor in {"siemens", "ge", "uih"} else 100 * index + 1,
                uid=made_uid(f"{case.study_uid}/{index}/{name}"),
                name=name,
                role=role,
                description=description_of(name, scanner),
                protocol_name=protocol_name_of(name, scanner, protocol.study_description),
                sequence_name=sequence_name_of(name, scanner),
                image_type=image_type_of(name, scanner),
                scans=_scans(role, setting),
                repeated=index < len(roles) and roles[index] == name,
            )
        )
    return PlannedStudy(case=case, scanner=scanner, protocol=protocol, series=tuple(series), pose=pose)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Setting:
    """How this scanner and this technologist set up an examination.

    Args:
        stretch: of echo and repetition times.
        tilt_deg: of axial slices.
        shift_mm: from where the stacks should have been aimed.
        size: of the head against an adult's.
    """

    scanner: Scanner
    stretch: float
    tilt_deg: float
    shift_mm: NDArray[np.float64]
    size: float


def _scans(role: Role, setting: _Setting) -> tuple[PlannedScan, ...]:
    if role.contrast == "localizer":
        flat = dataclasses.replace(setting, tilt_deg=0.0)
        return tuple(
            _scan(dataclasses.replace(role, plane=plane, slices=3, spacing_mm=12.0), flat) for plane in _PLANES
        )
    scan = _scan(role, setting)
    if role.contrast != "diffusion" or role.derived is not None:
        return (scan,)
    weighted = sequence_for(role, setting.scanner.field_t, stretch=setting.stretch, b_value=B_VALUE)
    return (
        dataclasses.replace(scan, part="b0"),
        dataclasses.replace(scan, part=f"b{B_VALUE:.0f}", sequence=weighted),
    )


def _scan(role: Role, setting: _Setting) -> PlannedScan:
    scanner, tilt = setting.scanner, setting.tilt_deg
    if role.contrast == "flair" and scanner.dark_fat_flair:
        role = dataclasses.replace(role, fat_suppressed=True)
    fov = role.field_of_view_mm * setting.size
    matrix = role.matrix
    if (scanner.vendor == "ge" and not role.volumetric and matrix < 320) or role.echo_planar:
        matrix = int(matrix * min(scanner.interpolation, 2.0)) // 16 * 16
    elif scanner.interpolation > 1 and not role.volumetric:
        matrix = int(matrix * min(scanner.interpolation, 1.4)) // 16 * 16
    matrix = min(matrix, 512)
    pixel = fov / matrix
    angle = tilt
    if role.plane == "sagittal" or role.volumetric:
        angle = 0.0
    elif role.focus == "hippocampus":
        angle = 22.0 + tilt
    elif role.plane == "coronal":
        angle = tilt * 0.5
    x, y, z = np.array(FOCUS_MM[role.focus]) + setting.shift_mm
    if role.plane == "sagittal" and role.focus == "brain":
        y, z = y - 8, z - 12
    shape = (role.slices, matrix, matrix)
    spacing = (role.spacing_mm, pixel, pixel)
    return PlannedScan(
        shape=shape,
        spacing_mm=spacing,
        thickness_mm=role.thickness_mm,
        pixel_mm=max(fov / role.matrix, pixel) * (ECHO_PLANAR_BLUR if role.echo_planar else 1.0),
        affine=stack_affine(role.plane, shape, spacing, (float(x), float(y), float(z)), angle),
        sequence=sequence_for(role, setting.scanner.field_t, stretch=setting.stretch),
    )
