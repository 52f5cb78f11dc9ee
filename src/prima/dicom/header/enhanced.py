"""Enhanced multi-frame objects: one file, many images, described by functional groups (PS3.3 C.7.6.16)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from pydicom.dataset import Dataset

from prima.dicom.header.component import component_of
from prima.dicom.header.diffusion import diffusion_of, standard_diffusion
from prima.dicom.header.element import integer, item, items, number, words
from prima.dicom.header.instance import Frame, Instance
from prima.dicom.header.plane import orientation_of, position_of, spacing_of, thickness_of

Number = TypeVar("Number", int, float)


def is_enhanced(dataset: Dataset) -> bool:
    """Whether the images are described by functional groups."""
    return "PerFrameFunctionalGroupsSequence" in dataset or "SharedFunctionalGroupsSequence" in dataset


@dataclass(frozen=True)
class _Groups:
    """Functional groups of one frame: its own first, then the shared ones, then the top level."""

    own: Dataset
    shared: Dataset
    top: Dataset

    def find(self, macro: str) -> Dataset:
        """The item of a functional group macro, or the top level, where converted objects keep the same elements."""
        return item(self.own, macro) or item(self.shared, macro) or self.top


def enhanced_frames(dataset: Dataset, instance: Instance) -> tuple[Frame, ...]:
    """One frame per item of the per-frame functional groups, each with its own place and meaning."""
    layout = instance.pixels
    num_frames = 0 if layout is None else layout.num_frames
    shared = item(dataset, "SharedFunctionalGroupsSequence") or Dataset()
    own = items(dataset, "PerFrameFunctionalGroupsSequence")
    empty = Dataset()
    return tuple(
        _frame(_Groups(own[index] if index < len(own) else empty, shared, dataset), instance, index)
        for index in range(num_frames)
    )


def _frame(groups: _Groups, instance: Instance, index: int) -> Frame:
    content = item(groups.own, "FrameContentSequence") or Dataset()
    kind = groups.find("MRImageFrameTypeSequence")
    macro = groups.find("MRDiffusionSequence")
    diffusion = diffusion_of(groups.top) if macro is groups.top else standard_diffusion(macro)
    echo = groups.find("MREchoSequence")
    rescale = groups.find("PixelValueTransformationSequence")
    slope = number(rescale, "RescaleSlope")
    image_type = words(kind, "FrameType") or instance.image_type
    layout = instance.pixels
    return Frame(
        instance=instance,
        index=index,
        rows=0 if layout is None else layout.rows,
        columns=0 if layout is None else layout.columns,
        position=position_of(groups.find("PlanePositionSequence")),
        orientation=orientation_of(groups.find("PlaneOrientationSequence")),
        spacing_mm=spacing_of(groups.find("PixelMeasuresSequence")),
        thickness_mm=thickness_of(groups.find("PixelMeasuresSequence")),
        image_type=image_type,
        component=component_of(kind, image_type) or component_of(groups.top, image_type),
        echo_time_ms=_first(number(echo, "EffectiveEchoTime"), number(groups.top, "EchoTime")),
        b_value=diffusion.b_value,
        direction=diffusion.direction,
        directionality=diffusion.directionality,
        temporal_index=_first(
            integer(content, "TemporalPositionIndex"), integer(groups.top, "TemporalPositionIdentifier")
        ),
        acquisition_number=_first(integer(content, "FrameAcquisitionNumber"), integer(groups.top, "AcquisitionNumber")),
        trigger_time_ms=number(groups.find("CardiacSynchronizationSequence"), "NominalCardiacTriggerDelayTime"),
        inversion_time_ms=number(groups.find("MRModifierSequence"), "InversionTimes"),
        slope=1.0 if slope is None else slope,
        intercept=number(rescale, "RescaleIntercept") or 0.0,
    )


def _first(first: Number | None, second: Number | None) -> Number | None:
    return second if first is None else first
