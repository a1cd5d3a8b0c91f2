"""Our clause in a machine of our own, in a campaign, and on one model by hand."""

import pytest
from hypothesis import HealthCheck, settings

from vmfuzz.machine import VmStoreMachine
from vmfuzz.testing.campaigns import CampaignFailed
from vmfuzz.testing.failure import TraceFailed
from vmstore.world import World


class ListMachine(VmStoreMachine):
    """Lists and what goes into them, in a small world."""

    world = World(frames=8, pt_frames=0)
    ops = ("unique_from_unused", "list_*", "lcursor_*")


TestLists = ListMachine.TestCase
TestLists.settings = settings(
    max_examples=20, deadline=None, suppress_health_check=list(HealthCheck)
)

LINES = (
    "u0 = unique_from_unused(paddr=0x0, meta=link)",
    "l0 = list_new()",
    "list_push_back(list=l0, unique=u0)",
)


def test_the_clean_model_keeps_the_promise(vm_campaign):
    assert not vm_campaign(steps=5_000).findings


def test_a_campaign_finds_the_bug_under_our_clause(vm_campaign):
    with pytest.raises(CampaignFailed) as raised:
        vm_campaign(steps=50_000, faults=["acme.counter-stands-still"])

    (signature,) = raised.value.campaign.findings
    assert signature.startswith("acme.list-ids-move-on/")


def test_one_model_by_hand(vm_model):
    model = vm_model(faults=["acme.counter-stands-still"])
    for line in LINES[:-1]:
        model.run(line)

    with pytest.raises(TraceFailed, match="id 1, the next one is 1"):
        model.run(LINES[-1])
