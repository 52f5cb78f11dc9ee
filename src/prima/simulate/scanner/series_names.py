"""How each maker, and a hospital that edits names, calls each kind of series; ImageType and sequence names likewise."""

from __future__ import annotations

from prima.simulate.scanner.scanners import Scanner
from prima.simulate.scanner.series_roles import ROLES

_VENDORS = ("siemens", "ge", "philips", "canon", "uih", "house")

_NAMES: dict[str, tuple[str, str, str, str, str, str]] = {
    "loc": ("localizer", "3 Plane Loc", "Survey_HeadNeck", "Locator scano", "gre_scout", "LOCALIZER"),
    "t1_ax": ("t1_se_tra", "Ax T1", "T1W_SE", "T1 SE AX", "t1_fse_tra", "AX T1 PRE"),
    "t1_sag": ("t1_se_sag", "Sag T1 FLAIR", "sT1W_TSE SAG", "T1 SE SAG", "t1_fse_sag", "SAG T1"),
    "t1_cor": ("t1_se_cor", "Cor T1", "T1W_SE COR", "T1 SE COR", "t1_fse_cor", "COR T1 PRE"),
    "t2_ax": ("t2_tse_tra_512", "Ax T2 FSE", "T2W_TSE", "T2 FSE AX", "t2_fse_tra", "AX T2 TSE"),
    "t2_cor": ("t2_tse_cor", "Cor T2 FSE", "T2W_TSE COR", "T2 FSE COR", "t2_fse_cor", "COR T2"),
    "t2_sag": ("t2_tse_sag", "Sag T2 FSE", "T2W_TSE SAG", "T2 FSE SAG", "t2_fse_sag", "SAG T2"),
    "t2_fs_ax": ("t2_tse_fs_tra", "Ax T2 FS", "T2W_TSE SPIR", "T2 FSE FS AX", "t2_fse_tra_fs", "AX T2 FS DL"),
    "flair_ax": (
        "t2_tirm_tra_dark-fluid", "Ax T2 FLAIR", "FLAIR_longTR", "FLAIR AX", "t2_fse_tra_flair", "AX FLAIR",
    ),
    "flair_cor": (
        "t2_tirm_cor_dark-fluid", "Cor T2 FLAIR", "FLAIR COR", "FLAIR COR", "t2_fse_cor_flair", "COR FLAIR",
    ),
    "flair_sag": (
        "t2_tirm_sag_dark-fluid", "Sag T2 FLAIR", "FLAIR SAG", "FLAIR SAG", "t2_fse_sag_flair", "SAG FLAIR",
    ),
    "flair_3d": (
        "t2_space_dark-fluid_sag_p2_iso", "Sag CUBE T2 FLAIR", "3D_Brain_VIEW_FLAIR", "3D FLAIR mVox",
        "t2_matrix_flair_sag_iso", "SAG 3D FLAIR",
    ),
    "pd_ax": ("pd_tse_tra", "Ax PD FSE", "PDW_TSE", "PD FSE AX", "pd_fse_tra", "AX PD"),
    "ir_cor": ("t1_ir_tse_cor", "Cor T1 IR", "IR_TSE COR", "T1 IR COR", "t1_ir_fse_cor", "COR T1 IR"),
    "hippo_cor": (
        "t2_tse_cor_hippocampus", "Obl Cor T2 Hippocampus", "T2W_TSE HIPPOCAMPUS", "T2 OBL COR TEMPORAL",
        "t2_fse_cor_temporal", "OBL COR T2 TEMPORAL",
    ),
    "t1_3d": (
        "t1_mprage_sag_p2_iso", "Sag 3D BRAVO", "3D_T1W_TFE", "3D FFE T1", "t1_gre_fsp_3d_sag", "SAG T1 MPRAGE",
    ),
    "dwi": ("ep2d_diff_3scan_trace_p2_TRACEW", "Ax DWI", "DWI_SSh", "DWI AX", "epi_dwi_tra", "AX DWI B1000"),
    "adc": (
        "ep2d_diff_3scan_trace_p2_ADC", "Apparent Diffusion Coefficient (mm2/s)", "dADC map", "ADC AX",
        "epi_dwi_tra_ADC", "AX ADC",
    ),
    "dwi_cor": ("ep2d_diff_cor_TRACEW", "Cor DWI", "DWI_SSh COR", "DWI COR", "epi_dwi_cor", "COR DWI"),
    "gre_ax": ("t2_fl2d_tra_hemo", "Ax T2* GRE", "T2W_FFE", "T2* FE AX", "gre_t2s_tra", "AX GRE"),
    "swi": ("SWI_Images", "Ax SWAN", "SWIp", "FSBB", "gre_swi_tra", "AX SWI"),
    "swi_mip": ("mIP_Images(SW)", "Ax SWAN MIN IP", "SWIp minIP", "FSBB minIP", "gre_swi_tra_minIP", "AX SWI MINIP"),
    "swi_pha": (
        "Pha_Images", "FILT_PHA: Ax SWAN", "SWIp phase map", "FSBB Phase Image", "gre_swi_tra_pha", "SWI PHASE",
    ),
    "t1_ax_c": ("t1_se_tra_KM", "Ax T1 +C", "T1W_SE +C", "T1 SE AX CE", "t1_fse_tra_+c", "AX T1 POST"),
    "t1_cor_c": ("t1_se_cor_KM", "Cor T1 +C", "T1W_SE COR +C", "T1 SE COR CE", "t1_fse_cor_+c", "COR T1 POST"),
    "t1_sag_c": ("t1_se_sag_KM", "Sag T1 +C", "T1W_SE SAG +C", "T1 SE SAG CE", "t1_fse_sag_+c", "SAG T1 POST"),
    "t1_fs_ax_c": ("t1_se_fs_tra_KM", "Ax T1 FS +C", "T1W_SPIR +C", "T1 FS AX CE", "t1_fse_tra_fs_+c", "AX T1 FS POST"),
    "flair_ax_c": (
        "t2_tirm_tra_dark-fluid_KM", "Ax T2 FLAIR +C", "FLAIR +C", "FLAIR AX CE", "t2_fse_tra_flair_+c",
        "AX FLAIR POST",
    ),
    "t1_3d_c": (
        "t1_mprage_sag_p2_iso_KM", "Sag 3D BRAVO +C", "3D_T1W_TFE +C", "3D FFE T1 CE", "t1_gre_fsp_3d_sag_+c",
        "SAG T1 MPRAGE POST",
    ),
    "mpr_ax_c": ("t1_mprage_tra MPR", "Ax BRAVO +C Reformat", "3D_T1W_TFE +C MPR TRA", "3D T1 CE MPR AX",
                 "t1_gre_fsp_3d_tra_MPR", "AX MPRAGE POST MPR"),
    "mpr_cor_c": ("t1_mprage_cor MPR", "Cor BRAVO +C Reformat", "3D_T1W_TFE +C MPR COR", "3D T1 CE MPR COR",
                  "t1_gre_fsp_3d_cor_MPR", "COR MPRAGE POST MPR"),
    "sub": ("t1_se_tra_SUB", "Ax T1 SUBTRACTION", "T1W_SE SUB", "T1 AX SUBTRACTION", "t1_fse_tra_SUB", "AX T1 SUB"),
    "tof": (
        "TOF_3D_multi-slab", "3D TOF COW", "s3DI_MC_HR", "3D TOF MRA", "tof_3d_tra", "AX TOF COW",
    ),
    "tof_mip": (
        "TOF_3D_multi-slab_MIP_COR", "COW MIP", "s3DI_MC_HR MIP", "3D TOF MIP", "tof_3d_MIP", "COW MIP",
    ),
    "fa": ("ep2d_diff_FA", "Fractional Aniso.", "dFA map", "FA map", "epi_dti_FA", "FA MAP"),
    "cbf": ("ep2d_perf_relCBF", "CBF ASL", "rCBF perfusion", "Perfusion CBF", "epi_perf_CBF", "PERFUSION RCBF"),
    "sella_sag_t1": ("t1_tse_sag_sella", "Sag T1 Sella", "T1W_TSE SAG PIT", "T1 SAG PITUITARY", "t1_fse_sag_sella",
                     "SAG T1 SELLA PRE"),
    "sella_cor_t1": ("t1_tse_cor_sella", "Cor T1 Sella", "T1W_TSE COR PIT", "T1 COR PITUITARY", "t1_fse_cor_sella",
                     "COR T1 SELLA PRE"),
    "sella_cor_t2": ("t2_tse_cor_sella", "Cor T2 Sella", "T2W_TSE COR PIT", "T2 COR PITUITARY", "t2_fse_cor_sella",
                     "COR T2 SELLA"),
    "sella_cor_t1_c": ("t1_tse_cor_sella_KM", "Cor T1 Sella +C", "T1W_TSE COR PIT +C", "T1 COR PITUITARY CE",
                       "t1_fse_cor_sella_+c", "COR T1 SELLA POST"),
    "sella_sag_t1_c": ("t1_tse_sag_sella_KM", "Sag T1 Sella +C", "T1W_TSE SAG PIT +C", "T1 SAG PITUITARY CE",
                       "t1_fse_sag_sella_+c", "SAG T1 SELLA POST"),
    "iac_3d_t2": ("t2_ci3d_tra_iac", "Ax FIESTA IAC", "3D_DRIVE IAC", "3D FASE IAC", "t2_matrix_3d_tra_iac",
                  "AX CISS IAC"),
    "iac_ax_t1": ("t1_tse_tra_iac", "Ax T1 IAC", "T1W_TSE IAC", "T1 AX IAC", "t1_fse_tra_iac", "AX T1 IAC PRE"),
    "iac_ax_t1_c": ("t1_tse_fs_tra_iac_KM", "Ax T1 FS IAC +C", "T1W_SPIR IAC +C", "T1 FS AX IAC CE",
                    "t1_fse_tra_fs_iac_+c", "AX T1 FS IAC POST"),
    "iac_cor_t1_c": ("t1_tse_fs_cor_iac_KM", "Cor T1 FS IAC +C", "T1W_SPIR COR IAC +C", "T1 FS COR IAC CE",
                     "t1_fse_cor_fs_iac_+c", "COR T1 FS IAC POST"),
}  # fmt: skip

