"""The command line: what people do outside the workflow."""

from __future__ import annotations

import sys

import typer

from octolith import __version__
from octolith.commands.describe import describe
from octolith.commands.doctor import doctor
from octolith.commands.export import export
from octolith.commands.inspect import inspect
from octolith.commands.model import model
from octolith.commands.network import network
from octolith.commands.phantom import phantom
from octolith.commands.plan import plan
from octolith.commands.schema import schema
from octolith.commands.suggest import suggest
from octolith.errors import OctolithError

app = typer.Typer(
    name="octolith",
    help="Finer, truer 3D rocks from coarse micro-CT and 2D microscopy.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def _root(version: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    if version:
        typer.echo(f"octolith {__version__}")
        raise typer.Exit


app.command()(doctor)
app.command()(describe)
app.command()(inspect)
app.command()(export)
app.command()(model)
app.command()(network)
app.command()(phantom)
app.command()(plan)
app.command()(schema)
app.command()(suggest)


def main() -> None:
    """Run the command line; an `OctolithError` is one line on stderr and exit status 1."""
    try:
        app()
    except OctolithError as error:
        print(f"octolith: {error}", file=sys.stderr)
        sys.exit(1)
