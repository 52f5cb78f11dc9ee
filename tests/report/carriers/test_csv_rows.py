"""CSV: each fault that was found, and siblings of another form."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from prima.report.carriers.files import reports_from
from prima.report.report import Problem, Report

Case = Callable[..., list[Report | Problem]]


def read(text: str, *, day_first: bool | None = None) -> list[Report | Problem]:
    return list(reports_from(text.encode(), "r.csv", day_first=day_first))


def reports(text: str, *, day_first: bool | None = None) -> list[Report]:
    found = read(text, day_first=day_first)
    assert all(isinstance(report, Report) for report in found), found
    return [report for report in found if isinstance(report, Report)]


def problem(text: str, *, day_first: bool | None = None) -> Problem:
    (found,) = (one for one in read(text, day_first=day_first) if isinstance(one, Problem))
    return found


def test_findings_and_impression(case: Case) -> None:
    (found,) = case("r02_csv_findings_impression")
    assert isinstance(found, Report)
    assert found.text == ("FINDINGS: Ventricles are normal.\nIMPRESSION: Acute infarct in the left MCA territory.")


@pytest.mark.parametrize(
    ("header", "row", "text"),
    [
        (
            "acc,impression,history,findings",
            "A,Cyst.,Fall.,Normal.",
            "HISTORY: Fall.\nFINDINGS: Normal.\nIMPRESSION: Cyst.",
        ),
        ("acc,report_text_1,report_text_2", "A,No mass.,No bleed.", "No mass.\nNo bleed."),
        (
            "acc,report,impression",
            "A,FINDINGS: Cyst. IMPRESSION: Cyst seen.,Cyst seen.",
            "FINDINGS: Cyst. IMPRESSION: Cyst seen.",
        ),
        ("acc,report,impression", "A,FINDINGS: No infarct.,Infarct.", "FINDINGS: No infarct.\nIMPRESSION: Infarct."),
        ("acc,report,addendum", "A,No mass.,A mass.", "No mass.\nADDENDUM: A mass."),
        ("acc,impression", "A,No mass.", "IMPRESSION: No mass."),
        ("acc,report", "A,<p>No mass.</p><p>No bleed.</p>", "No mass.\nNo bleed."),
    ],
)
def test_columns_of_parts(header: str, row: str, text: str) -> None:
    assert reports(f"{header}\n{row}\n")[0].text == text


def test_a_line_a_row(case: Case) -> None:
    (found,) = case("r03_csv_one_line_a_row")
    assert isinstance(found, Report)
    assert found.text.split("\n") == [
        "FINDINGS: Acute infarct in the pons.",
        "There is a meningioma of the falx.",
        "IMPRESSION: Subdural hematoma on the left.",
    ]


def test_lines_out_of_order_and_of_two_versions() -> None:
    text = "acc,date,status,seq_no,text\n"
    text += "A,2024-01-02,final,10,third\nA,2024-01-02,final,2,second\nA,2024-01-02,final,1,first\n"
    text += "A,2024-01-03,corrected,1,new first\nA,2024-01-03,corrected,2,new second\nB,2024-01-03,final,1,other\n"
    found = reports(text)
    assert [(report.accession, report.text) for report in found] == [
        ("A", "first\nsecond\nthird"),
        ("A", "new first\nnew second"),
        ("B", "other"),
    ]


def test_a_section_a_row() -> None:
    text = "acc,section,text\nA,Clinical history,Glioma.\nA,Findings,Normal.\nA,Impression,No change.\n"
    assert reports(text)[0].text == "HISTORY: Glioma.\nFINDINGS: Normal.\nIMPRESSION: No change."
    text = "acc,section,line,text\nA,Findings,2,b\nA,Findings,1,a\nA,Impression,1,c\n"
    assert reports(text)[0].text == "FINDINGS: a\nb\nIMPRESSION: c"


@pytest.mark.parametrize(
    "rows",
    [
        "accession,report\nA,No mass.\nA,Old infarct.\n",
        "accession,line,report\nA,1,No mass.\nA,1,Old infarct.\n",
        "accession,line,report\nA,one,No mass.\nA,two,Old infarct.\n",
        "accession,date,report\nA,2024-01-01,No mass.\nA,2024-01-01,Old infarct.\n",
    ],
)
def test_rows_that_nothing_tells_apart_are_refused_with_the_remedy(rows: str) -> None:
    found = problem(rows)
    assert "tells apart" in found.found
    assert "column" in found.remedy
    assert not [report for report in read(rows + "B,2024-01-01,x\n"[:0]) if isinstance(report, Report)]


def test_a_row_that_comes_twice_is_one_report() -> None:
    assert len(reports("accession,report\nA,No mass.\nA,No mass.\n")) == 1


def test_day_or_month_first_is_asked(case: Case) -> None:
    (found,) = case("r16_csv_day_first")
    assert isinstance(found, Problem)
    assert "--day-first" in found.remedy
    moments = [report.filed_at for report in case("r16_csv_day_first", day_first=True) if isinstance(report, Report)]
    assert moments == [datetime(2024, 11, 12, 9), datetime(2024, 12, 5, 9)]
    moments = [report.filed_at for report in case("r16_csv_day_first", day_first=False) if isinstance(report, Report)]
    assert moments == [datetime(2024, 12, 11, 9), datetime(2024, 5, 12, 9)]


@pytest.mark.parametrize(
    ("dates", "first"),
    [
        (("12/11/2024", "25/12/2024"), datetime(2024, 11, 12)),
        (("12-11-2024", "12-25-2024"), datetime(2024, 12, 11)),
        (("12.11.2024 08:30", "01.12.2024 09:00"), datetime(2024, 11, 12, 8, 30)),
        (("12 Nov 2024", "December 25, 2024"), datetime(2024, 11, 12)),
        (("2024/11/12", "2024-12-25"), datetime(2024, 11, 12)),
        (("11/11/2024", "05/05/2024"), datetime(2024, 11, 11)),
    ],
)
def test_the_order_that_a_column_shows(dates: tuple[str, str], first: datetime) -> None:
    found = reports("acc,date,report\n" + "".join(f'{at},"{date}",No mass.\n' for at, date in enumerate(dates)))
    assert found[0].filed_at == first


@pytest.mark.parametrize("date", ["yesterday", "31/02/2024", "13/13/2024", "45678", "2024", "00000000", "12/2024"])
def test_a_date_that_cannot_be_read_is_named(date: str) -> None:
    text = f"acc,date,report\nA,{date},No mass.\nB,25/12/2024,Normal.\n"
    found = problem(text, day_first=True)
    assert (found.key, found.found) == ("r.csv: line 2", "a date of report that cannot be read")
    assert [report.accession for report in read(text, day_first=True) if isinstance(report, Report)] == ["B"]


def test_a_column_of_two_orders_is_refused() -> None:
    assert "month first" in problem("acc,date,report\nA,25/12/2024,x\nB,12/25/2024,y\n").found


def test_date_and_time_in_two_columns() -> None:
    assert reports("acc,report_date,report_time,report\nA,2024-11-12,15:30,x\n")[0].filed_at == datetime(
        2024, 11, 12, 15, 30
    )


@pytest.mark.parametrize(
    ("word", "status"),
    [
        *[("Final", "final"), ("SIGNED", "final"), ("Prelim.", "preliminary"), ("wet read", "preliminary")],
        *[("cancelled", "cancelled"), ("entered-in-error", "entered_in_error"), ("Retracted", "withdrawn")],
        *[("", "unknown"), ("zz", "unknown"), ("A", "unknown"), ("superseded", "superseded"), ("addendum", "addendum")],
    ],
)
def test_the_status_of_a_row(word: str, status: str) -> None:
    assert reports(f"acc,status,report\nA,{word},On second look normal.\n")[0].report_status == status


def test_an_addendum_that_is_the_whole_report_is_a_correction() -> None:
    (found,) = reports('acc,status,report\nA,addendum,"FINDINGS: Cyst.\nADDENDUM: No cyst."\n')
    assert found.report_status == "corrected"
