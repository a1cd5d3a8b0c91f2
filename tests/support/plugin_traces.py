"""Traces and projects that the tests of the plugin start from.

A pytest run inside of this process forgets what it imported, all but the packages themselves; so
everything that such a run needs is imported once and for all.
"""

from pathlib import Path

import vmfuzz.engines.swarm_engine
import vmfuzz.testing.active
import vmfuzz.testing.campaigns
import vmfuzz.testing.update  # noqa: F401

FAULT = "segment-clone-misses-last"
BROKEN = "ACCT.3c"
STEPS = "s0 = segment_from_unused(start=0x0, end=0x1000)\ns1 = segment_clone(segment=s0)\n"
CLEAN = f"#vmfuzz-trace 1\nworld\n{STEPS}"
FAILS = f"#vmfuzz-trace 1\nworld\nfault {FAULT}\n{STEPS}"
KNOWN = f"#vmfuzz-trace 1\nworld\nfault {FAULT}\nexpect {BROKEN} at 1\n{STEPS}"
SETTINGS = "[pytest]\nvmfuzz_corpora = corpus\n"


def project(folder: Path) -> Path:
    """Make a project whose `corpus` is replayed, and a trace outside of it that is not."""
    folder.mkdir(exist_ok=True)
    (folder / "tox.ini").write_text(SETTINGS)
    (folder / "elsewhere.trace").write_text(FAILS)
    corpus = folder / "corpus"
    (corpus / "deep").mkdir(parents=True)
    (corpus / "clean.trace").write_text(CLEAN)
    (corpus / "deep" / "known.trace").write_text(KNOWN)
    return corpus
