"""What holds for every test."""

import pytest

from vmstore.sources import is_compiled


def pytest_runtest_setup(item: pytest.Item) -> None:
    if is_compiled() and item.get_closest_marker("pure"):
        pytest.skip("the compiled model is installed")