_DERIVED_TYPE = {"adc": "ADC", "mip": "MIP", "minip": "MNIP", "phase": "P", "subtraction": "SUB", "fa": "FA"}

_SEQUENCE: dict[str, dict[str, str]] = {
    "siemens": {
        "t1": "*se2d1", "t2": "*tse2d1_15", "flair": "*tir2d1_17", "flair_3d": "*spcir_242ns", "mprage": "*tfl3d1_16ns",
        "diffusion": "*ep_b1000t", "gre": "*fl2d1", "swi": "*swi3d1r", "tof": "*fl3d1r", "ciss": "*ci3d1",
        "pd": "*tse2d1_6", "t1_ir": "*tir2d1_5", "localizer": "*fl2d1",
    },
}  # fmt: skip


def description_of(role: str, scanner: Scanner) -> str:
    """SeriesDescription.

    Example:
        >>> from prima.simulate.scanner.scanners import SCANNERS
        >>> [description_of("flair_ax", SCANNERS[name]) for name in ("avanto_1", "signa_hdxt_1", "skyra_1")]
        ['t2_tirm_tra_dark-fluid', 'Ax T2 FLAIR', 'AX FLAIR']
    """
    habit = "house" if scanner.naming == "house" else scanner.vendor
    return _NAMES[role][_VENDORS.index(habit)]


