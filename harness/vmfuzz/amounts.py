"""Amounts as people write them."""


def counted(amount: int, noun: str) -> str:
    """Return an amount with what it counts: `1 step`, `2,000 steps`; `noun` is the singular."""
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}"
