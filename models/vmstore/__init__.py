"""An executable model of OSTD-style memory management: the code, its meaning, its invariants.

Standard library only. Read `ops/` for the alphabet, `exec/` for what the code does, `store.py`
and `view/` for what it means, `clauses/` for what must hold in between.
"""

from vmstore.sources import prefer_sources

prefer_sources()
