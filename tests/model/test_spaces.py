"""Helpers of the address-space registries: HLP.1, HLP.4, HLP.5."""

from collections.abc import Callable

import pytest

from vmstore import spaces
from vmstore.spaces import CursorEntry, RequiresError, VmIoEntry, VmSpaceEntry
from vmstore.store import VmStore
from vmstore.vm_io_owner import VmIoOwner
from vmstore.world import World

CURSOR = CursorEntry(vm_space=0, kind="Mutable", start=0x1000, end=0x2000)
USER = VmIoOwner(("user", 0), 0x1000, 0x1010, ("vs", 0), is_fallible=True, is_kernel=False)
KERNEL = VmIoOwner(("buf", 0), 0, 16, ("buf", 0), is_fallible=False, is_kernel=True)
READER = VmIoEntry(vm_space=0, kind="Reader", vaddr=0x1000, length=16, owner=USER)
KERNEL_WRITER = VmIoEntry(vm_space=None, kind="Writer", vaddr=1 << 63, length=16, owner=KERNEL)


@pytest.fixture
def store() -> VmStore:
    made = VmStore(World(frames=4))
    spaces.insert_vm_space(made.vm_spaces, 0, VmSpaceEntry())
    return made


def extract_space(store: VmStore) -> VmSpaceEntry:
    return spaces.extract_vm_space(store.vm_spaces, store.cursors, store.vm_ios, 0)


def test_extract_then_insert_is_the_identity(store: VmStore) -> None:
    spaces.insert_cursor(store.cursors, store.vm_spaces, 3, CURSOR)
    spaces.insert_vm_io(store.vm_ios, store.vm_spaces, 4, READER)

    assert spaces.extract_cursor(store.cursors, 3) is CURSOR
    assert spaces.extract_vm_io(store.vm_ios, 4) is READER
    assert extract_space(store) == VmSpaceEntry()
    assert (store.vm_spaces, store.cursors, store.vm_ios) == ({}, {}, {})


def test_hlp_4_a_space_in_use_stays(store: VmStore) -> None:
    spaces.insert_cursor(store.cursors, store.vm_spaces, 3, CURSOR)
    with pytest.raises(RequiresError, match="vm_space 0 has the open cursor 3"):
        extract_space(store)
    spaces.extract_cursor(store.cursors, 3)
    spaces.insert_vm_io(store.vm_ios, store.vm_spaces, 4, READER)
    with pytest.raises(RequiresError, match="vm_space 0 has the live reader 4"):
        extract_space(store)

    assert list(store.vm_spaces) == [0]


def test_a_kernel_handle_holds_no_space(store: VmStore) -> None:
    spaces.insert_vm_io(store.vm_ios, store.vm_spaces, 4, KERNEL_WRITER)

    assert extract_space(store) == VmSpaceEntry()


@pytest.mark.parametrize(
    ("misuse", "message"),
    [
        (lambda s: spaces.insert_vm_space(s.vm_spaces, 0, VmSpaceEntry()), "already registered"),
        (lambda s: spaces.extract_vm_space(s.vm_spaces, {}, {}, 7), "7 is not registered"),
        (lambda s: spaces.insert_cursor(s.cursors, {}, 1, CURSOR), "vm_space 0, which is not live"),
        (lambda s: spaces.insert_cursor({1: CURSOR}, s.vm_spaces, 1, CURSOR), "already registered"),
        (lambda s: spaces.extract_cursor(s.cursors, 1), "cursor 1 is not registered"),
        (lambda s: spaces.insert_vm_io(s.vm_ios, {}, 1, READER), "vm_space 0, which is not live"),
        (lambda s: spaces.insert_vm_io({1: READER}, s.vm_spaces, 1, READER), "already registered"),
        (lambda s: spaces.extract_vm_io(s.vm_ios, 1), "vm_io 1 is not registered"),
        (
            lambda s: spaces.insert_vm_io(
                s.vm_ios, s.vm_spaces, 1, VmIoEntry(0, "Reader", 0x7FFF_FFFF_F000, 1, USER)
            ),
            "reaches past 0x7ffffffff000",
        ),
    ],
)
def test_hlp_5_misuse_is_rejected_without_change(
    store: VmStore, misuse: Callable[[VmStore], object], message: str
) -> None:
    with pytest.raises(RequiresError, match=message):
        misuse(store)

    assert (list(store.vm_spaces), store.cursors, store.vm_ios) == ([0], {}, {})
