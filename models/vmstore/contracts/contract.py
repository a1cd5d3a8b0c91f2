"""One operation's contract: what its clauses have in common."""

from typing import Final

from vmstore.contracts.registry import ContractClause, Kind, Known, Test

# By how the tail of an id begins; `N` is the step whose guard does not hold.
_KINDS: Final[dict[str, Kind]] = {
    "REQ": "REQ", "ENS": "ENS", "STEP": "STEP", "PRE": "PRE", "POST": "POST",
    "EXEC": "ENS", "RETURNS": "ENS", "N": "STEP",
}  # fmt: skip


class Contract:
    """The lines of one operation: its header, and where they apply.

    `when` is where a line applies that says nothing of its own, `asked` where one about the state
    before the call does.
    """

    def __init__(
        self, prefix: str, op: str, ops: tuple[str, ...], source: str, when: Test,
        asked: Test | None = None,
    ) -> None:  # fmt: skip
        self.prefix = prefix
        self.op = op
        self.ops = ops
        self.source = source
        self.when = when
        self.asked = asked or when

    def line(
        self, tail: str, text: str, holds: Test, when: Test | None = None,
        known: Known | None = None,
    ) -> ContractClause:  # fmt: skip
        """Return the clause `PREFIX.tail`; its kind follows from the tail."""
        kind = _KINDS[tail.replace("/", ".").partition(".")[0]]
        applies = when or (self.asked if kind in ("REQ", "PRE") else self.when)
        return ContractClause(
            f"{self.prefix}.{tail}", self.op, self.ops, kind, text, self.source, holds,
            applies, known=dict(known or {}),
        )  # fmt: skip
