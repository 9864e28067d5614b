"""The `resight` command: its subcommands, and the messages and exit codes of errors.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted, 141 the reader of the output has closed it. Slow imports
are inside the commands that need them, so that `resight --help` answers at once.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
from importlib import import_module
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from resight.cli import show
from resight.cli.output import say
from resight.errors import ResightError
from resight.versions import __version__

RESUMABLE = dict.fromkeys(("index", "add", "update"), "The index keeps finished photos") | {
    "train": "The last checkpoint is kept"
}
"""Commands that continue where they were interrupted, and what is kept."""


class Verbs(TyperGroup):
    """A group of commands that turns errors into a message for the person and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Runs a command; raises `typer.Exit` with the exit code of its error."""
        try:
            value = super().invoke(ctx)
            # Flush here, while a closed output can still be handled.
            if sys.stdout is not None:
                sys.stdout.flush()
        except ResightError as error:
            say(f"Error: {error}")
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as error:
            # A command that has made nothing to go on from yet says so itself.
            kept = RESUMABLE.get(str(ctx.invoked_subcommand))
            told = str(error) or (f"{kept}; run the same command again to continue." if kept else "")
            say(f"Interrupted. {told}".rstrip())
            raise typer.Exit(130) from error
        except BrokenPipeError as error:
            # The interpreter flushes once more at its end and would complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(141) from error
        except MemoryError as error:
            say("Error: not enough memory; choose a smaller codebook or fewer photos, or free some memory")
            raise typer.Exit(1) from error
        except OSError as error:
            say(f"Error: {error.filename}: {error.strerror}" if error.filename else f"Error: {error.strerror or error}")
            raise typer.Exit(1) from error
        return value


app = typer.Typer(
    name="resight",
    cls=Verbs,
    help="Finds the photos that show the same thing, and shows why.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"resight {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Finds the photos that show the same thing, and shows why."""


COMMANDS = (
    "index.index",
    "index.add",
    "index.update",
    "index.remove",
    "search.search",
    "duplicates.duplicates",
    "mine.mine",
    "info.info",
    "index.verify",
    "index.compact",
    "fit.fit",
    "train.train",
    "evaluate.evaluate",
    "compare.compare",
    "classify.classify",
    "datasets.datasets",
    "recipes.recipes",
    "serve.serve",
    "demo.demo",
)
"""The commands in the order of the help, MODULE.FUNCTION below `resight.cli`: a new one is a module and a line here."""

for command in COMMANDS:
    module, function = command.split(".")
    app.command()(getattr(import_module(f"resight.cli.{module}"), function))
app.add_typer(show.app, name="show")


class _Remarks(logging.Handler):
    """A handler that prints the library's warnings to the current standard error, which a progress bar may replace."""

    def emit(self, record: logging.LogRecord) -> None:
        prefix = f"{record.levelname.capitalize()}: " if record.levelno > logging.INFO else ""
        say(f"{prefix}{record.getMessage()}")


GARBAGE = 10_000
"""New objects after which Python looks for garbage; its own number is 700."""


def main() -> None:
    """Runs the installed command."""
    # What is imported stays, and looking through it for garbage all the time takes a tenth of a first search.
    gc.set_threshold(GARBAGE)
    if isinstance(sys.stdout, TextIOWrapper):
        # A name that the terminal's encoding cannot represent is shown with escapes instead of ending the command.
        sys.stdout.reconfigure(errors="backslashreplace")
    logging.getLogger("resight").addHandler(_Remarks(logging.WARNING))
    # The reason why a first command takes half a minute is not a warning, but a person wants to know it.
    compiling = logging.getLogger("resight.kernels.compiling")
    compiling.setLevel(logging.INFO)
    compiling.addHandler(_Remarks(logging.INFO))
    compiling.propagate = False
    app(prog_name="resight")
