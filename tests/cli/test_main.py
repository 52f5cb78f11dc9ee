"""The frame of the command: exit statuses, one-line errors, nothing heavy at the top."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable

import pytest
import typer

from prima import __version__
from prima.cli import main as cli
from prima.errors import PrimaError, ReleaseError, UsageError


@pytest.fixture
def run_raising(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], int]:
    """Run `prima boom`, a verb that raises what it is given."""

    def run(error: BaseException) -> int:
        app = typer.Typer()

        @app.callback()
        def _frame() -> None: ...

        @app.command()
        def boom(path: str = "") -> None:
            raise error

        monkeypatch.setattr(cli, "app", app)
        return cli.run(["boom", "--path", "given/by/the/user"])

    return run


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (PrimaError("study: found nothing, expected a folder of DICOM"), 3),
        (ReleaseError("release: no release.json"), 3),
        (UsageError("--out: found a file, expected a folder"), 2),
        (KeyboardInterrupt(), 130),
        (OSError(errno.ENOSPC, "No space left on device", "/secret/DOE^JANE"), 3),
        (typer.Exit(1), 1),
    ],
)
def test_exit_status(run_raising: Callable[[BaseException], int], error: BaseException, status: int) -> None:
    assert run_raising(error) == status


def test_an_error_is_one_line_on_stderr(
    run_raising: Callable[[BaseException], int], capsys: pytest.CaptureFixture[str]
) -> None:
    run_raising(PrimaError("series 3: found \x1b[2J and [bold]markup[/bold]\nand a second line, " + "long " * 60))
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("prima: series 3: found  [2J and [bold]markup[/bold] and a second line")
    assert output.err.count("\n") == 1


def test_a_path_is_named_only_when_the_user_typed_it(
    run_raising: Callable[[BaseException], int], capsys: pytest.CaptureFixture[str]
) -> None:
    run_raising(OSError(errno.EACCES, "Permission denied", "/secret/DOE^JANE"))
    run_raising(OSError(errno.EACCES, "Permission denied", "given/by/the/user/DOE^JANE"))
    error_lines = capsys.readouterr().err.splitlines()
    assert error_lines == ["prima: Permission denied", "prima: given/by/the/user: Permission denied"]


def test_an_unexpected_error_is_not_hidden(run_raising: Callable[[BaseException], int]) -> None:
    with pytest.raises(ZeroDivisionError):
        run_raising(ZeroDivisionError())


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out == f"openprima {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["no-such-verb"], ["predict"], ["predict", "x", "--dtype", "float8"]])
def test_wrong_usage_is_status_2(arguments: list[str]) -> None:
    assert cli.run(arguments) == 2


@pytest.mark.parametrize("verb", ["predict", "convert", "simulate", "doctor"])
def test_every_help_has_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([verb, "--help"]) == 0
    assert f"Example: prima {verb}" in capsys.readouterr().out


def test_a_reader_that_has_gone_is_no_traceback() -> None:
    command = [sys.executable, "-c", "from prima.cli.main import main; main()", "--help"]
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        result = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, check=False)
    assert result.returncode == 1
    assert result.stderr == b""
