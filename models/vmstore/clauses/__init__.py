"""Every invariant as a named clause, with the ids of the specification.

`registry` says what a clause is, `component`, `structural`, `accounting`, `extra`, `handles` and
`lists` hold them in report order, `fused` decides a whole footprint at once, `check` finds out
which clause broke, `breakers` breaks each of them on purpose.
"""

from vmstore.clauses.check import CLAUSES, Violation, violations
from vmstore.clauses.registry import Clause

__all__ = ["CLAUSES", "Clause", "Violation", "violations"]
