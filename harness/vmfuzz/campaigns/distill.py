"""Which traces of a corpus are worth keeping: for each feature, the smallest that shows it."""

from collections.abc import Iterable, Mapping


def keep_smallest(sizes: Mapping[str, int], features: Mapping[str, Iterable[int]]) -> set[str]:
    """Return the names to keep: of the traces that show a feature, the smallest, then by name.

    Requires: every name of `features` is in `sizes`. The order of the arguments does not matter.
    """
    best: dict[int, tuple[int, str]] = {}
    for name, shown in features.items():
        mine = (sizes[name], name)
        for feature in shown:
            if feature not in best or mine < best[feature]:
                best[feature] = mine
    return {name for _, name in best.values()}
