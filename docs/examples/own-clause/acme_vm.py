"""What our kernel promises beyond the model's own clauses: a list id is handed out once.

The model compares the ids of live lists (LST.5), so it notices a second list of the same id.
This clause notices that the counter stands still before there is one.
"""

from vmstore.extensions import Clause, OwnFault
from vmstore.ops.linked_list import LcursorInsertBefore, ListPushBack, ListPushFront


def has_id(case):
    return case.head.list_id != 0


def is_behind_the_counter(case):
    return case.head.list_id < case.state.machine.next_list_id


def show(case):
    return f"id {case.head.list_id}, the next one is {case.state.machine.next_list_id}"


CLAUSES = (
    Clause(
        id="acme.list-ids-move-on",
        text="the id of a list is below the next one to be handed out",
        source="acme kernel, mm/lists.md",
        scope="list",  # `holds` is asked of a ListCase: one list, from both sides
        group="extra",
        when=has_id,
        holds=is_behind_the_counter,
        show=show,
    ),
)


def counter_stands_still(machine, op, run):
    """Do the op as it should be done, then forget that it took an id."""
    before = machine.next_list_id
    outcome = run(machine, op)
    machine.next_list_id = before
    return outcome


FAULTS = (
    OwnFault(
        id="acme.counter-stands-still",
        ops=(ListPushFront, ListPushBack, LcursorInsertBefore),
        text="the counter of list ids is read, and not advanced",
        plant=counter_stands_still,
        clause="acme.list-ids-move-on",
        source="acme kernel, review of lists.c",
    ),
)
