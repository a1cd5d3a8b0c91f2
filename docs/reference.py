"""Write the generated parts of `docs/reference/` anew, from the code: `python docs/reference.py`.

A part stands between `<!-- begin NAME -->` and `<!-- end NAME -->`; what is around it is written by
hand. A page that is up to date is left alone.
"""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import click

from vmfuzz.cli.root import root
from vmfuzz.cli.settings import PROFILES as CAMPAIGN_PROFILES
from vmfuzz.fields import CODECS, COUNT_NAMES, FieldCodec
from vmstore.goals import AREAS, Goal
from vmstore.ids import HANDLE_KINDS
from vmstore.ops import DECLARATIONS, Declaration, Field
from vmstore.ops.declaration import is_required
from vmstore.quirks import QUIRKS
from vmstore.world import CHOICES, LIMITS, World

FOLDER: Final = Path(__file__).parent / "reference"
_NOT_FROM_A_FILE: Final = frozenset({"config", "config-profile", "resume", "help"})
_TYPES: Final = {
    "number": "a number of up to 64 bits",
    "payload": "bytes: hexadecimal digits in pairs, or `LENGTH@FIRST`",
}


def pages() -> dict[str, str]:
    """Return each page with generated parts as it should be, by its name."""
    return {path.name: _page(path) for path in sorted(FOLDER.glob("*.md")) if _parts(path)}


def _parts(path: Path) -> list[str]:
    return re.findall(r"<!-- begin (\S+) -->", path.read_text(encoding="utf-8"))


