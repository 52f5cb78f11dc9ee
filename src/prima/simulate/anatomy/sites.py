"""Named places of the head, in the template's LPS millimetres (x to the left, y to the back, z to the head).

Read off the ICBM 152 2009a template, whose MNI coordinates are (-x, -y, z) of ours. Paired places are given for the
left side (+x).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from prima.simulate.people.case import Side


@dataclass(frozen=True, kw_only=True)
class Site:
    """A place: its point on the left side, or in the midline when x is 0 by nature."""

    name: str
    point_mm: tuple[float, float, float]
    paired: bool


_PAIRED: dict[str, tuple[float, float, float]] = {
    # white matter
    "frontal_wm": (26, -32, 18),
    "parietal_wm": (28, 42, 36),
    "temporal_wm": (42, 24, -10),
    "occipital_wm": (26, 76, 8),
    "periventricular_wm": (25, 16, 25),
    "centrum_semiovale": (25, 12, 38),
    "internal_capsule": (22, 10, 10),
    "external_capsule": (32, -2, 2),
    "corona_radiata": (26, 2, 26),
    "middle_cerebellar_peduncle": (20, 48, -36),
    # deep grey
    "thalamus": (12, 18, 8),
    "caudate": (13, -12, 10),
    "putamen": (26, -4, 2),
    "globus_pallidus": (20, 4, 0),
    "basal_ganglia": (24, -2, 3),
    "hippocampus": (28, 20, -14),
    "amygdala": (24, 4, -19),
    # cortex
    "frontal_cortex": (45, -38, 22),
    "parietal_cortex": (46, 48, 44),
    "temporal_cortex": (60, 22, -10),
    "occipital_cortex": (24, 92, 8),
    "insula": (38, -4, 2),
    "cingulate": (6, -22, 30),
    "gyrus_rectus": (5, -36, -20),
    "orbitofrontal_cortex": (24, -40, -16),
    "temporal_pole": (38, -14, -32),
    "motor_cortex": (38, 20, 54),
    "parasagittal_cortex": (8, 24, 66),
    "mesial_temporal": (26, 10, -20),
    # posterior fossa
    "cerebellar_hemisphere": (26, 64, -40),
    "cerebellar_tonsil": (7, 54, -58),
    "cerebral_peduncle": (11, 15, -14),
    "foramen_of_luschka": (14, 40, -40),
    # CSF
    "foramen_of_monro": (4, -2, 9),
    "lateral_ventricle_frontal_horn": (7, -20, 8),
    "lateral_ventricle_body": (10, 6, 22),
    "lateral_ventricle_atrium": (26, 44, 10),
    "lateral_ventricle_occipital_horn": (26, 58, 8),
    "lateral_ventricle_temporal_horn": (28, 22, -14),
    "sylvian_fissure": (46, -13, -6),
    "cerebellopontine_angle": (21, 32, -37),
    "internal_auditory_canal": (27, 30, -36),
    # base
    "cavernous_sinus": (13, -2, -30),
    "middle_fossa": (40, -7, -48),
    "sphenoid_wing": (39, -27, -24),
    "temporal_uncus": (20, 4, -26),
    "jugular_foramen": (24, 36, -52),
    "petrous_apex": (18, 18, -42),
    "mastoid": (52, 38, -46),
    # surface
    "convexity": (58, 9, 48),
    "skull_convexity": (60, 10, 56),
    "subdural_convexity": (63, 6, 38),
    # territories
    "mca_territory": (46, 4, 18),
    "aca_territory": (10, -38, 34),
    "pca_territory": (16, 80, 4),
    "border_zone": (28, -4, 48),
    # vessels
    "mca_bifurcation": (32, -3, -15),
    "mca_m1": (20, -6, -17),
    "ica_terminus": (11, -4, -16),
    "posterior_communicating": (11, 4, -17),
    "pica": (14, 46, -56),
    "vertebral_artery": (8, 32, -58),
    "transverse_sinus": (34, 83, -20),
    "orbit": (32, -56, -37),
    "maxillary_sinus": (27, -50, -64),
}
_MIDLINE: dict[str, tuple[float, float, float]] = {
    "corpus_callosum": (0, 2, 26),
    "corpus_callosum_genu": (0, -28, 8),
    "corpus_callosum_splenium": (0, 38, 14),
    "septum_pellucidum": (0, -8, 14),
    "fornix": (0, 2, 14),
    "midbrain": (0, 26, -14),
    "tectum": (0, 36, -10),
    "pons": (0, 26, -32),
    "medulla": (0, 38, -54),
    "vermis": (0, 66, -30),
    "fourth_ventricle": (0, 45, -34),
    "third_ventricle": (0, 14, -3),
    "aqueduct": (0, 34, -12),
    "hypothalamus": (0, 0, -10),
    "sella": (0, -4, -33),
    "suprasellar": (0, -5, -21),
    "infundibulum": (0, -2, -22),
    "pineal": (0, 31, -2),
    "interhemispheric_fissure": (0, -34, 41),
    "falx": (0, -24, 50),
    "parasagittal": (8, -10, 72),
    "tentorium": (0, 66, -13),
    "planum_sphenoidale": (0, -26, -29),
    "olfactory_groove": (0, -48, -29),
    "clivus": (0, 14, -42),
    "prepontine_cistern": (0, 13, -34),
    "quadrigeminal_cistern": (0, 44, -6),
    "cisterna_magna": (0, 64, -60),
    "posterior_fossa_midline": (0, 68, -46),
    "foramen_magnum": (0, 48, -68),
    "cervicomedullary_junction": (0, 44, -70),
    "cervical_cord": (0, 45, -92),
    "anterior_communicating": (0, -14, -14),
    "basilar_tip": (0, 15, -22),
    "skull_base_anterior": (0, -50, -30),
    "nasal_cavity": (0, -62, -58),
    "superior_sagittal_sinus": (0, 40, 76),
    "vertex": (0, 12, 82),
    "torcula": (0, 104, -12),
}
SITES: dict[str, Site] = {
    **{name: Site(name=name, point_mm=point, paired=True) for name, point in _PAIRED.items()},
    **{name: Site(name=name, point_mm=point, paired=False) for name, point in _MIDLINE.items()},
}


def site_mm(name: str, side: Side = "left") -> Tensor:
    """[3] the point (x, y, z) of a site in template LPS mm.

    A paired site asked for on no side in particular ("midline", "both") is the left one.

    Raises:
        KeyError: there is no such site; the message names those there are.

    Example:
        >>> site_mm("thalamus", "right").tolist()
        [-12.0, 18.0, 8.0]
        >>> site_mm("pons", "right").tolist()
        [0.0, 26.0, -32.0]
    """
    if name not in SITES:
        raise KeyError(f"no site {name!r}; known: {', '.join(SITES)}")
    x, y, z = SITES[name].point_mm
    return torch.tensor([-x if side == "right" else x, y, z], dtype=torch.float32)
