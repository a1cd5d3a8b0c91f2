"""Every planted bug is found by the other engines too, within a minute."""

import pytest

from vmfuzz.bench.trial import Quarry, hunt
from vmfuzz.engines.atheris_engine import is_installed
from vmstore.faults import PLANTED

SECONDS = 60.0
# Bugs that need long traces or small limits, out of reach of a general generator in this time.
DEEP = {
    *("linux-zero-page-pins", "saturation-one-early", "list-id-overflow", "contains-any-tag"),
    *("insert-front-keeps-front", "take-current-keeps-prev", "take-current-keeps-links"),
    *("take-current-steps-back", "move-next-skips-ghost", "list-drop-keeps-last"),
}
SPACES = ("page_table", "cursor", "vmspace", "tlb")
IN_SPACES = {f.id for f in PLANTED if f.component in SPACES} | {"blog-os-table-frame-double-free"}
EVERY = [fault.id for fault in PLANTED]
FRAME_LAYER = [fault for fault in EVERY if fault not in IN_SPACES]

pytestmark = [pytest.mark.slow, pytest.mark.long]


def is_found(fault: str, engine: str) -> bool:
    return hunt(Quarry(fault, engine, 1, 0, SECONDS), patience=SECONDS).named is not None


@pytest.mark.parametrize("fault", EVERY)
def test_the_swarm_finds_the_bug_under_its_clause(fault: str) -> None:
    assert is_found(fault, "swarm")


@pytest.mark.skipif(not is_installed(), reason="atheris is not installed")
@pytest.mark.parametrize("fault", EVERY)
def test_atheris_finds_the_bug_under_its_clause(fault: str) -> None:
    assert is_found(fault, "atheris")


@pytest.mark.parametrize("fault", [fault for fault in FRAME_LAYER if fault not in DEEP])
def test_hypothesis_finds_the_shallow_bug_under_its_clause(fault: str) -> None:
    assert is_found(fault, "hypothesis")


def test_the_deep_bugs_are_a_small_part_of_all() -> None:
    assert set(FRAME_LAYER) >= DEEP
    assert len(DEEP) < len(FRAME_LAYER) / 5
