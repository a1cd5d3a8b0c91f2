"""Invariants of cached translations: what a CPU may use is what its table says (TLB, XTRA.7)."""

from typing import Final

from vmstore.arch import PAGE_SIZE, REF_COUNT_UNUSED
from vmstore.clauses.abstraction import prop_of
from vmstore.clauses.registry import Clause, Group
from vmstore.clauses.space_cases import CpuCase
from vmstore.exec import pte
from vmstore.geometry import AVAIL1
from vmstore.step import State
from vmstore.tlb_cells import Cached
from vmstore.tlb_model import Translation
from vmstore.view.mmu import mapped

_TLB: Final = "vostd TlbModel::inv"
_BEYOND: Final = "beyond vostd VmStore::inv"
_SRC: Final = "what the ops have accessed and flushed"
_X: Final[Group] = "extra"
_ALIAS: Final = {"ostd": "AX-41", "vostd": "AX-41", "seed": "AX-41"}
_ABOVE: Final = "device memory lies above MAX_PADDR"


def cached_by(c: CpuCase) -> dict[int, Cached]:
    """Return what the CPU caches, by page address."""
    return c.state.machine.tlbs.cpus.get(c.cpu, {})


def _is_page(page: int, cached: Cached) -> bool:
    return page % PAGE_SIZE == 0 and cached.paddr & ~pte.ADDRESS == 0


def _is_mapped(c: CpuCase, page: int, cached: Cached) -> bool:
    known = mapped(c.state.view, c.cpu, page)
    return known is not None and known.paddr == cached.paddr


def _is_alive(c: CpuCase, cached: Cached) -> bool:
    """Return whether a translation is of device memory, or of a page that somebody holds."""
    if cached.bits & AVAIL1:
        return True
    return c.state.machine.cells.slot(cached.paddr // PAGE_SIZE).ref_count != REF_COUNT_UNUSED


def _stale(c: CpuCase) -> str:
    wrong = {p: t for p, t in cached_by(c).items() if not _is_mapped(c, p, t)}
    return _listed(c, wrong)


def _dead(c: CpuCase) -> str:
    return _listed(c, {p: t for p, t in cached_by(c).items() if not _is_alive(c, t)})


def _listed(c: CpuCase, shown: dict[int, Cached]) -> str:
    pairs = (f"{page:#x} -> {cached.paddr:#x}" for page, cached in sorted(shown.items())[:4])
    return f"cpu {c.cpu} still translates {', '.join(pairs)}"


def same_translation(cached: Cached | None, known: Translation | None) -> bool:
    """Return whether a CPU caches what the ops have let it cache."""
    if cached is None or known is None:
        return cached is None and known is None
    return cached.paddr == known.paddr and prop_of(cached.bits) == known.prop


def same_touched_translations(state: State) -> bool:
    """Return whether every translation that this step wrote or declared is as it should be."""
    tlbs, model = state.machine.tlbs, state.view.store.tlb_model
    return all(
        same_translation(tlbs.lookup(cpu, page), model.of(cpu).get(page))
        for cpu, page in (*tlbs.journal, *model.touched)
    )


def _same_tlb(c: CpuCase) -> bool:
    cached, known = cached_by(c), c.state.view.store.tlb_model.of(c.cpu)
    return all(
        same_translation(cached.get(page), known.get(page)) for page in cached.keys() | known.keys()
    )


def _show_both(c: CpuCase) -> str:
    known = c.state.view.store.tlb_model.of(c.cpu)
    pairs = (f"{page:#x} -> {found.paddr:#x}" for page, found in sorted(known.items())[:4])
    return f"{_listed(c, cached_by(c))}; by the ops {', '.join(pairs) or 'nothing'}"


def _has_any(c: CpuCase) -> bool:
    return bool(cached_by(c))


CLAUSES: Final = (
    Clause("TLB.1'", "a cached translation leads from a page to a page", _TLB, "cpu", _X,
           when=_has_any, holds=lambda c: all(_is_page(*item) for item in cached_by(c).items()),
           reason=_ABOVE),
    Clause("TLB.3", "the translations that a CPU caches lead to different pages", _TLB, "cpu", _X,
           when=_has_any, known=_ALIAS,
           holds=lambda c: len({t.paddr for t in cached_by(c).values()}) == len(cached_by(c))),
    Clause("XTRA.7", "a CPU caches only what its table maps, with this or an older property",
           _BEYOND, "cpu", _X, when=_has_any, show=_stale,
           holds=lambda c: all(_is_mapped(c, *item) for item in cached_by(c).items())),
    Clause("TLB.REQ.2", "no CPU caches a translation of a page that is free", _BEYOND, "cpu", _X,
           when=_has_any, show=_dead,
           holds=lambda c: all(_is_alive(c, cached) for cached in cached_by(c).values())),
    Clause("VIEW.TLB", "a CPU caches what it accessed and has not flushed since", _SRC, "cpu",
           "view", when=lambda c: _has_any(c) or bool(c.state.view.store.tlb_model.of(c.cpu)),
           holds=_same_tlb, show=_show_both),
)  # fmt: skip
