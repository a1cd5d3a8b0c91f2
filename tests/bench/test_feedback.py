"""Which feedback pays: bugs found by atheris without the seeds that give most of them away.

`pytest tests/bench/test_feedback.py --log-cli-level=INFO` shows the figures.
"""

import logging
from statistics import median

import pytest

from vmfuzz.engines.atheris_engine import AtherisEngine, is_installed
from vmfuzz.engines.interface import FEEDBACKS, Feedback, Plan, Progress
from vmstore.faults import FAULT_BY_ID

FAULTS = (
    "inc-ref-temp-handle",
    "nyx-u8-refcount",
    "segment-next-yields-last",
    "repurpose-skips-teardown",
    "twin-insert-missing-in-list",
    "insert-front-keeps-front",
)
SECONDS = 20.0


def steps_to(fault: str, feedback: Feedback) -> int | None:
    progress = Progress()
    plan = Plan(seconds=SECONDS, rng_seed=1, faults=(fault,), feedback=feedback)
    for found in AtherisEngine(seeds=0).run(plan, progress, lambda: None):
        if found.finding.clause == FAULT_BY_ID[fault].clause:
            return progress.steps
    return None


@pytest.mark.timeout(600)
@pytest.mark.skipif(not is_installed(), reason="atheris is not installed")
def test_the_default_feedback_finds_at_least_as_much_as_the_others() -> None:
    found: dict[str, list[int]] = {}
    for feedback in FEEDBACKS:
        steps = [steps_to(fault, feedback) for fault in FAULTS]
        found[feedback] = [n for n in steps if n is not None]
        middle = median(found[feedback] or [0])
        logging.info(
            "%s: %d of %d, median %d steps", feedback, len(found[feedback]), len(FAULTS), middle
        )

    best = max(len(steps) for steps in found.values())
    assert len(found[Plan().feedback]) == best
