"""The other end: a PACS by AE title, host and port, or a DICOMweb server by its address."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from prima.errors import UsageError

_PACS = re.compile(r"pacs://(?P<title>[^@/\s\\]{1,16})@(?P<host>[^:/\s]+|\[[0-9a-fA-F:]+\]):(?P<port>\d{1,5})/?")


@dataclass(frozen=True, kw_only=True)
class Pacs:
    """A DICOM node that answers C-FIND and C-MOVE or C-GET."""

    title: str
    host: str
    port: int

    @classmethod
    def of(cls, text: str) -> Self:
        """Read `pacs://TITLE@host:port`.

        Raises:
            UsageError: it is not of this form.

        Example:
            >>> Pacs.of("pacs://ORTHANC@127.0.0.1:4242")
            Pacs(title='ORTHANC', host='127.0.0.1', port=4242)
        """
        found = _PACS.fullmatch(text)
        if not found or not 0 < int(found["port"]) < 65536:
            raise UsageError(f"{text}: expected pacs://AETITLE@host:port, for example pacs://ORTHANC@10.0.0.5:4242")
        return cls(title=found["title"], host=found["host"].strip("[]"), port=int(found["port"]))

    @property
    def source(self) -> str:
        """How the catalogue names it."""
        return f"pacs:{self.title}"


def dicomweb_source(address: str) -> str:
    """How the catalogue names a DICOMweb server: its address without credentials, query and fragment.

    Example:
        >>> dicomweb_source("https://me:secret@pacs.example.org:8042/dicom-web/?key=1")
        'dicomweb:https://pacs.example.org:8042/dicom-web'
    """
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return f"dicomweb:{parts.scheme}://{host}{parts.path.rstrip('/')}"


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own, which no other machine reaches.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("10.0.0.5"), is_loopback("")
        (True, True, False, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
