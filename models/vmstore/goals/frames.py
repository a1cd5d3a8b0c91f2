"""Goals about frames, exclusive frames and segments: who shares a page when something happens."""

from typing import Any, Final

from vmstore.arch import PAGE_SIZE
from vmstore.goals.record import SMALL_COUNTS, Goal, Moment
from vmstore.ops import frame, segment, unique
from vmstore.owner import SlotOwner
from vmstore.step import State
from vmstore.store import SegmentEntry

_CLAIMS: Final = (frame.FrameFromUnused, unique.UniqueFromUnused)
_LOOKUPS: Final = (*_CLAIMS, frame.FrameFromInUse)
_SHARERS: Final = (frame.FrameClone, frame.FrameFromInUse)
_COVERERS: Final = (segment.SegmentClone, segment.SegmentSlice)
Counts = tuple[int, int, int]  # H, P, C


def _counts(owner: SlotOwner) -> Counts:
    return owner.handles, owner.mappings, owner.covers


def _at_paddr(state: State, op: Any) -> tuple[str, Counts]:
    """Note usage and users of the page that the op names by address."""
    if not 0 <= op.paddr < state.world.max_paddr:
        return "", (0, 0, 0)
    owner = state.view.store.owner_at(op.paddr)
    return owner.usage, _counts(owner)


def _at_frame(state: State, op: Any) -> Counts:
    return _counts(state.view.store.owner_at(state.view.store.frames[op.frame]))


def _paddr_of_frame(state: State, op: Any) -> int:
    return state.view.store.frames[op.frame]


def _entry(state: State, op: Any) -> SegmentEntry:
    return state.view.store.segments[op.segment]


def _pages(m: Moment, entry: tuple[int, int]) -> list[SlotOwner]:
    return [m.store.owner_at(paddr) for paddr in range(entry[0], entry[1], PAGE_SIZE)]


def _made(m: Moment) -> list[SlotOwner]:
    """Return the pages of the segment that the step made."""
    return _pages(m, m.store.segments[m.op.dst]) if m.is_ok else []


def _full_pages(state: State, op: Any) -> list[bool]:
    """Note for each page of the segment whether its count is saturated."""
    store = state.view.store
    start, end = store.segments[op.segment]
    pages = range(start, end, PAGE_SIZE)
    return [store.owner_at(paddr).references() >= store.rc_max for paddr in pages]


def _first_is_free(state: State, op: Any) -> bool:
    return not op.start % PAGE_SIZE and state.view.claim_error(op.start) is None


