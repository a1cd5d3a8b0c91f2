"""`vmfuzz init`: what a repository needs to fuzz every night."""

import json
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import rich_click as click

from vmfuzz import __version__
from vmfuzz.cli.exits import Exit
from vmfuzz.cli.live import split_command
from vmfuzz.cli.options import FilePath
from vmfuzz.cli.output import print_json
from vmfuzz.cli.streams import note, write
from vmfuzz.errors import shown
from vmfuzz.scaffold.content import Setup
from vmfuzz.scaffold.place import check_root
from vmfuzz.scaffold.plan import Item, carry_out, planned

_DONE = {"write": "written", "append": "added to", "leave": "left"}
_WOULD = {"write": "would write", "append": "would add to", "leave": "would leave"}
_NEXT = (
    "next: commit this, and start the workflow vmfuzz-nightly by hand with"
    " drill=inc-ref-temp-handle"
)


@click.command("init")
@click.argument("folder", type=FilePath(), metavar="[DIR]", default=".")
@click.option("--dry-run", is_flag=True, help="Write nothing, show what would be written.")
@click.option(
    "--sut",
    metavar="'COMMAND ARGS'",
    help="Fuzz a live agent that this starts at the root of the repository, not the model.",
)
@click.option(
    "--install",
    "requirement",
    metavar="REQUIREMENT",
    help="What pip installs in the workflows. [default: this version, from where it came]",
)
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def command(
    folder: Path, dry_run: bool, sut: str | None, requirement: str | None, as_json: bool
) -> int:
    """Write the workflows and settings of a nightly campaign into a repository.

    Two workflows of GitHub Actions, `known.toml`, `tests/traces`, and tables of pyproject.toml.
    What is there is left as it is, so it may be run again; to have a file anew, remove it first.

    \b
    Examples:
    vmfuzz init --dry-run
    vmfuzz init my-kernel --sut './target/release/agent --frames 64'
    """
    if sut is not None:
        split_command(sut)
    root = check_root(folder)
    items = planned(root, Setup(requirement or _this_version(), sut or ""))
    if not (root / ".git").exists():
        note(f"{shown(folder)}: no root of a git repository, where GitHub looks for workflows")
    if requirement is None and not _origin():
        note(f"the workflows install {_this_version()}; --install names another place to get it")
    if not dry_run:
        for item in items:
            carry_out(root, item)
    if as_json:
        print_json({"folder": str(folder), "written": not dry_run, "files": _documents(items)})
    else:
        write("\n".join(_lines(items, is_dry=dry_run)) + "\n")
    return int(Exit.CLEAN)


def _documents(items: list[Item]) -> list[dict[str, str]]:
    return [{"path": i.name, "action": i.action, "detail": i.detail, "text": i.text} for i in items]


def _lines(items: list[Item], *, is_dry: bool) -> list[str]:
    lines = []
    for item in items:
        done = (_WOULD if is_dry else _DONE)[item.action]
        lines.append(f"{done:12} {item.name}{': ' if item.detail else ''}{item.detail}")
        if is_dry:
            lines += [f"    {line}".rstrip() for line in item.text.splitlines()]
    left = sum(item.action == "leave" for item in items)
    if is_dry:
        return [*lines, f"dry run: {len(items) - left} to write, {left} to leave"]
    done_now = f"ok: {len(items) - left} written, {left} left as they were"
    return [*lines, done_now, *([] if left == len(items) else [_NEXT])]


def _this_version() -> str:
    """Return a requirement that pip resolves to this version, with its optional engine."""
    origin = _origin()
    return f"vmfuzz[atheris] @ {origin}" if origin else f"vmfuzz[atheris]=={__version__}"


def _origin() -> str:
    """Return `git+URL@COMMIT` if that is what pip installed this from; empty otherwise."""
    with suppress(PackageNotFoundError, OSError, ValueError, TypeError, KeyError):
        origin = json.loads(distribution("vmfuzz").read_text("direct_url.json") or "{}")
        source = origin["vcs_info"]
        if source["vcs"] == "git":
            return f"git+{origin['url']}@{source['commit_id']}"
    return ""
