"""What the options and ini keys of a run say, checked."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from vmfuzz.durations import parse_duration

OUT: Final = "vmfuzz-out"  # where every command of vmfuzz keeps what it finds
_MAX_SEED: Final = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a run.

    Shape: `corpora` are absolute folders, those named on the command line in `added`, too.
    Units: `seconds` per campaign, None for each its own; likewise `seed`.
    """

    corpora: tuple[Path, ...]
    added: tuple[Path, ...]
    profile: str
    seconds: float | None
    seed: int | None
    update: bool
    report: Path | None
    is_schema_strict: bool
    findings: Path


_KEY: Final = pytest.StashKey[Settings]()


def settings(config: pytest.Config) -> Settings:
    """Return the settings of this run. Errors: UsageError naming option, value, what is allowed."""
    if _KEY not in config.stash:
        config.stash[_KEY] = _read(config)
    return config.stash[_KEY]


def _read(config: pytest.Config) -> Settings:
    here, option = config.invocation_params.dir, config.getoption
    for name in ("corpora", "profile", "report"):
        given = option(f"vmfuzz_{name}")
        if given == "" or (isinstance(given, list) and "" in given):  # an unset shell variable
            raise pytest.UsageError(f"--vmfuzz-{name}: the value is empty")
    added = tuple(_absolute(here, name) for name in option("vmfuzz_corpora"))
    report = option("vmfuzz_report")
    folder = _absolute(here, report) if report else None
    return Settings(
        corpora=(*(_absolute(here, root) for root in config.getini("vmfuzz_corpora")), *added),
        added=added,
        profile=_profile(option("vmfuzz_profile") or config.getini("vmfuzz_profile")),
        seconds=_seconds(option("vmfuzz_time")),
        seed=_seed(option("vmfuzz_seed")),
        update=option("vmfuzz_update"),
        report=folder,
        is_schema_strict=config.getini("vmfuzz_strict_schema"),
        findings=folder / "findings" if folder else config.rootpath / OUT / "pytest",
    )


def _absolute(here: Path, name: str | Path) -> Path:
    return Path(os.path.abspath(here / name))


def _profile(name: str) -> str:
    if name == "ostd":  # a run without one need not load the model
        return name
    from vmfuzz.errors import closest
    from vmstore.variants import PROFILES

    if name not in PROFILES:
        hint = closest(name[:40], PROFILES)
        raise pytest.UsageError(f"vmfuzz_profile: unknown profile {name[:40]!r}{hint}")
    return name


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise pytest.UsageError(f"--vmfuzz-time: {error}") from None


def _seed(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) <= _MAX_SEED):
        raise pytest.UsageError(f"--vmfuzz-seed: {text[:40]!r}: allowed are 0 to {_MAX_SEED}")
    return int(text)
