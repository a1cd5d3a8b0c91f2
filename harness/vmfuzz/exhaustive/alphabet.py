"""The alphabet of a search: which ops, and which values each of their arguments may have.

Handles are not in it: an op is tried with every live handle. Where the values of an argument have
an invalid one among them, it is the last.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import product
from math import prod
from typing import Any, Final

from vmfuzz.errors import VmfuzzError, closest
from vmfuzz.fields import CODECS, FieldError
from vmstore import ids
from vmstore.arch import PAGE_SIZE
from vmstore.geometry import geometry
from vmstore.ops import GENERATED, Declaration, Field
from vmstore.world import World

DEFAULT_OPS: Final = ("frame_*", "segment_*", "unique_*")
MAX_LETTERS: Final = 10_000  # ops without their handles
MAX_VALUES: Final = 64  # of one argument
_TABLE_AREAS: Final = frozenset(
    {"page_table", "pt_cursor", "vm_space", "cursor", "mmu", "space_io"}
)
_UNALIGNED: Final = PAGE_SIZE // 2
_WRAPS: Final = (1 << 64) - PAGE_SIZE
# By op and argument: values unlike those of the argument's type, so that a change is one.
_OWN: Final[Mapping[str, tuple[Any, ...]]] = {
    "frame_downcast.meta": ("umeta", "tmeta"),
    "segment_downcast.meta": ("umeta", "tmeta"),
    "unique_set_val.val": (2,),
    "unique_repurpose.val": (2,),
    "cursor_map_iomem.paddr": (0xFE000000,),
    "cursor_map_iomem.size": (PAGE_SIZE,),
    "cursor_map_iomem.len": (PAGE_SIZE,),
    "cursor_map_iomem.offset": (0,),
    "cursor_flusher_issue.end": (0,),
    "cursor_protect_next.set": (0,),
    "cursor_protect_next.clear": (2,),
    "pt_cursor_protect_next.set": (0,),
    "pt_cursor_protect_next.clear": (2,),
}


@dataclass(frozen=True, slots=True)
class Letter:
    """One op with the values of its arguments.

    Shape: `fields` are the handles and arguments given together; `choices` has one tuple of values
    per argument in `arguments`.
    """

    declaration: Declaration
    fields: tuple[Field, ...]
    arguments: tuple[Field, ...]
    choices: tuple[tuple[Any, ...], ...]

    @property
    def size(self) -> int:
        """In how many ways the arguments can be chosen."""
        return prod(len(values) for values in self.choices)

    def combinations(self) -> Iterable[dict[str, Any]]:
        """Yield the values of the arguments, every combination."""
        names = [field.name for field in self.arguments]
        for chosen in product(*self.choices):
            yield dict(zip(names, chosen, strict=True))


@dataclass(frozen=True, slots=True)
class Alphabet:
    """What a search tries, in a world."""

    world: World
    letters: tuple[Letter, ...]

    def describe(self) -> list[str]:
        """Return one line per op: its handles, and the values of its arguments."""
        return [_describe(letter) for letter in self.letters]


def chosen_ops(globs: Iterable[str]) -> tuple[Declaration, ...]:
    """Return the ops whose names match one of the patterns, in declaration order.

    Errors: VmfuzzError for a pattern that matches none, or only a hook of recorded programs.
    """
    names = [declaration.name for declaration in GENERATED]
    patterns = tuple(globs)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            problem = f"--ops {pattern[:60]!r} matches no op{closest(pattern[:60], names)}"
            raise VmfuzzError(f"{problem}; `vmfuzz model ops` lists them")
    return tuple(d for d in GENERATED if any(fnmatchcase(d.name, p) for p in patterns))


def tiny_world(world: World, pinned: frozenset[str], ops: Iterable[Declaration]) -> World:
    """Return the world of a search: `world`, and what is not pinned as small as makes sense.

    Three frames; page tables only where an op has any, then of two levels with four entries.
    """
    has_tables = any(op.area in _TABLE_AREAS for op in ops)
    sizes: dict[str, int | str] = {"frames": 3, "cpus": 1, "levels": 2, "entries": 4, "rc_max": 3}
    sizes["pt_frames"] = 9 if has_tables else 0
    return world.changed(**{key: size for key, size in sizes.items() if key not in pinned})


def alphabet(
    world: World, ops: Iterable[Declaration], values: Mapping[str, tuple[str, ...]]
) -> Alphabet:
    """Return the alphabet of these ops. `values` are texts by `ARGUMENT` or `OP.ARGUMENT`.

    Errors: VmfuzzError for a value that cannot be read, an argument that no op has, or too many.
    """
    known = _default_values(world)
    chosen = tuple(ops)
    _check_names(chosen, values)
    letters = tuple(
        _letter(declaration, shape, known, values)
        for declaration in chosen
        for shape in declaration.shapes()
    )
    amount = sum(letter.size for letter in letters)
    if amount > MAX_LETTERS:
        largest = max(letters, key=lambda letter: letter.size)
        raise VmfuzzError(
            f"the alphabet has {amount:,} ops without their handles, at most {MAX_LETTERS:,} are"
            f" allowed; {largest.declaration.name} alone has {largest.size:,}: choose fewer --ops,"
            " or fewer values with --value"
        )
    return Alphabet(world, letters)


def _check_names(ops: tuple[Declaration, ...], values: Mapping[str, tuple[str, ...]]) -> None:
    arguments = {f.name for op in ops for f in op.arguments}
    known = sorted(arguments | {f"{op.name}.{f.name}" for op in ops for f in op.arguments})
    for key, given in values.items():
        if key not in known:
            raise VmfuzzError(
                f"--value {key[:60]!r}: no chosen op has it{closest(key[:60], known)}"
            )
        if not 0 < len(given) <= MAX_VALUES:
            raise VmfuzzError(f"--value {key}: {len(given)} values; 1 to {MAX_VALUES} are allowed")


def _letter(
    declaration: Declaration,
    shape: tuple[Field, ...],
    known: Mapping[object, tuple[Any, ...]],
    values: Mapping[str, tuple[str, ...]],
) -> Letter:
    arguments = tuple(field for field in shape if field.kind is None)
    choices = tuple(_choices(declaration.name, field, known, values) for field in arguments)
    return Letter(declaration, shape, arguments, choices)


def _choices(
    op: str,
    field: Field,
    known: Mapping[object, tuple[Any, ...]],
    values: Mapping[str, tuple[str, ...]],
) -> tuple[Any, ...]:
    given = values.get(f"{op}.{field.name}", values.get(field.name))
    if given is None:
        return _OWN.get(f"{op}.{field.name}", known[field.type])
    try:
        return tuple(dict.fromkeys(CODECS[field.type].parse(text) for text in given))
    except FieldError as error:
        raise VmfuzzError(f"--value {field.name}={','.join(given)[:60]}: {error}") from None


def _default_values(world: World) -> dict[object, tuple[Any, ...]]:
    """Return the values of each type of argument: the valid ones, then one that is not."""
    pages = tuple(range(0, world.frames * PAGE_SIZE, PAGE_SIZE))
    ends = tuple(page + PAGE_SIZE for page in pages)
    border = geometry(world.levels, world.entries).sizes[2]
    return {
        ids.Paddr: (*pages, world.max_paddr + _UNALIGNED),
        ids.PaddrEnd: (*ends, world.max_paddr + PAGE_SIZE),
        ids.ByteOffset: (*pages, _UNALIGNED),
        ids.ByteOffsetEnd: (*ends, _WRAPS),
        ids.MetaKind: ("umeta",),
        ids.MetaVal: (1,),
        ids.Vaddr: (0, border - PAGE_SIZE, border, _UNALIGNED),
        ids.VaddrEnd: (PAGE_SIZE, border, border + PAGE_SIZE, 0),
        ids.ByteLength: (PAGE_SIZE, border, _UNALIGNED),
        ids.Level: (1, 2),
        ids.CpuNumber: tuple(range(world.cpus)),
        ids.PageFlags: (3,),
        ids.PrivFlags: (0,),
        ids.CachePolicy: ("WB",),
        ids.CacheChange: ("keep",),
        ids.TableConfig: ("user",),
        ids.FlushKind: ("all", "single"),
        ids.AccessKind: ("load", "store"),
        ids.IoOffset: (0, PAGE_SIZE - 1),
        ids.IoLength: (8, _WRAPS),
        ids.IoVal: (0xA5,),
        ids.BufLength: (16,),
        ids.Seed: (1,),
        ids.Scalar: ("u32",),
        ids.Payload: (b"\x5a\x5b\x5c\x5d",),
    }


def _describe(letter: Letter) -> str:
    handles = [f"{f.kind.prefix}*" for f in letter.fields if f.kind and not f.is_destination]
    arguments = [
        f"{field.name}={'|'.join(CODECS[field.type].format(value) for value in values)}"
        for field, values in zip(letter.arguments, letter.choices, strict=True)
    ]
    return f"{letter.declaration.name}({', '.join([*handles, *arguments])})"
