"""The conjuncts without which every planted bug is reported as before, each with the argument.

Two kinds. *Implied*: wherever the conjunct is false, one of `by` is false of the same subject, and
the oracle would name that one. *Of the store alone* (`by` is empty): its formula reads no memory of
the code, only what the store recorded of ops and outcomes; an outcome that would make it false is
not allowed and is the finding (`OUT.<op>`). It guards the store, and only its breaker falsifies it.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Exempt:
    """Why nothing changes without a conjunct."""

    by: tuple[str, ...]
    argument: str


_ACCT_1: Final = ("ACCT.1a", "ACCT.1b", "ACCT.1c")
_SAME: Final = "the same formula, on the same handle"

EXEMPT: Final[dict[str, Exempt]] = {
    "STRUCT.02": Exempt(("REG.02",), "a slot that is parked, or out while in use, satisfies both"),
    "STRUCT.12": Exempt(
        ("VIEW.FRAME",), "the code's handle is a slot, whose address is a page inside memory"
    ),
    "STRUCT.13'": Exempt((), "the usage of a slot is a word of the store's, no cell of the code"),
    "STRUCT.14a": Exempt(("SEG.INV.1",), _SAME),
    "STRUCT.14b": Exempt(("SEG.INV.2",), _SAME),
    "STRUCT.14c'": Exempt(("SEG.INV.3",), _SAME),
    "STRUCT.14d": Exempt(("SEG.INV.4",), _SAME),
    "STRUCT.15'": Exempt(("SEG.REL.7'",), _SAME),
    "STRUCT.16": Exempt(
        ("VIEW.UNIQUE",), "the code's handle is a slot, whose address is a page inside memory"
    ),
    "STRUCT.17a'": Exempt(("UNQ.GINV'",), "one of the terms of the other clause's conjunction"),
    "STRUCT.17b": Exempt(("UNQ.WFR",), "one of the terms of the other clause's conjunction"),
    "STRUCT.17c": Exempt(("UNQ.WFR",), "one of the terms of the other clause's conjunction"),
    "STRUCT.17d": Exempt(("UNQ.WFR",), "one of the terms of the other clause's conjunction"),
    "STRUCT.18": Exempt(
        ("XTRA.1'", "UNQ.WFR"),
        "a count of UNIQUE wants U = 1, any other count is none for a handle",
    ),
    "ACCT.1b": Exempt(("PT.INV.12",), "a page that is mapped has a count of at least its mappings"),
    "ACCT.3a": Exempt(_ACCT_1, "its contraposition: a user of an unused slot is H, P or C"),
    "ACCT.3d": Exempt(
        ("SLOT.06", "SLOT.09", "SLOT.11", *_ACCT_1, "ACCT.3c"),
        "UNIQUE and shared counts have storage; UNUSED, 0 and more than MAX have no users",
    ),
    "STRUCT.08": Exempt((), "a cursor's entry and the spaces are registries of the store's"),
    "STRUCT.10": Exempt((), "a reader's entry and the spaces are registries of the store's"),
    "STRUCT.11": Exempt((), "a reader's entry is the store's, the limit is the world's"),
}
