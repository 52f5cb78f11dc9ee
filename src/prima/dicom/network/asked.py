"""What was asked for, so that what comes can be held against it."""

from __future__ import annotations

from prima.dicom.header.record import MissingUidError, identity_of
from prima.dicom.header.scan import safe_uid
from prima.errors import UnreadableError


class Asked:
    """The studies that were asked for in this pull, and how many instances of the last one came."""

    def __init__(self) -> None:
        self._studies: set[str] = set()
        self.num_come = 0

    def add(self, study_uid: str) -> None:
        """Note a study before it is asked for."""
        self._studies.add(safe_uid(study_uid))
        self.num_come = 0

    def why_not(self, content: bytes, sop_uid: str) -> str | None:
        """Why an instance is not what was asked for; None when it is, or when it is for the archive to say what it is.

        Args:
            content: a Part 10 file.
            sop_uid: under which the peer sent it.
        """
        self.num_come += 1
        try:
            identity = identity_of(content)
        except MissingUidError:
            return "an object without study, series or instance UID"
        except UnreadableError:
            return None  # the archive names it
        if identity is None:
            return None
        if identity.study_uid not in self._studies:
            return "an object of a study that was not asked for"
        if identity.sop_uid != safe_uid(sop_uid):
            return "an object of another instance UID than it was sent under"
        return None
