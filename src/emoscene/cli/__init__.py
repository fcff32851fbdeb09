"""The command line. Results go to stdout, progress and notices to stderr.

Exit codes: 0 all rows ok; 1 some rows not ok; 2 usage or input error; 130 interrupted; 141 the reader of stdout
went away. This module imports nothing but typer, so that `emoscene --help` answers at once; each command imports
what it needs when it runs.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from typing import cast

import typer
from typer.core import TyperGroup

from emoscene import __version__
from emoscene.cli import analyze, doctor, evaluate, models, runs, scenes, train
from emoscene.cli.streams import one_line, say
from emoscene.errors import EmosceneError

__all__ = ["app", "main"]

_USAGE = 2
_INTERRUPTED = 130
_NO_READER = 141

# typer's own exceptions for wrong usage have no public name of their own; BadParameter, which has, is one of them.
_UsageError = cast(type[Exception], typer.BadParameter.__mro__[1])


class _Commands(TyperGroup):
    """Runs a command; a reader that stops reading, such as `head`, ends it quietly."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            # Python flushes stdout once more when it ends; that must not fail on the closed pipe again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _NO_READER
        return code


app = typer.Typer(
    name="emoscene",
    cls=_Commands,
    help="How does the person in the bounding box feel? Apparent emotion from the whole scene.",
    epilog="Apparent emotion is what a scene suggests to an observer, not what a person feels.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("analyze")(analyze.analyze)
app.add_typer(models.app, name="models")
app.add_typer(evaluate.app, name="eval")
app.add_typer(runs.app, name="runs")
app.add_typer(scenes.app, name="scenes")
app.command("train")(train.train)
app.command("doctor")(doctor.doctor)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"emoscene {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Print the version and stop."
    ),
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        code = app(args=None if arguments is None else list(arguments), standalone_mode=False)
    except EmosceneError as error:
        say(f"error: {error}")
        return _USAGE
    except _UsageError as error:
        return _explain(error)
    except OSError as error:
        say(f"error: {_of_the_system(error)}")
        return _USAGE
    except (KeyboardInterrupt, typer.Abort):
        say("interrupted")
        return _INTERRUPTED
    if code == _INTERRUPTED:
        say("interrupted")
    return code if isinstance(code, int) else 0


def _of_the_system(error: OSError) -> str:
    """One line for what the system would not do, with what mends it."""
    what = error.strerror or "a file cannot be read or written"
    if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        return f"{what}. Make room, and give the same command again: a run goes on with what is there."
    return f"{what}: {error.filename or ''}. Check the path."


def _explain(error: BaseException) -> int:
    """One line for wrong usage; asked for nothing, the help."""
    context = getattr(error, "ctx", None)
    message = str(error.format_message()) if hasattr(error, "format_message") else str(error)
    if type(error).__name__ == "NoArgsIsHelpError":
        say(message, lines=True)
        return _USAGE
    command = context.command_path if context is not None else "emoscene"
    say(f"error: {one_line(message).rstrip('.')}. See: {command} --help")
    return _USAGE
