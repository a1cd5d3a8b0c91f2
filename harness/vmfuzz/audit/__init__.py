"""Tests what the proof trusts: its contracts on running traces, for satisfiability, by probes."""
