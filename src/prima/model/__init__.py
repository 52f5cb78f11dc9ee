"""The networks, releases, the converter for published weights, and the engine that runs a release."""

from typing import TYPE_CHECKING

from prima.files.lazy import lazy_exports

if TYPE_CHECKING:
    from prima.model.convert.convert import convert
    from prima.model.engine.engine import Engine, load_release
    from prima.model.gate.admit import Gate, packaged_gate
    from prima.model.networks.report_encoder import ReportEncoder
    from prima.model.networks.report_encoder_hf import FolderReportEncoder
    from prima.model.networks.vision import HierarchicalViT, VisionConfig, VisionOutput
    from prima.model.packaging.build import build_release, collect
    from prima.model.packaging.check import check_release
    from prima.model.release.folder import Release, packaged_release
    from prima.model.release.manifest import Manifest
    from prima.model.release.stage_folder import Part, StageRecord, write_part, write_run_facts

__all__ = [
    "Engine",
    "FolderReportEncoder",
    "Gate",
    "HierarchicalViT",
    "Manifest",
    "Part",
    "Release",
    "ReportEncoder",
    "StageRecord",
    "VisionConfig",
    "VisionOutput",
    "build_release",
    "check_release",
    "collect",
    "convert",
    "load_release",
    "packaged_gate",
    "packaged_release",
    "write_part",
    "write_run_facts",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "Engine": "engine.engine",
        "Gate": "gate.admit",
        "HierarchicalViT": "networks.vision",
        "Manifest": "release.manifest",
        "Part": "release.stage_folder",
        "Release": "release.folder",
        "StageRecord": "release.stage_folder",
        "VisionConfig": "networks.vision",
        "VisionOutput": "networks.vision",
        "build_release": "packaging.build",
        "check_release": "packaging.check",
        "collect": "packaging.build",
        "convert": "convert.convert",
        "load_release": "engine.engine",
        "packaged_gate": "gate.admit",
        "packaged_release": "release.folder",
        "write_part": "release.stage_folder",
        "write_run_facts": "release.stage_folder",
        "ReportEncoder": "networks.report_encoder",
        "FolderReportEncoder": "networks.report_encoder_hf",
    },
)
