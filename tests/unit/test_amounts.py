"""Amounts of the messages."""

import pytest

from vmfuzz.amounts import counted


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0 steps"), (1, "1 step"), (2, "2 steps"), (1234567, "1,234,567 steps")],
)
def test_one_is_singular(amount: int, text: str) -> None:
    assert counted(amount, "step") == text
