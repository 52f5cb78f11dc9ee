"""What selection looks at: one part of a series, and the whole series it came from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from prima.dicom.header.instance import Frame, Instance
from prima.dicom.series.part import SeriesPart, places
from prima.dicom.series.split_diffusion import is_directional
from prima.dicom.series.stack import has_geometry
from prima.study.series_rules import plain


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """Everything a rule may ask about a part.

    Args:
        part: the part in question.
        series: all images of the series.
        parts: all parts of the series.
    """

    part: SeriesPart
    series: tuple[Frame, ...]
    parts: tuple[SeriesPart, ...]

    @cached_property
    def instance(self) -> Instance:
        """The first file of the part."""
        return self.part.frames[0].instance

    @cached_property
    def image_type(self) -> str:
        r"""ImageType values of the part between backslashes, so that a rule can ask for a whole value."""
        values = [*self.part.frames[0].image_type, *self.instance.image_type]
        return "\\" + "\\".join(dict.fromkeys(values)) + "\\"

    @cached_property
    def name(self) -> str:
        """SeriesDescription as words; ProtocolName where there is no description.

        GE writes the name of the whole examination into ProtocolName, so there it says nothing of a series.
        """
        maker = (self.instance.acquisition.manufacturer or "").upper()
        protocol = None if maker.startswith("GE") else self.instance.protocol
        return plain(self.instance.description or protocol)

    @cached_property
    def body_part(self) -> str:
        """BodyPartExamined and the coded anatomic regions, as words."""
        return plain(" ".join((self.instance.body_part or "", *self.instance.anatomy)))

    @cached_property
    def study(self) -> str:
        """StudyDescription as words."""
        return plain(self.instance.study.description)

    @cached_property
    def sequence(self) -> str:
        """SequenceName, lower-case."""
        return (self.instance.sequence_name or "").lower()

    @cached_property
    def component(self) -> str:
        """MAGNITUDE, PHASE, REAL or IMAGINARY."""
        return self.part.frames[0].component or "MAGNITUDE"

    @cached_property
    def gradient_echo(self) -> bool:
        """Whether the signal is a gradient echo, as far as ScanningSequence and the sequence's name say."""
        scanning = self.instance.scanning_sequence
        if "SE" in scanning or re.search(r"ep_?se|epse|se_?epi|seepi", self.sequence):
            return False
        return "GR" in scanning or "fid" in self.sequence or "fe_epi" in self.sequence or "feepi" in self.sequence

    @cached_property
    def max_b_value(self) -> float:
        """The largest b-value of the series, 0 when there is none."""
        return max((frame.b_value or 0.0 for frame in self.series), default=0.0)

    @cached_property
    def num_directions(self) -> int:
        """Distinct gradient directions of the series, opposite ones counted once."""
        directions = set()
        for frame in self.series:
            if frame.direction is not None and is_directional(frame):
                rounded = tuple(round(value, 1) for value in frame.direction)
                directions.add(max(rounded, tuple(-value for value in rounded)))
        return len(directions)

    @cached_property
    def directional(self) -> bool:
        """Whether images of the part are diffusion weighted along one direction."""
        return any(is_directional(frame) for frame in self.part.frames)

    @cached_property
    def says_directional(self) -> bool:
        """Whether the header says so in words; GE gives the last direction with combined images too."""
        maker = (self.instance.acquisition.manufacturer or "").upper()
        return not maker.startswith("GE") and any(
            frame.directionality == "DIRECTIONAL" and (frame.b_value or 0.0) > 20 for frame in self.part.frames
        )

    @cached_property
    def num_time_points(self) -> int:
        """Time points of the series: as many images as share a place, or as the header claims."""
        claimed = [self.instance.num_time_points or 1, *(frame.temporal_index or 1 for frame in self.series)]
        return max(self.num_repeated, *claimed)

    @cached_property
    def num_repeated(self) -> int:
        """Time points that the series was found to hold."""
        return max((part.time_index or 1 for part in self.parts), default=1)

    @cached_property
    def num_places(self) -> int:
        """Distinct slice positions of the part."""
        return len(set(places(self.part.frames).values()))

    @cached_property
    def planes(self) -> dict[str, int]:
        """Images in each orientation of the series."""
        counts: dict[str, int] = {}
        for part in self.parts:
            for word in part.words:
                if word.split()[0] in {"axial", "coronal", "sagittal"}:
                    counts[word] = counts.get(word, 0) + len(part.frames)
        return counts

    @cached_property
    def geometry(self) -> bool:
        """Whether any image of the part has a complete geometry."""
        return any(has_geometry(frame) for frame in self.part.frames)

    @cached_property
    def unreadable(self) -> str | None:
        """Why no image of the part can be read, None when one can."""
        reasons = [frame.instance.unreadable for frame in self.part.frames]
        return None if None in reasons else reasons[0]

    @cached_property
    def colour(self) -> bool:
        """Whether images have more than one sample per pixel."""
        return self.instance.pixels is not None and self.instance.pixels.samples > 1


def evidence_of(series: Sequence[Frame], parts: Sequence[SeriesPart]) -> tuple[Evidence, ...]:
    """Evidence for each part of a series."""
    return tuple(Evidence(part=part, series=tuple(series), parts=tuple(parts)) for part in parts)
