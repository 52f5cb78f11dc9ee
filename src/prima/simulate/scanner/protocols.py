"""The protocols of the health system: which series an examination has, in the order they are acquired.

Derived maps stand behind what they are computed from. A protocol is chosen by the reason for the examination.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One examination.

    Args:
        name: what a case calls it.
        study_description: StudyDescription.
        roles: its series, by `series_roles`.
        options: series of which some are added, each with its share of studies.
        contrast_agent: whether gadolinium is given.
        since_drift: whether it only comes with the drift.
    """

    name: str
    study_description: str
    roles: tuple[str, ...]
    options: tuple[tuple[str, float], ...] = ()
    contrast_agent: bool = False
    since_drift: bool = False


def _protocol(name: str, description: str, roles: str, *, since_drift: bool = False, **options: float) -> Protocol:
    """Roles as words in the order of acquisition; options with their share."""
    listed = tuple(roles.split())
    return Protocol(
        name=name,
        study_description=description,
        roles=listed,
        options=tuple(options.items()),
        contrast_agent=any(role.endswith("_c") for role in listed),
        since_drift=since_drift,
    )


PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        _protocol(
            "brain_without", "MRI BRAIN WO CONTRAST", "loc t1_sag dwi adc t2_ax flair_ax gre_ax t1_ax",
            t2_cor=0.4, flair_cor=0.15, fa=0.08,
        ),
        _protocol(
            "brain_with_without", "MRI BRAIN W WO CONTRAST",
            "loc t1_sag dwi adc t2_ax flair_ax gre_ax t1_ax t1_ax_c t1_cor_c",
            t1_sag_c=0.4, sub=0.1, t1_3d_c=0.25,
        ),
        _protocol(
            "stroke", "MRI BRAIN STROKE PROTOCOL", "loc dwi adc flair_ax gre_ax t2_ax tof tof_mip",
            dwi_cor=0.2, t1_sag=0.4, cbf=0.25,
        ),
        _protocol(
            "tumor", "MRI BRAIN TUMOR W WO CONTRAST",
            "loc t1_3d dwi adc t2_ax flair_ax swi swi_mip swi_pha t1_ax t1_ax_c t1_3d_c",
            mpr_ax_c=0.5, mpr_cor_c=0.4, cbf=0.4, sub=0.15, fa=0.2,
        ),
        _protocol(
            "ms", "MRI BRAIN MS PROTOCOL W WO", "loc flair_3d t2_ax flair_ax dwi adc t1_ax t1_ax_c t1_3d_c",
            flair_sag=0.4, pd_ax=0.3,
        ),
        _protocol(
            "epilepsy", "MRI BRAIN EPILEPSY", "loc t1_3d flair_ax flair_cor hippo_cor t2_ax dwi adc swi swi_mip",
            ir_cor=0.4, flair_3d=0.3,
        ),
        _protocol(
            "pituitary", "MRI PITUITARY W WO CONTRAST",
            "loc dwi adc t2_ax sella_sag_t1 sella_cor_t1 sella_cor_t2 sella_cor_t1_c sella_sag_t1_c",
            t1_ax_c=0.6, flair_ax=0.5,
        ),
        _protocol(
            "iac", "MRI IAC W WO CONTRAST",
            "loc t1_sag dwi adc t2_ax flair_ax iac_3d_t2 iac_ax_t1 iac_ax_t1_c iac_cor_t1_c", t1_ax_c=0.6,
        ),
        _protocol(
            "pediatric", "MRI BRAIN PEDIATRIC WO", "loc t1_sag t1_3d t2_ax flair_ax dwi adc t2_cor",
            swi=0.5, t2_sag=0.3,
        ),
        _protocol(
            "mra", "MRI AND MRA BRAIN WO", "loc t1_sag dwi adc t2_ax flair_ax tof tof_mip", gre_ax=0.6, t1_ax=0.4,
        ),
        _protocol(
            "trauma", "MRI BRAIN TRAUMA", "loc t1_sag dwi adc t2_ax flair_ax swi swi_mip swi_pha", t2_cor=0.5, fa=0.15,
        ),
        _protocol(
            "brain_rapid", "MRI BRAIN RAPID DL", "loc t1_3d dwi adc t2_fs_ax flair_3d swi swi_mip",
            t1_3d_c=0.3, since_drift=True,
        ),
    )
}  # fmt: skip
"""Every protocol by name; those with `since_drift` are new after the drift."""

USUAL_PROTOCOLS: tuple[str, ...] = tuple(name for name, protocol in PROTOCOLS.items() if not protocol.since_drift)
DRIFT_PROTOCOLS: tuple[str, ...] = tuple(name for name, protocol in PROTOCOLS.items() if protocol.since_drift)
