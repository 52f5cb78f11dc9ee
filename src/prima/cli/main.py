"""The command `prima`: the one place where an error becomes a line and an exit status.

Nothing here imports torch: each verb lives in its own file and loads what it needs when it runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from prima.cli.console import printable
from prima.cli.verbs import app
from prima.errors import PrimaError, UsageError

# Exit statuses, as the reference page gives them. 1, "done, with some inputs refused", is for a verb to raise.
DONE, READER_GONE, USAGE, NOTHING_DONE, INTERRUPTED = 0, 1, 2, 3, 130
# What polars raises, outside Python's own exceptions, when a damaged file breaks its reader.
_PANIC = "PanicException"


def run(arguments: Sequence[str]) -> int:
    """Run one command line and give its exit status; an expected error becomes one line on stderr.

    Args:
        arguments: the words after `prima`.

    Returns:
        0 done; 1 done with some inputs refused; 2 wrong usage; 3 nothing could be done; 130 interrupted.

    Example:
        >>> run(["--version"])
        openprima ...
        0
    """
    try:
        typer.main.get_command(app).main(args=list(arguments), prog_name="prima")
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else DONE
    except UsageError as error:
        _say(str(error))
        return USAGE
    except PrimaError as error:
        _say(str(error))
        return NOTHING_DONE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return READER_GONE
    except OSError as error:
        _say(_name_os_error(error, arguments))
        return NOTHING_DONE
    except BaseException as error:
        if type(error).__name__ != _PANIC:
            raise
        _say("a table is damaged: its reader gave up; restore it, or make it again")
        return NOTHING_DONE
    return DONE


def main() -> None:
    """Entry point of the command `prima`."""
    status = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (`head`, a pager) has gone: point stdout at nothing, so that leaving does not complain as well.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = status or READER_GONE
    sys.exit(status)


def _name_os_error(error: OSError, arguments: Sequence[str]) -> str:
    """What the system refused. Only a path the user typed is named: those found inside may hold a patient's name."""
    text = error.strerror or type(error).__name__
    path = str(error.filename or "")
    typed = [word for word in arguments if word and not word.startswith("-") and path.startswith(word)]
    return f"{max(typed, key=len)}: {text}" if typed else text


def _say(message: str) -> None:
    """One red line on stderr, with whatever a terminal would obey (escape sequences, line breaks) made visible."""
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True).print(Text(f"prima: {printable(message)}", style="red"), soft_wrap=True)
