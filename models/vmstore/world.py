"""The sizes and switches of the modelled machine: one value, the second line of every trace."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Final

from vmstore.arch import MAX_LIST_ID, PAGE_SIZE, REF_COUNT_MAX
from vmstore.variants import PROFILES, VARIANT_BY_NAME

LIMITS: Final[dict[str, tuple[int, int]]] = {
    "frames": (1, 1 << 20),
    "pt_frames": (0, 1 << 20),
    "cpus": (1, 64),
    "levels": (2, 5),
    "entries": (2, 512),
    "rc_max": (1, REF_COUNT_MAX),
    "list_ids": (1, MAX_LIST_ID),
}
CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "build": ("debug", "release"),
    "rcu": ("immediate", "deferred"),
    "profile": PROFILES,
}


class WorldError(ValueError):
    """A world that cannot be built; the message names the key, the value and what is allowed."""

    def __init__(self, message: str, key: str) -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True, slots=True)
class World:
    """The modelled machine. The defaults belong to trace format 1 and never change.

    Units: `frames` and `pt_frames` count pages; data pages lie at `[0, frames)`, the page-table
    pool at `[frames, frames + pt_frames)`, its first `kernel_nodes` being the kernel's own table.
    Errors: `WorldError` for a value out of `LIMITS` or `CHOICES`, or an unknown variant.
    """

    frames: int = 24
    pt_frames: int = 800
    cpus: int = 2
    levels: int = 4
    entries: int = 512
    rc_max: int = REF_COUNT_MAX
    list_ids: int = MAX_LIST_ID
    build: str = "debug"
    rcu: str = "immediate"
    profile: str = "ostd"
    overrides: tuple[tuple[str, str], ...] = field(default=())

    def __post_init__(self) -> None:
        """Reject sizes and switches outside their documented limits."""
        for key, (low, high) in LIMITS.items():
            value = getattr(self, key)
            if not low <= value <= high:
                raise WorldError(f"world {key}={value}: allowed are {low} to {high}", key)
        for key, allowed in CHOICES.items():
            value = getattr(self, key)
            if value not in allowed:
                text = f"world {key}={value!r:.60}: allowed are {', '.join(allowed)}"
                raise WorldError(text, key)
        if self.entries & (self.entries - 1):
            text = f"world entries={self.entries}: allowed are powers of two"
            raise WorldError(text, "entries")
        if self.pt_frames and self.pt_frames < self.kernel_nodes:
            raise WorldError(
                f"world pt_frames={self.pt_frames}: allowed are 0 (no page tables) or at least"
                f" {self.kernel_nodes}, the kernel's own table at entries={self.entries}",
                "pt_frames",
            )
        if self.pt_frames and self.rc_max <= self.cpus:
            raise WorldError(
                f"world rc_max={self.rc_max}: the kernel's root counts {self.cpus + 1} references"
                f" at cpus={self.cpus}; allowed are that and up, or any with pt_frames=0",
                "rc_max",
            )
        for name, choice in self.overrides:
            _check_variant(name, choice)
        # One order, so that equal worlds are equal however they were written.
        object.__setattr__(self, "overrides", tuple(sorted(dict(self.overrides).items())))

    @property
    def kernel_nodes(self) -> int:
        """Pages of the kernel's page table: its root and one node per upper-half root entry."""
        return 1 + self.entries // 2 if self.pt_frames else 0

    @property
    def pages(self) -> int:
        """Number of pages, and of metadata slots."""
        return self.frames + self.pt_frames

    @property
    def max_paddr(self) -> int:
        """First physical address past the last page."""
        return self.pages * PAGE_SIZE

    def variant(self, name: str) -> str:
        """Return the value of variant `name`: the override, or else the profile's."""
        for key, choice in self.overrides:
            if key == name:
                return choice
        return VARIANT_BY_NAME[name].value_for(self.profile)

    def changed(self, **settings: int | str) -> "World":
        """Return this world with `settings` replaced. Errors: WorldError."""
        return replace(self, **settings)  # type: ignore[arg-type]  # checked in __post_init__

    @classmethod
    def from_settings(cls, settings: Mapping[str, str]) -> "World":
        """Return the world that the `key=text` pairs of a trace or command line describe.

        Errors: WorldError naming the key: unknown, no number, out of limits, or at odds with
        another one.
        """
        values: dict[str, int | str] = {}
        overrides: list[tuple[str, str]] = []
        for key, text in settings.items():
            if key.startswith("variant."):
                _check_variant(key.removeprefix("variant."), text)
                overrides.append((key.removeprefix("variant."), text))
            elif key in CHOICES:
                values[key] = text
            elif key in LIMITS:
                values[key] = _number(key, text)
            else:
                hint = _closest(key, [*LIMITS, *CHOICES])
                raise WorldError(f"unknown world key {key[:40]!r}{hint}", key)
        return cls(**values, overrides=tuple(sorted(overrides)))  # type: ignore[arg-type]  # checked

    def settings(self) -> dict[str, str]:
        """Return what differs from the defaults, in declaration order, as `key: text`."""
        base = World()
        names = [*LIMITS, *CHOICES]
        shown = {
            name: str(getattr(self, name))
            for name in names
            if getattr(self, name) != getattr(base, name)
        }
        return shown | {f"variant.{name}": choice for name, choice in self.overrides}


def _number(key: str, text: str) -> int:
    if not re.fullmatch(r"-?(0[xX][0-9a-fA-F]{1,40}|[0-9]{1,40})", text):
        raise WorldError(f"world {key}={text[:40]!r}: a number is needed", key)
    return int(text, 16 if "x" in text.lower() else 10)


def _check_variant(name: str, choice: str) -> None:
    key = f"variant.{name}"
    variant = VARIANT_BY_NAME.get(name)
    if variant is None:
        hint = _closest(name, list(VARIANT_BY_NAME))
        raise WorldError(f"unknown variant {name[:40]!r}{hint}", key)
    if choice not in variant.values:
        allowed = ", ".join(variant.values)
        raise WorldError(f"world {key}={choice[:40]!r}: allowed are {allowed}", key)


def _closest(word: str, known: list[str]) -> str:
    near = get_close_matches(word, known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else f"; known are {', '.join(known)}"
