"""vmfuzz: model-based fuzzing of OSTD-style memory management."""

import os

if os.environ.get("VMFUZZ_PURE"):
    import vmstore  # noqa: F401  # from now on, no compiled module is imported

__version__ = "0.1.0"
