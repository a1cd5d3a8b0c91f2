"""How Hypothesis runs the machine, whoever asks for it: without a clock, a database or a report."""

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, Phase, settings
from hypothesis.configuration import set_hypothesis_home_dir

STEPS = 50  # of an example


def limits(examples: int, *phases: Phase) -> settings:
    """Return the settings of a run of so many examples."""
    return settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=phases,
        print_blob=False,
        report_multiple_bugs=False,
    )


@contextmanager
def passing_home() -> Iterator[None]:
    """Give Hypothesis a folder of its own meanwhile, else it leaves one where the user stands."""
    with TemporaryDirectory(prefix="vmfuzz-hypothesis-") as home:
        set_hypothesis_home_dir(home)
        try:
            yield
        finally:
            set_hypothesis_home_dir(None)
