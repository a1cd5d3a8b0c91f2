"""Counts per contract clause: evaluated, of these non-vacuous, of these false."""

ClauseCounts = dict[str, list[int]]


def merge(into: ClauseCounts, more: ClauseCounts) -> None:
    """Add counts to others."""
    for clause, counts in more.items():
        known = into.setdefault(clause, [0] * len(counts))
        for column, count in enumerate(counts):
            known[column] += count