def _old_kind(state: State, op: Any) -> str:
    paddr = state.view.store.unique_frames[op.unique]
    return state.view.pages.get(paddr // PAGE_SIZE, ("", 0))[0]


def _is_last_page(m: Moment) -> bool:
    parent = m.store.segments[m.op.segment]
    made = m.store.segments[m.op.dst]
    return made == (parent.end - PAGE_SIZE, parent.end) and made.start > parent.start


GOALS: Final[tuple[Goal, ...]] = (
    Goal("frame-zero", "the page at address 0 is claimed", _CLAIMS,
         lambda m: m.is_ok and m.op.paddr == 0),
    Goal("frame-last", "the last page of memory is claimed", _CLAIMS,
         lambda m: m.is_ok and m.op.paddr == m.state.world.max_paddr - PAGE_SIZE),
    Goal("alignment-before-bound", "an address is misaligned and beyond memory", _LOOKUPS,
         lambda m: m.failed("NotAligned") and m.op.paddr >= m.state.world.max_paddr),
    Goal("frame-reclaimed", "a page that was freed is claimed again", _CLAIMS,
         lambda m: m.is_ok and m.before[0] == "Frame", _at_paddr),
    Goal("count-below-max", "a handle takes the count to one below the maximum", _SHARERS,
         lambda m: m.is_ok and any(o.references() == m.store.rc_max - 1 for o in m.touched),
         needs=SMALL_COUNTS),
    Goal("count-at-max", "a handle takes the count to the maximum", _SHARERS,
         lambda m: m.is_ok and any(o.references() == m.store.rc_max for o in m.touched),
         needs=SMALL_COUNTS),
    Goal("handle-on-table", "a handle is taken on a page-table node", (frame.FrameFromInUse,),
         lambda m: m.is_ok and m.before[0] == "PageTable", _at_paddr),
    Goal("handle-on-covered", "a handle is taken on a page that only segments cover",
         (frame.FrameFromInUse,),
         lambda m: m.is_ok and m.before[1][2] > 0 and m.before[1][:2] == (0, 0), _at_paddr),
    Goal("handle-on-mapped", "a handle is taken on a page that is only mapped",
         (frame.FrameFromInUse,),
         lambda m: m.is_ok and m.before[1][1] > 0 and m.before[1][::2] == (0, 0), _at_paddr),
    Goal("drop-of-mapped", "a handle is dropped while the page is mapped", (frame.FrameDrop,),
         lambda m: m.is_ok and any(o.mappings > 0 for o in m.touched)),
    Goal("drop-of-covered", "a handle is dropped while a segment covers the page",
         (frame.FrameDrop,), lambda m: m.is_ok and any(o.covers > 0 for o in m.touched)),
    Goal("raw-beside-live", "a handle is forgotten while another one on the page lives",
         (frame.FrameIntoRaw,),
         lambda m: m.is_ok and any(o.handles > o.forgotten > 0 for o in m.touched)),
    Goal("unique-refused-by-mapping", "exclusiveness is refused because of a mapping alone",
         (unique.UniqueTryFromShared,),
         lambda m: m.failed("Shared") and m.before[0] == 1 and m.before[2] == 0 < m.before[1],
         _at_frame),
    Goal("unique-refused-by-cover", "exclusiveness is refused because of a segment alone",
         (unique.UniqueTryFromShared,),
         lambda m: m.failed("Shared") and m.before[0] == 1 and m.before[1] == 0 < m.before[2],
         _at_frame),
    Goal("repurposed-kind", "a page is repurposed to another kind of metadata, both with payload",
         (unique.UniqueRepurpose,),
         lambda m: m.is_ok and "unit" not in {m.before, m.op.meta} and m.before != m.op.meta,
         _old_kind),
    Goal("slice-over-mapping", "a slice of a segment covers a mapped frame",
         (segment.SegmentSlice,), lambda m: any(o.mappings > 0 for o in _made(m))),
    Goal("slice-empty", "an empty slice is taken", (segment.SegmentSlice,),
         lambda m: m.is_ok and not _made(m)),
    Goal("slice-last-page", "a slice is exactly the last page of a longer segment",
         (segment.SegmentSlice,), lambda m: m.is_ok and _is_last_page(m)),
    Goal("covered-thrice", "three segments cover one page", _COVERERS,
         lambda m: any(o.covers >= 3 for o in _made(m))),
    Goal("saturated-half-way", "sharing a segment aborts at a page after the first",
         (segment.SegmentClone,),
         lambda m: m.ended("ref-count-saturated") and not m.before[0],
         _full_pages, SMALL_COUNTS),
    Goal("claim-rolled-back", "a segment is refused after pages of it were claimed",
         (segment.SegmentFromUnused,),
         lambda m: m.failed("InUse", "Unique") and m.before, _first_is_free),
    Goal("segment-at-top", "a segment ends with the last page of memory",
         (segment.SegmentFromUnused,), lambda m: m.is_ok and m.op.end == m.state.world.max_paddr),
    Goal("segment-exhausted", "the last page is taken out of a segment", (segment.SegmentNext,),
         lambda m: m.is_ok and m.before.start < m.before.end
         and not _pages(m, m.store.segments[m.op.segment]), _entry),
    Goal("next-of-shared", "a page is taken out of a segment that another one still covers",
         (segment.SegmentNext,), lambda m: m.is_ok and any(o.covers > 0 for o in m.touched)),
    Goal("drop-frees-some", "dropping a segment frees one of its pages and not another",
         (segment.SegmentDrop,),
         lambda m: m.is_ok and len({o.references() == 0 for o in _pages(m, m.before)}) == 2,
         _entry),
    Goal("split-of-shared", "a segment is split where another one covers both sides",
         (segment.SegmentSplit,),
         lambda m: m.is_ok and all(o.covers >= 2 for o in _pages(m, (
             m.before.start + m.op.offset - PAGE_SIZE, m.before.start + m.op.offset + PAGE_SIZE))),
         _entry),
    Goal("split-alignment-first", "a cut is misaligned and beyond the segment",
         (segment.SegmentSplit,), lambda m: m.ended("offset-unaligned")
         and m.op.offset > m.before.end - m.before.start, _entry),
    Goal("segment-of-table", "a handle on a page-table node becomes a segment",
         (segment.SegmentFromFrame,),
         lambda m: m.is_ok and m.store.owner_at(m.before).usage == "PageTable", _paddr_of_frame),
    Goal("empty-segment-converted", "an empty segment is asked for its metadata type",
         (segment.SegmentDowncast, segment.SegmentToUsegment),
         lambda m: m.before.start == m.before.end, _entry),
    Goal("segments-adjacent", "a segment begins where another one ends",
         (segment.SegmentFromUnused,),
         lambda m: m.is_ok and any(e.end == m.op.start < e.end + e.end - e.start
                                   for e in m.store.segments.values())),
)  # fmt: skip
