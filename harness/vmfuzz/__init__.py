"""vmfuzz: model-based fuzzing of OSTD-style memory management."""

__version__ = "0.1.0"
