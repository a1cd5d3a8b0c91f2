"""What a random trace draws from: bytes, a few pages, and what the ops so far left alive."""

from collections.abc import Callable
from functools import partial
from itertools import chain
from random import Random
from typing import Any, Final, Protocol

from vmstore.ids import HANDLE_KINDS
from vmstore.step import State
from vmstore.view.tables import Place, Table
from vmstore.world import World

MAX_TRACE: Final = 400
KINDS: Final = tuple(kind.name for kind in HANDLE_KINDS.values())
NOTHING: Final = len(KINDS)
RARE: Final = 247  # a byte at or above takes a boundary value instead of a useful one
SELDOM: Final = 255  # a byte at or above takes what mostly ends the trace
_USUALLY_ENOUGH: Final = 5  # live handles of a kind at which claiming more becomes rare
# Those that take page tables, of which there are few, or locks on them.
_ENOUGH: Final = {"vs": 3, "ptable": 3, "cursor": 2, "ptcursor": 2}
_LOOKS: Final = 4  # handles looked at for one that suits
_PIECE: Final = 2048  # random bytes made at a time: most traces end before they need more


class Surroundings(Protocol):
    """What the traces of one batch share: world, a few pages and addresses, metadata kinds."""

    world: World
    pages: list[int]
    kinds: list[str]
    vas: list[int]


Guard = Callable[["Drawing"], bool]
Fields = tuple[Callable[["Drawing"], Any], ...]


class Drawing:
    """Random bytes, and what the ops so far left alive for the next one to use.

    Shape: `pools`, `live` and `next_ids` are indexed by the position of the handle kind.
    """

    __slots__ = (
        "base",
        "bufs",
        "draw",
        "kinds",
        "last_left",
        "last_paddr",
        "last_segment",
        "last_va",
        "level",
        "live",
        "next_ids",
        "owners",
        "pages",
        "place",
        "pools",
        "root",
        "segments",
        "spaces",
        "vas",
        "vm_ios",
        "world",
    )

    def __init__(self, rng: Random, around: Surroundings, state: State) -> None:
        self.world = around.world
        self.pages = around.pages
        self.kinds = around.kinds
        self.live = [state.live[kind] for kind in KINDS]
        self.segments = state.view.store.segments
        self.owners = state.view.store.owners
        self.vm_ios = state.view.store.vm_ios
        self.bufs = state.view.contents.bufs
        pieces = iter(partial(rng.randbytes, _PIECE), b"")
        self.draw: Callable[[], int] = chain.from_iterable(pieces).__next__
        self.pools: list[list[int]] = [[] for _ in KINDS]
        self.pools.append([0])  # at NOTHING: what an op that needs no handle needs
        self.next_ids = [0] * len(KINDS)
        self.last_paddr = 0
        self.last_segment = -1
        self.spaces = state.view.spaces
        self.vas = around.vas
        self.base = 0  # of the half of the address space that `vas` are offsets into
        self.last_va = 0
        self.root: Table | None = None  # of the tree that was drawn last
        self.place: Place | None = None
        self.level = 1
        self.last_left = 0

    def pick(self, kind: int) -> int:
        """Return a live handle of a kind. Requires: there is one."""
        pool = self.pools[kind]
        return pool[self.draw() % len(pool)]

    def move_last(self, kind: int, at: int) -> int:
        """Return the handle at `at` of its pool, moved to the end, where `last_of` finds it."""
        pool = self.pools[kind]
        handle = pool[at]
        pool[at] = pool[-1]
        pool[-1] = handle
        return handle


def last_of(kind: int) -> Callable[[Drawing], int]:
    """Return a generator of the handle that a guard has chosen."""
    return lambda g: g.pools[kind][-1]


def taken(kind: int) -> Callable[[Drawing], int]:
    """Return a generator of the handle that a guard has chosen, which ends with the op."""
    return lambda g: g.pools[kind].pop()


def choose(kind: int, suits: Callable[[Drawing, int], bool]) -> Guard:
    """Return a guard that chooses a handle that suits, or seldom any; see `last_of`."""

    def guard(g: Drawing) -> bool:
        pool, choice = g.pools[kind], g.draw()
        amount = len(pool)
        if choice >= SELDOM:
            suits(g, g.move_last(kind, choice % amount))
            return True
        for at in range(choice, choice + min(amount, _LOOKS)):
            if suits(g, pool[at % amount]):
                g.move_last(kind, at % amount)
                return True
        return False

    return guard


def claim_guard(kind: int) -> Guard:
    """Return a guard that makes claiming more of a kind rare once enough is live."""
    enough = _ENOUGH.get(KINDS[kind], _USUALLY_ENOUGH)

    def wants_more(g: Drawing) -> bool:
        return len(g.pools[kind]) < enough or g.draw() < 32

    return wants_more
