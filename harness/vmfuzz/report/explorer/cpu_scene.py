"""CPUs as the explorer shows them: what each runs and caches, what waits for the grace period.

The view is shown; `bad` says where the machine's memory or values are different.
"""

from collections.abc import Iterable, Iterator

from vmfuzz.report.explorer.records import NOTHING, Row, made, rights, unlike
from vmfuzz.report.explorer.space_scene import space_name
from vmstore.arch import PAGE_SIZE
from vmstore.clauses.abstraction import prop_of
from vmstore.clauses.space_cases import cpu_of
from vmstore.clauses.tlbs import same_translation
from vmstore.step import State


def cpu_rows(state: State) -> Iterator[Row]:
    """Yield what each CPU runs and caches, and which batches of pages wait for RCU."""
    spaces, model, machine = state.view.spaces, state.view.store.tlb_model, state.machine
    used = {spaces.cpu} if spaces.vm_spaces or spaces.active else set()
    cached_on = {cpu for cpu, cached in machine.tlbs.cpus.items() if cached}
    used |= spaces.active.keys() | model.mappings.keys() | cached_on
    for cpu in sorted(used):
        held, known = cpu_of(state, cpu), spaces.active.get(cpu)
        root = f"{spaces.roots.get(cpu, spaces.kernel_root) * PAGE_SIZE:#x}"
        runs = f"vs{held.active.number}" if held.active is not None else "no space"
        should = f"vs{known.number}" if known is not None else "no space"
        yield made(
            f"cpu:{cpu}",
            [
                unlike(runs, should),
                unlike(f"{held.root.index * PAGE_SIZE:#x}", root),
                "flush requests still wait here" * bool(held.queue.ops or held.queue.flushes_all),
            ],
            active=space_name(known) if known is not None else "",
            root=root,
            runs=1 if cpu == spaces.cpu else 0,
        )
        yield from _tlb_rows(state, cpu)
    batches = machine.spaces.callbacks
    for batch in range(max(len(batches), len(spaces.waiting))):
        here = _addresses(slot.index for slot in next(iter(batches[batch : batch + 1]), []))
        by_ops = _addresses(o.index for o in next(iter(spaces.waiting[batch : batch + 1]), []))
        yield made(f"rcu:{batch}", [unlike(here, by_ops)], pages=by_ops)


def _addresses(indices: Iterable[int]) -> list[str]:
    return [f"{index * PAGE_SIZE:#x}" for index in indices]


def _tlb_rows(state: State, cpu: int) -> Iterator[Row]:
    cached, known = state.machine.tlbs.cpus.get(cpu, {}), state.view.store.tlb_model.of(cpu)
    for page in sorted(cached.keys() | known.keys()):
        here, by_ops = cached.get(page), known.get(page)
        bad = ""
        if not same_translation(here, by_ops):
            held = f"{here.paddr:#x} {rights(prop_of(here.bits))}" if here else NOTHING
            said = f"{by_ops.paddr:#x} {rights(by_ops.prop)}" if by_ops else NOTHING
            bad = f"the machine caches {held}, by the ops it is {said}"
        to = by_ops.paddr if by_ops is not None else here.paddr if here is not None else 0
        prop = by_ops.prop if by_ops is not None else prop_of(here.bits) if here else None
        yield made(f"tlb:{cpu}/{page:#x}", [bad], va=f"{page:#x}", to=f"{to:#x}",
                   prop=rights(prop) if prop is not None else "")  # fmt: skip
