"""What the columns of an exported table hold, by their usual names, and how its dates and statuses are to be read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from prima.report.sections import SectionKind

_WHOLE = (
    *("report", "reporttext", "text", "fulltext", "narrative", "body", "reportbody", "radiologyreport", "fullreport"),
    *("reportnarrative", "radiologyreporttext", "completereport"),
)
_LESS_LIKELY = ("resulttext", "result", "content", "note", "notetext", "linetext", "textline")
_SECTIONS: dict[SectionKind, tuple[str, ...]] = {
    "history": (
        *("history", "clinicalhistory", "clinicalinformation", "clinicalinfo", "indication", "indications"),
        *("reasonforexam", "reasonforstudy", "clinicalindication", "clinicaldetails", "historytext"),
    ),
    "technique": ("technique", "techniquetext"),
    "comparison": ("comparison", "comparisons", "priors"),
    "findings": ("findings", "finding", "findingstext", "reportfindings", "findingssection"),
    "impression": (
        *("impression", "impressions", "impressiontext", "reportimpression", "conclusion", "conclusions", "opinion"),
        *("summary", "impressionsection", "conclusiontext", "diagnosticimpression"),
    ),
    "addendum": ("addendum", "addenda", "addendumtext", "addendums"),
}
_TEXT_SECTIONS: tuple[SectionKind, ...] = ("findings", "impression")
_NAMES: dict[str, tuple[str, ...]] = {
    "study_uid": ("studyuid", "studyinstanceuid", "siuid", "dicomstudyuid"),
    "accession": ("accession", "accessionnumber", "accessionno", "acc", "accnum", "ordernumber"),
    "patient_id": ("patientid", "mrn", "patient", "patientmrn", "medicalrecordnumber", "pid"),
    "report": ("reportid", "documentid", "docid", "resultid", "reportnumber", "reportno", "noteid", "documentnumber"),
    "adds_to": (
        *(
            "addendumto",
            "addendumof",
            "addsto",
            "appendsto",
            "addendumtoreport",
            "addendumtoreportid",
            "addendumparent",
        ),
        *("parentreport", "parentreportid", "parentreportnumber", "parentdocument", "parentdocumentid", "parentid"),
        *("parentdocumentnumber", "parentdoc", "parentdocid", "parentaccession", "parentnumber", "parentresultid"),
        *("originalreport", "originalreportid", "originaldocumentid", "originaldocument", "basereport", "basereportid"),
        *("parentordernumber", "parentorder", "parent"),
    ),
    "filed_at": (
        *("reporttime", "filedat", "reported", "reportdatetime", "reportdate", "finalizedat", "signedat", "finaldate"),
        *("resulttime", "resultdate", "datetime", "date", "signeddate", "signdate", "reporteddate", "verifieddate"),
    ),
    "status": ("status", "reportstatus", "resultstatus", "reportstate", "documentstatus"),
    "line": (
        *(
            "line",
            "lineno",
            "linenumber",
            "linenum",
            "lineid",
            "lineorder",
            "seq",
            "sequence",
            "seqno",
            "sequencenumber",
        ),
        *("setid", "obxsetid", "part", "partno", "partnumber", "chunk", "segment", "sortorder", "paragraph", "rowno"),
    ),
    "section": ("section", "sectionname", "reportsection", "sectiontitle", "sectionheader", "heading", "component"),
    "name": ("patientname", "name", "ptname", "patientfullname"),
}


_PEOPLE = re.compile(
    r"(?:(?:reading|read|interpreting|reporting|report|attending|referring|ordering|requesting|performing|primary|consulting|final"
    r"|signing|approving|verifying|dictating|responsible|primarycare|secondary|assisting)?"
    r"(?:radiologist|physician|doctor|provider|clinician|resident|fellow|attending|consultant|surgeon|md|technologist|radiographer"
    r"|tech|transcriptionist|typist|author|reader|referrer|signer|requester|orderer|performer|interpreter|pcp|gp|nurse|operator)"
    r"|(?:signed|dictated|transcribed|typed|verified|approved|finali[sz]ed|read|reported|authored|ordered|requested|referred|performed"
    r"|interpreted|authenticated|created|entered|reviewed)by|principalresultinterpreter|resultinterpreter)(?:full)?(?:name)?"
)


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Where the columns of a table stand.

    Args:
        num_fields: of the header.
        text: (index, the section that the column is; None for one that may be the whole report), in the order of a
            report.
        fields: of everything else, by name: the first column that is called so.
        people: columns that name who ordered, performed, read, typed or signed.
        times: columns that may hold the rest of `filed_at` where that has only a date or only a time.
    """

    num_fields: int
    text: tuple[tuple[int, SectionKind | None], ...]
    fields: dict[str, int]
    times: tuple[int, ...]
    people: tuple[int, ...] = ()

    def value(self, row: Sequence[str], field: str) -> str:
        """A field of a row without blanks around it; empty where the table has no such column."""
        return row[self.fields[field]].strip() if field in self.fields else ""


def columns_of(header: Sequence[str]) -> Columns:
    """The columns of a header.

    Example:
        >>> columns_of(["MRN", "Findings", "Impression"]).text
        ((1, 'findings'), (2, 'impression'))
        >>> columns_of(["accession", "report_1", "report_2"]).text
        ((1, None), (2, None))
    """
    plain = [re.sub(r"[^a-z]", "", title.lower()) for title in header]
    fields = {}
    for field, names in _NAMES.items():
        index = next((plain.index(name) for name in names if name in plain), None)
        if index is not None:
            fields[field] = index
    sections: list[tuple[int, SectionKind | None]] = [
        (index, section) for section, names in _SECTIONS.items() for index, title in enumerate(plain) if title in names
    ]
    whole = [index for index, title in enumerate(plain) if title in _WHOLE]
    if not whole and not any(section in _TEXT_SECTIONS for _, section in sections):
        whole = [index for index, title in enumerate(plain) if title in _LESS_LIKELY][:1]
    before = [found for found in sections if found[1] in ("history", "technique", "comparison")]
    after = [found for found in sections if found not in before]
    has_text = bool(whole) or any(section in _TEXT_SECTIONS for _, section in after)
    return Columns(
        num_fields=len(header),
        text=(*before, *((index, None) for index in whole), *after) if has_text else (),
        fields=fields,
        people=tuple(index for index, title in enumerate(plain) if _PEOPLE.fullmatch(title)),
        times=tuple(index for index, title in enumerate(plain) if title in _NAMES["filed_at"]),
    )