def _page(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    for name in _parts(path):
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        before, _, rest = text.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(f"{path.name}: no '{end}'")
        text = f"{before}{begin}\n{PARTS[name]()}\n{end}{after}"
    return text


def _table(heads: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    """Return text that a table can hold; a `<` outside of code would begin an HTML element."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


# -- command line ----------------------------------------------------------------------------------


def _commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Yield the command and all below it, each with its whole name."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=name)
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None:
                yield from _commands(found, f"{name} {child}")


def _command_line() -> str:
    return "\n".join(_command(name, command) for name, command in _commands(root, "vmfuzz"))


def _command(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    usage = " ".join(command.collect_usage_pieces(context))
    depth = "##" if name.count(" ") < 2 else "###"
    parts = [f"{depth} {name}\n", f"`{name} {usage}`\n", *_help(command.help or "")]
    if isinstance(command, click.Group):
        children = command.list_commands(context)
        links = (f"[`{name} {child}`](#{name}-{child})".replace("(#vmfuzz ", "(#vmfuzz-")
                 for child in children)  # fmt: skip
        parts.append(f"Commands: {', '.join(links)}.\n")
    rows = [_option(param, context) for param in command.params if isinstance(param, click.Option)]
    if rows:
        parts.append(_table(("option", "value", "default", "what it does"), iter(rows)))
    return "\n".join(parts)


def _help(text: str) -> Iterator[str]:
    """Yield the paragraphs of a help text; those that click leaves as they are, as code."""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        lines = [line.strip() for line in paragraph.strip().split("\n")]
        if lines[0] == "\b":
            shown = lines[2:] if lines[1] == "Examples:" else lines[1:]
            yield "```text\n" + "\n".join(shown) + "\n```\n"
        else:
            yield " ".join(lines) + "\n"


def _option(param: click.Option, context: click.Context) -> tuple[str, ...]:
    names = ", ".join(f"`{name}`" for name in sorted(param.opts, key=len, reverse=True))
    value = "" if param.is_flag else f"`{param.make_metavar(context)}`"
    text, default = _described(param)
    return names, value, f"`{default}`" if default else "", text


def _described(param: click.Option) -> tuple[str, str]:
    """Return the help of an option, and its default, which some say in their help."""
    text = param.help or ""
    found = re.search(r"\s*\[default: (.*)\]$", text)
    if found:
        return text[: found.start()], found[1]
    shown = param.show_default and param.default is not None and not param.is_flag
    return text, str(param.default) if shown else ""


# -- configuration ---------------------------------------------------------------------------------


def _keys() -> str:
    """Return the keys of `[tool.vmfuzz]`: the options of `vmfuzz fuzz` that a file may have."""
    command = root.get_command(click.Context(root), "fuzz")
    options = {max(p.opts, key=len).lstrip("-"): p for p in command.params}
    rows = ((f"`{key}`", _toml(key, param), *reversed(_described(param)))
            for key, param in options.items() if key not in _NOT_FROM_A_FILE)  # fmt: skip
    shown = ((a, b, f"`{c}`" if c else "", d) for a, b, c, d in rows)
    return _table(("key", "TOML value", "default", "what it does"), shown)


def _toml(key: str, param: click.Parameter) -> str:
    if getattr(param, "is_flag", False):
        return "true, false"
    if key == "world":
        return "table of keys and values, or list of texts"
    if param.multiple:
        return "text, or list of texts"
    if isinstance(param.type, click.Choice):
        return ", ".join(f'"{choice}"' for choice in param.type.choices)
    return "number" if isinstance(param.type, click.IntRange | click.FloatRange) else "text"


def _profiles() -> str:
    keys = list(dict.fromkeys(key for chosen in CAMPAIGN_PROFILES.values() for key in chosen))
    rows = ((f"`{name}`", *(_value(chosen.get(key)) for key in keys))
            for name, chosen in CAMPAIGN_PROFILES.items())  # fmt: skip
    return _table(("profile", *(f"`{key}`" for key in keys)), rows)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"`{key}={item}`" for key, item in value.items())
    return "" if value is None else f"`{value}`"


def _world_keys() -> str:
    base = World()
    limits = ((f"`{key}`", f"{low} to {high}", f"`{getattr(base, key)}`")
              for key, (low, high) in LIMITS.items())  # fmt: skip
    choices = ((f"`{key}`", ", ".join(f"`{word}`" for word in allowed), f"`{getattr(base, key)}`")
               for key, allowed in CHOICES.items())  # fmt: skip
    return _table(("key", "allowed", "default"), iter([*limits, *choices]))


# -- traces ----------------------------------------------------------------------------------------


def _handles() -> str:
    rows = ((f"`{kind.prefix}N`", f"`{kind.name}`") for kind in HANDLE_KINDS.values())
    return _table(("written", "kind"), rows)


def _values() -> str:
    rows = ((f"`{_type(kind)}`", _domain(codec)) for kind, codec in CODECS.items())
    return _table(("value", "written as"), rows)


def _type(kind: object) -> str:
    """Return the name of a field's type; a choice without one is named by its codec's words."""
    name = getattr(kind, "__name__", "")
    return name if name and name != "Literal" else "/".join(CODECS[kind].words)


def _domain(codec: FieldCodec) -> str:
    if codec.domain == "choice":
        number = "a number, or " if codec.words == COUNT_NAMES else ""
        return f"{number}one of " + ", ".join(f"`{word}`" for word in codec.words)
    if codec.domain == "short":
        return f"a number up to {codec.top}"
    return _TYPES[codec.domain]


def _op_lines() -> str:
    """Return one line per op, as it is written; arguments in brackets may be left out."""
    lines = [_op_line(op, shape) for op in DECLARATIONS.values() for shape in op.shapes()]
    return "```text\n" + "\n".join(lines) + "\n```\n"


def _op_line(op: Declaration, shape: tuple[Field, ...]) -> str:
    made = ", ".join(f"{f.kind.prefix}N" for f in op.destinations if f.kind)
    taken = sorted((f for f in shape if not f.is_destination), key=lambda f: not f.is_alternative)
    arguments = ", ".join(map(_argument, taken))
    call = f"{op.name}({arguments})"
    return f"{made} = {call}" if made else call


def _argument(field: Field) -> str:
    value = f"{field.kind.prefix}N" if field.kind else _type(field.type)
    needed = is_required(field) or field.is_alternative
    return f"{field.name}={value}" if needed else f"[{field.name}={value}]"


# -- the rest --------------------------------------------------------------------------------------


def _quirks() -> str:
    rows = ((f"`{q.id}`", q.text, q.source, "yes" if q.is_fatal else "") for q in QUIRKS)
    return _table(("id", "what happens", "where it is described", "ends a trace"), rows)


def _goals() -> str:
    found = ((area, goal) for area, goals in AREAS.items() for goal in goals)
    return _table(("id", "area", "the situation", "needs"), (_goal(*pair) for pair in found))


def _goal(area: str, goal: Goal) -> tuple[str, ...]:
    return f"`{goal.id}`", area, goal.text, ", ".join(f"`{need}`" for need in goal.needs)


PARTS: Final[dict[str, Callable[[], str]]] = {
    "commands": _command_line,
    "keys": _keys,
    "profiles": _profiles,
    "world": _world_keys,
    "handles": _handles,
    "values": _values,
    "ops": _op_lines,
    "quirks": _quirks,
    "goals": _goals,
}


if __name__ == "__main__":
    for name, text in pages().items():
        if text != (FOLDER / name).read_text(encoding="utf-8"):
            (FOLDER / name).write_text(text, encoding="utf-8")
            sys.stdout.write(f"docs/reference/{name}: written\n")
