"""The scanners of the health system: what each writes into headers, and how its images look.

Models and software versions are those that public headers of these makers carry; stations and serial numbers are made
up. Image traits follow what the makers' normalisation leaves: a floor of noise (Siemens, United Imaging), a background
that is set to zero (Philips, Canon, GE with intensity correction).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

Vendor = Literal["siemens", "ge", "philips", "canon", "uih"]
Naming = Literal["vendor", "house"]


@dataclass(frozen=True, kw_only=True)
class Scanner:
    """One machine.

    Args:
        name: what a case calls it.
        vendor: whose naming habits it has.
        manufacturer: as in the header.
        model: ManufacturerModelName.
        field_t: nominal field strength; `header_field` is what the header says.
        station: StationName.
        software: SoftwareVersions.
        serial: DeviceSerialNumber.
        naming: names of series as the maker ships them, or as the hospital has edited them.
        bits: BitsStored.
        signed: PixelRepresentation 1.
        peak: stored value of the brightest tissue of the brain, before gain.
        rescaled: whether stored values come with a slope (Philips).
        noise: standard deviation of noise relative to white matter, of an ordinary 2-D scan.
        shading: strength of the bias field that normalisation leaves.
        dark_fat_flair: whether its 2-D FLAIR suppresses fat.
        blank_background: whether air is set to zero outside of a mask.
        interpolation: factor from the acquired to the stored matrix.
        since_drift: whether it only comes with the drift.
    """

    name: str
    vendor: Vendor
    manufacturer: str
    model: str
    field_t: float
    header_field: str
    station: str
    software: str
    serial: str
    naming: Naming = "vendor"
    bits: int = 12
    signed: bool = False
    peak: float = 900.0
    rescaled: bool = False
    noise: float = 0.021
    shading: float = 0.2
    dark_fat_flair: bool = False
    blank_background: bool = False
    interpolation: float = 1.0
    since_drift: bool = False


def _siemens(name: str, model: str, field_t: float, header: str, station: str, software: str, serial: str) -> Scanner:  # noqa: PLR0917 - a row of the table below
    return Scanner(
        name=name, vendor="siemens", manufacturer="SIEMENS", model=model, field_t=field_t, header_field=header,
        station=station, software=software, serial=serial, peak=820.0 if field_t < 2 else 1050.0,
        noise=0.021 if field_t < 2 else 0.015, shading=0.16 if field_t < 2 else 0.24,
    )  # fmt: skip


def _with(scanner: Scanner, **changes: Any) -> Scanner:
    return replace(scanner, **changes)


_GE = Scanner(
    name="", vendor="ge", manufacturer="GE MEDICAL SYSTEMS", model="", field_t=1.5, header_field="1.5", station="",
    software="", serial="", bits=16, signed=True, peak=3600.0, noise=0.02, shading=0.2, interpolation=2.0,
    blank_background=True,
)  # fmt: skip
_PHILIPS = Scanner(
    name="", vendor="philips", manufacturer="Philips Medical Systems", model="", field_t=1.5, header_field="1.5",
    station="", software="", serial="", bits=12, peak=1500.0, rescaled=True, noise=0.021, shading=0.12,
    blank_background=True, interpolation=1.4,
)  # fmt: skip

SCANNERS: dict[str, Scanner] = {
    scanner.name: scanner
    for scanner in (
        _siemens("avanto_1", "Avanto", 1.5, "1.5", "MRC25041", "syngo MR B19", "25041"),
        _with(
            _siemens("aera_1", "Aera", 1.5, "1.5", "AWP41877", "syngo MR E11", "41877"),
            dark_fat_flair=True,
        ),
        _with(
            _siemens("skyra_1", "Skyra", 3.0, "3", "AWP45312", "syngo MR E11", "45312"),
            naming="house", dark_fat_flair=True,
        ),
        _siemens("prisma_1", "Prisma_fit", 3.0, "3", "AWP66095", "syngo MR E11", "66095"),
        _with(
            _GE, name="signa_hdxt_1", model="Signa HDxt", station="GEHDXT01", serial="0000000610MR1",
            software=("15\\LX\\MR Software release:HD16.0_V02_1131.a"), noise=0.022, shading=0.28,
        ),
        _with(
            _GE, name="optima_450w_1", model="Optima MR450w", station="MR450W2",
            software="25\\LX\\MR Software release:DV25.1_R03_1802.a", serial="0000000615MR4", naming="house",
            dark_fat_flair=True,
        ),
        _with(
            _GE, name="discovery_750w_1", model="DISCOVERY MR750w", field_t=3.0, header_field="3",
            software="27\\LX\\MR Software release:DV26.0_R03_1831.b", station="MR750W1", serial="0000000614MR7",
            noise=0.015, shading=0.25, peak=4200.0, dark_fat_flair=True,
        ),
        _with(
            _PHILIPS, name="achieva_1", model="Achieva", station="PMS-ACH1", software="3.2.3\\3.2.3.1", serial="34175",
            noise=0.025,
        ),
        _with(
            _PHILIPS, name="ingenia_1", model="Ingenia", station="MRI-NORTH", software="5.4.1\\5.4.1.1",
            serial="42093", naming="house",
        ),
        _with(
            _PHILIPS, name="ingenia_3", model="Ingenia", field_t=3.0, header_field="3", station="MRI3T-2",
            software="5.6.1\\5.6.1.2", serial="45120", noise=0.017, shading=0.18, peak=1800.0,
            dark_fat_flair=True,
        ),
        Scanner(
            name="titan_1", vendor="canon", manufacturer="TOSHIBA", model="Titan", field_t=1.5, header_field="1.5",
            station="MRT1504B", software="V3.10*R005", serial="1504B2094", bits=16, signed=True, peak=5200.0,
            noise=0.025, shading=0.2, blank_background=True, interpolation=1.6,
        ),
        Scanner(
            name="umr770_1", vendor="uih", manufacturer="UIH", model="uMR 770", field_t=3.0, header_field="3",
            station="UMR770A", software="R005", serial="200131", bits=16, peak=700.0, noise=0.013, shading=0.22,
            dark_fat_flair=True,
        ),
        _with(
            _siemens("vida_1", "MAGNETOM Vida", 3.0, "3", "AWP175803", "syngo MR XA31", "175803"),
            manufacturer="Siemens Healthineers", naming="house", noise=0.01, interpolation=2.0, bits=16, peak=620.0,
            shading=0.1, dark_fat_flair=True, since_drift=True,
        ),
        Scanner(
            name="galan_1", vendor="canon", manufacturer="CANON_MEC", model="Vantage Galan 3T", field_t=3.0,
            header_field="3", station="MRT3020", software="V6.0SP2002*S", serial="3020A1147", bits=16, signed=True,
            peak=7400.0, noise=0.011, shading=0.12, blank_background=True, interpolation=2.0, since_drift=True,
        ),
    )
}  # fmt: skip
"""Every scanner by name; those with `since_drift` are new after the drift."""

USUAL_SCANNERS: tuple[str, ...] = tuple(name for name, scanner in SCANNERS.items() if not scanner.since_drift)
DRIFT_SCANNERS: tuple[str, ...] = tuple(name for name, scanner in SCANNERS.items() if scanner.since_drift)
