"""The `vmfuzz` command and its sub-commands, loaded one by one."""

from difflib import get_close_matches
from importlib import import_module
from typing import Any, Final

import rich_click as click

from vmfuzz import __version__

_COMMANDS: Final = {
    "demo": "See it work: fuzz the clean model, then find a planted bug.",
    "fuzz": "Drive the model with random ops and check every step.",
    "replay": "Run stored traces and report every finding.",
    "minimize": "Shrink a failing trace.",
    "explain": "Show what each step of a trace changed.",
    "conformance": "Compare the model with recordings of the real code.",
    "corpus": "List, show, gather and thin out the traces that campaigns keep.",
    "coverage": "Show what of the specification a set of traces reaches.",
    "report": "Write the report of a campaign: page, JUnit, SARIF, summary.",
    "audit": "Test the contracts that the proof trusts.",
    "agent": "Serve the model to whoever speaks the wire protocol.",
    "model": "Show the ops, clauses, variants, quirks and faults.",
    "bench": "Measure speed, and how soon planted bugs are found.",
    "init": "Write what a repository needs to fuzz every night.",
    "doctor": "Check the installation.",
}


class LazyGroup(click.RichGroup):
    """A group that imports a command only to run it or to show its own help."""

    is_helping = False

    def list_commands(self, ctx: click.Context) -> list[str]:  # click's signature
        """Return the commands in the order of a first session."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> Any:
        """Import the command's module, or return its text for the help; None when unknown."""
        if name not in _COMMANDS:
            return None
        if self.is_helping:
            return click.RichCommand(name=name, help=_COMMANDS[name])
        return import_module(f"vmfuzz.cli.{name}").command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Name the closest command for an unknown one."""
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            near = get_close_matches(args[0], _COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(_COMMANDS)}."
            raise click.UsageError(f"no such command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Show the one-line texts; importing every command for them would cost half a second."""
        self.is_helping = True
        super().format_help(ctx, formatter)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vmfuzz")
@click.pass_context
def root(ctx: click.Context) -> None:
    """Model-based fuzzing of OSTD-style memory management.

    Exit codes: 0 clean, 1 finding, 2 usage, 3 internal error, 4 inconclusive, 5 nothing to do,
    130 interrupted.
    """
    if ctx.invoked_subcommand != "doctor":  # which says what is wrong, and goes on
        from vmfuzz.extensions import load_extensions

        load_extensions()
