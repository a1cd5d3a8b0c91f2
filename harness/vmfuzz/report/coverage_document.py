"""What a set of runs reached, as JSON values: the one source of the text and of the page.

The shape is stable: keys are only ever added, and `version` counts changes that are no additions.
"""

from typing import Any, Final

from vmfuzz.spec_coverage import SpecCoverage, Truth
from vmstore.clauses import CLAUSES
from vmstore.clauses.own import OWN_CLAUSES
from vmstore.goals import AREAS
from vmstore.ops import BY_NAME, GENERATED
from vmstore.possible import CELLS, Cell
from vmstore.preconditions import OP_PRE
from vmstore.world import World

VERSION: Final = 1
Json = dict[str, Any]  # what json.loads returns


def as_document(total: SpecCoverage, code: Json | None = None) -> Json:
    """Return the counts with what was possible, in the order of the model.

    Shape: `cells`, `preconditions`, `clauses` and `goals` have one row per thing there is, reached
    or not; `possible_here` says whether a world of these runs allows it; `code` is None unless
    lines were measured.
    """
    worlds = list(total.worlds)
    document: Json = {
        "version": VERSION,
        "traces": total.traces,
        "steps": total.steps,
        "findings": total.findings,
        "worlds": [
            {"settings": world.settings(), "traces": count} for world, count in total.worlds.items()
        ],
        "cells": [_cell(total, cell, worlds) for cell in CELLS],
        "unlisted": [
            {"op": op, "outcome": word, "count": total.cells[op, word]}
            for op, word in total.unlisted()
        ],
        "preconditions": _preconditions(total),
        "goals": _goals(total, worlds),
        "clauses": _clauses(total),
        "code": code,
    }
    return {"version": VERSION, "summary": summary(document), **document}


def _cell(total: SpecCoverage, cell: Cell, worlds: list[World]) -> Json:
    return {
        "op": cell.op,
        "area": BY_NAME[cell.op].area,
        "outcome": cell.word,
        "count": total.cells.get((cell.op, cell.word), 0),
        "needs": list(cell.needs),
        "possible_here": any(cell.is_possible_in(world) for world in worlds),
    }


def _goals(total: SpecCoverage, worlds: list[World]) -> list[Json]:
    return [
        {
            "id": goal.id,
            "area": area,
            "text": goal.text,
            "count": total.goals[goal.id],
            "needs": list(goal.needs),
            "possible_here": any(goal.is_possible_in(world) for world in worlds),
        }
        for area, goals in AREAS.items()
        for goal in goals
    ]


def _preconditions(total: SpecCoverage) -> list[Json]:
    """Return a row for every truth value that occurred, for `all hold`, and for each one false."""
    rows: list[Json] = []
    for declaration in GENERATED:
        precondition = OP_PRE.get(declaration.op)
        if precondition is None:
            continue
        texts = [conjunct.text for conjunct in precondition.conjuncts]
        expected: list[Truth] = [(), *((text,) for text in texts)]
        seen = sorted(truth for op, truth in total.truths if op == declaration.name)
        for truth in dict.fromkeys([*expected, *seen]):
            outcomes = total.truths.get((declaration.name, truth), {})
            rows.append(
                {
                    "op": declaration.name,
                    "conjuncts": texts,
                    "false": list(truth),
                    "count": sum(outcomes.values()),
                    "outcomes": dict(sorted(outcomes.items())),
                }
            )
    return rows


def _clauses(total: SpecCoverage) -> list[Json]:
    return [
        {
            "id": clause.id,
            "text": clause.text,
            "scope": clause.scope,
            "evaluated": total.clauses[clause.id].evaluated,
            "nonvacuous": total.clauses[clause.id].nonvacuous,
        }
        for clause in (*CLAUSES, *OWN_CLAUSES)
    ]


def summary(document: Json) -> Json:
    """Return how many of each there are, and how many of them were reached.

    `elsewhere` of the missing ones need a setting that no world of these runs had.
    """
    cells = document["cells"]
    reached_ops = {row["op"] for row in cells if row["count"]}
    return {
        "ops": {"reached": len(reached_ops), "of": len(GENERATED)},
        "outcomes": _reached(cells, "count"),
        "preconditions": _reached(document["preconditions"], "count"),
        "goals": _reached(document["goals"], "count"),
        "clauses": _reached(document["clauses"], "nonvacuous"),
    }


def _reached(rows: list[Json], key: str) -> Json:
    reached = sum(row[key] > 0 for row in rows)
    elsewhere = sum(not row[key] and not row.get("possible_here", True) for row in rows)
    return {"reached": reached, "of": len(rows), "elsewhere": elsewhere}


def needs_text(row: Json) -> str:
    """Return what a missing row needs of the world, as a person would say it."""
    words = [need if "=" in need else f"a small {need}" for need in row["needs"]]
    return f"needs {', '.join(words)}" if words and not row["possible_here"] else ""
