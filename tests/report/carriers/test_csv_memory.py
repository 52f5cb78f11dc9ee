"""A table is read with the memory of one report, whatever its length, and what a whole column tells is still known."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prima.report.carriers.csv_table import CsvRow, row_store, rows_in
from prima.report.carriers.files import read_reports, reports_from
from prima.report.report import Report

SENTENCE = "The ventricles are normal in size. No mass, hemorrhage or midline shift is seen on this examination. " * 60
# The memory of a child that reads a table, without that of an empty one, in MB.
CHILD = """
import sys
from pathlib import Path
from prima.report.carriers.files import read_reports
from prima.report.report import Report
number = sum(isinstance(found, Report) for found in read_reports([Path(sys.argv[1])]))
lines = Path("/proc/self/status").read_text().splitlines()
print(number, next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024)
"""
MOST_GROWTH_MB = 12


def a_report_a_row(number: int) -> Iterator[str]:
    yield "accession,report_date,report\n"
    for index in range(number):
        yield f'A{index},12/1{index % 2}/2024,"{SENTENCE}"\n'
    yield f'A{number},25/12/2024,"{SENTENCE}"\n'


def lines_apart(number: int) -> Iterator[str]:
    yield "accession;line;report\n"
    for line in (2, 1, 3):
        for index in range(number // 3):
            yield f"A{index};{line};{SENTENCE}\n"


def rows_of_another_width(number: int) -> Iterator[str]:
    yield "accession|report\n"
    for index in range(number):
        yield f"A{index}|{SENTENCE}{'|more' if index % 2 else ''}\n"


def measured(path: Path, rows: Iterator[str], encoding: str) -> tuple[int, int]:
    with path.open("w", encoding=encoding) as file:
        file.writelines(rows)
    child = subprocess.run([sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, check=True)
    number, peak = child.stdout.split()
    return int(number), int(peak)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell a process its peak")
@pytest.mark.parametrize(
    ("rows", "encoding"),
    [(a_report_a_row, "utf-8"), (lines_apart, "utf-16"), (lines_apart, "utf-8"), (rows_of_another_width, "cp1252")],
)
def test_memory_does_not_grow_with_the_table(
    tmp_path: Path, rows: Callable[[int], Iterator[str]], encoding: str
) -> None:
    few, small = measured(tmp_path / "few.csv", rows(50), encoding)
    many, large = measured(tmp_path / "many.csv", rows(3_000), encoding)  # 18 MB, and 36 in UTF-16
    assert many > 40 * few > 0
    assert large - small < MOST_GROWTH_MB


def test_rows_of_a_report_apart_are_those_together() -> None:
    rows = [(f"A{report}", line, f"{report} {line}.") for report in range(20) for line in range(1, 6)]
    table = [f"{accession},{line},{text}\n" for accession, line, text in rows]
    shuffled = random.Random(3).sample(table, len(table))
    header = "accession,line,report\n"

    def texts(lines: list[str]) -> dict[str | None, str]:
        found = list(reports_from((header + "".join(lines)).encode(), "r.csv"))
        return {report.accession: report.text for report in found if isinstance(report, Report)}

    assert texts(table) == texts(shuffled)
    assert texts(table)["A7"] == "7 1.\n7 2.\n7 3.\n7 4.\n7 5."


def test_the_last_row_of_a_column_tells_its_order() -> None:
    rows = "".join(f"A{index},12/11/2024,No mass.\n" for index in range(3000))
    found = list(reports_from(f"acc,report_date,report\n{rows}B,25/11/2024,x\n".encode(), "r.csv"))
    assert {report.filed_at.month for report in found if isinstance(report, Report) and report.filed_at} == {11}
    assert len(found) == 3001


def test_a_byte_late_in_the_file_tells_its_encoding(tmp_path: Path) -> None:
    rows = b"".join(b"A%d,No mass%s.\n" % (index, b" here" * 300) for index in range(2000))
    path = tmp_path / "r.csv"
    path.write_bytes(b"acc,report\nF,L\xe4sion.\n" + rows + b"B,\x93none\x94\n")
    found = [report.text for report in read_reports([path]) if isinstance(report, Report)]
    assert (found[0], found[-1], len(found)) == ("Läsion.", "“none”", 2002)


@pytest.mark.parametrize("text", ["acc\treport\nA\tNo, mass; none.\n", "\n\nacc|report\nA|No, mass; none.\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_separator_and_encoding_together(text: str, encoding: str) -> None:
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    (found,) = reports_from(mark + text.encode(encoding), "r.csv")
    assert isinstance(found, Report)
    assert (found.accession, found.text) == ("A", "No, mass; none.")


def test_a_line_without_end_is_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prima.report.carriers.csv_table._LONGEST_LINE", 100)
    first, second = reports_from(b"acc,report\nA,No mass.\nB," + b"x" * 200 + b"\n", "r.csv")
    assert isinstance(first, Report)
    assert not isinstance(second, Report)
    assert second.key == "r.csv: from line 3"


def test_rows_come_back_in_the_order_of_their_first_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,x\n\n2,y\n1,z\n")
    with row_store() as store:
        for row in rows_in(lambda: path.open("rb")):
            store.add(row, row.values[:1], "")
        assert list(store.groups()) == [
            [CsvRow(1, ["a", "b"])],
            [CsvRow(2, ["1", "x"]), CsvRow(5, ["1", "z"])],
            [CsvRow(4, ["2", "y"])],
        ]