def protocol_name_of(role: str, scanner: Scanner, study_description: str) -> str:
    """ProtocolName: the series for most makers, the whole examination for GE, the source for a Siemens map."""
    if scanner.vendor == "ge":
        return study_description.title()[:16].strip()
    if scanner.vendor == "siemens" and scanner.naming == "vendor":
        for ending in ("_TRACEW", "_ADC", "_FA", "_relCBF", "_MIP_COR", " MPR"):
            if description_of(role, scanner).endswith(ending):
                return description_of(role, scanner).removesuffix(ending)
    return description_of(role, scanner)


def sequence_name_of(role: str, scanner: Scanner) -> str | None:
    """SequenceName, which only Siemens writes in these objects."""
    if scanner.vendor == "siemens" and ROLES[role].contrast == "diffusion" and ROLES[role].derived:
        return None  # a name with b-values would be read as the map being weighted
    return _SEQUENCE.get(scanner.vendor, {}).get(ROLES[role].contrast)


def image_type_of(role: str, scanner: Scanner) -> tuple[str, ...]:
    """ImageType in the maker's manner.

    Example:
        >>> from prima.simulate.scanner.scanners import SCANNERS
        >>> image_type_of("adc", SCANNERS["prisma_1"])
        ('DERIVED', 'PRIMARY', 'DIFFUSION', 'ADC', 'ND', 'NORM')
    """
    derived = ROLES[role].derived
    kind = _DERIVED_TYPE.get(derived or "", "M")
    diffusion = ROLES[role].contrast == "diffusion"
    if derived == "cbf":
        return ("DERIVED", "PRIMARY", "PERFUSION", "CBF")
    if role.startswith("mpr_"):
        return ("DERIVED", "SECONDARY", "MPR")
    if role == "loc" and scanner.vendor in {"uih", "canon"}:
        return ("ORIGINAL", "PRIMARY", "LOCALIZER")
    if scanner.vendor == "siemens":
        if diffusion:
            return ("DERIVED", "PRIMARY", "DIFFUSION", kind if derived else "TRACEW", "ND", "NORM")
        if derived == "minip":
            return ("DERIVED", "PRIMARY", "MNIP", "ND", "NORM")
        first = "DERIVED" if derived in {"mip", "subtraction"} else "ORIGINAL"
        return (first, "PRIMARY", kind, "ND", "NORM")
    if scanner.vendor == "ge":
        if derived:
            return ("DERIVED", "SECONDARY", kind) if derived != "phase" else ("ORIGINAL", "PRIMARY", "P")
        return ("ORIGINAL", "PRIMARY", "OTHER")
    if scanner.vendor == "philips":
        if derived == "phase":
            return ("ORIGINAL", "PRIMARY", "PHASE MAP", "P", "FFE")
        if derived:
            return ("DERIVED", "SECONDARY", kind, kind, "UNSPECIFIED")
        family = {"mprage": "FFE", "gre": "FFE", "swi": "FFE", "tof": "FFE", "ciss": "FFE", "localizer": "FFE"}
        return ("ORIGINAL", "PRIMARY", f"M_{family.get(ROLES[role].contrast, 'SE')}", "M", "SE")
    if derived:
        return ("DERIVED", "PRIMARY", "DIFFUSION" if diffusion else "OTHER", kind)
    return ("ORIGINAL", "PRIMARY", "OTHER" if scanner.vendor == "canon" else "M")
