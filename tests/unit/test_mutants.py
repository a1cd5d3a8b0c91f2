"""Mutants: what each operator changes, what is left alone, ids, equivalents, the import of one."""

import ast
import subprocess
import sys

import pytest

from vmfuzz.errors import HarnessError, VmfuzzError
from vmfuzz.mutants import catalogue, equivalents
from vmfuzz.mutants.catalogue import find, modules, mutants_of, sample, select
from vmfuzz.mutants.loader import install
from vmfuzz.mutants.measure import Score
from vmfuzz.mutants.operators import OPERATORS, Source
from vmfuzz.mutants.planted import unreachable
from vmfuzz.mutants.trial import worlds
from vmfuzz.mutants.verdict import Verdict, decode, encode


def mutated(operator: str, code: str, *, returns: str = "") -> list[str]:
    """Return every mutant of `code` that an operator makes, in the order of the tree."""
    source = Source(code)
    found = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Return):
            node.returns = returns  # type: ignore[attr-defined]  # as the catalogue's walk does
        for start, end, text in OPERATORS[operator](source, node):
            found.append(code[:start] + text + code[end:])
    return found


@pytest.mark.parametrize(
    ("operator", "code", "expected"),
    [
        ("compare", "a < b", ["a <= b", "a >= b"]),
        ("compare", "a is not b", ["a is b"]),
        ("compare", "a not  in b", ["a in b"]),
        ("compare", "0 <= a < b", ["0 < a < b", "0 > a < b", "0 <= a <= b", "0 <= a >= b"]),
        ("compare", "(a) == (b)", ["(a) != (b)"]),
        ("arithmetic", "a // b", ["a * b"]),
        ("arithmetic", "a << 2", ["a >> 2"]),
        ("arithmetic", "-a", ["a"]),
        ("arithmetic", "~a", ["a"]),
        ("arithmetic", "a += 1", ["a -= 1"]),
        ("constant", "7", ["8", "6"]),
        ("constant", "0", ["1"]),
        ("constant", "0x10", ["17", "15"]),
        ("constant", "True", ["False"]),
        ("constant", "'free'", ["'free-mutated'"]),
        ("constant", "None", []),
        ("boolean", "a and b and c", ["a or b or c"]),
        ("boolean", "band or b", ["band and b"]),
        ("boolean", "not a", ["a"]),
        ("boolean", "b if a else c", ["b if not (a) else c"]),
        ("boolean", "b if a < 1 else c", []),
        ("statement", "f(x)", ["pass"]),
        ("statement", "a.b = 1", ["pass"]),
        ("statement", "a = 1", []),
        ("statement", "'text'", []),
        ("statement", "raise E", ["pass"]),
        ("argument-swap", "f(m, a, b)", ["f(m, b, a)"]),
        ("argument-swap", "f(a, a)", []),
        ("argument-swap", "min(a, b)", []),
        ("argument-swap", "f(a,\n  b)", ["f(b,\n  a)"]),
    ],
)
def test_an_operator_changes_one_place(operator: str, code: str, expected: list[str]) -> None:
    assert mutated(operator, code) == expected


@pytest.mark.parametrize(
    ("returns", "expected"),
    [
        ("bool", "not (a < b)"),
        ("int", "(a < b) + 1"),
        ("list[int]", "[]"),
        ("Outcome", "None"),
        ("int | None", "None"),
    ],
)
def test_a_returned_value_changes_by_its_type(returns: str, expected: str) -> None:
    assert mutated("return-value", "def f(): return a < b", returns=returns) == [
        f"def f(): return {expected}"
    ]


def test_a_constant_that_is_returned_is_mutated_once() -> None:
    assert mutated("return-value", "def f(): return True", returns="bool") == []


def test_a_tree_counts_bytes_and_a_text_characters() -> None:
    assert mutated("compare", "'ü' < b") == ["'ü' <= b", "'ü' >= b"]


def left(code: str) -> list[str]:
    """Return the calls of `code` that planted bugs do not own."""
    tree = ast.parse(code)
    dead = unreachable(tree, set())
    return [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and node not in dead
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("if m.faults.x: a()\nelse: b()", ["b()"]),
        ("if not m.faults.x: a()\nelse: b()", ["a()"]),
        ("if m.faults.x and a(): b()", []),
        ("if m.faults.x or a(): b()", ["b()", "a()"]),
        ("if a() and not m.faults.x: b()", ["b()", "a()"]),
        ("c = a() if m.faults.x else b()", ["b()"]),
        ("faults = m.faults\nif faults.x: a()", []),
        ("faults, d = m.faults, a()\nif faults.x: b()", ["a()"]),
        ("flag = m.faults.x\nif flag: a()", []),
        ("if a():\n  if m.faults.x: b()", []),
        ("if not m.faults.x: raise a()\nb()", ["a()"]),
        ("c = a() if m.faults.x else None\nif c is not None: b()", []),
        ("if m.faults.x if a() else m.faults.y: b()", []),
        ("if m.asserts: a()", ["a()"]),
    ],
)
def test_code_of_planted_bugs_is_left_alone(body: str, expected: list[str]) -> None:
    lines = "\n".join(f"  {line}" for line in body.splitlines())

    assert sorted(left(f"def f(m):\n{lines}\n")) == sorted(expected)


def test_a_function_that_only_planted_bugs_call_is_left_alone() -> None:
    code = "def f(m):\n if m.faults.x: _g()\ndef _g(): _h()\ndef _h(): a()\n"

    assert left(code) == []


def test_a_constant_that_only_planted_bugs_use_is_left_alone() -> None:
    tree = ast.parse("A: int = 1\nB: int = 2\ndef f(m):\n if m.faults.x: g(A, B)\n")
    dead = unreachable(tree, {"B"})

    assert [node in dead for node in tree.body] == [True, False, False]


@pytest.mark.slow
@pytest.mark.parametrize("module", modules())
def test_every_mutant_is_a_different_program(module: str) -> None:
    original = ast.dump(ast.parse(catalogue.module_text(module)))

    for mutant in mutants_of(module):
        assert ast.dump(ast.parse(mutant.source())) != original, mutant.id


def test_ids_and_contexts_are_unique_and_found_again() -> None:
    every = select("*")

    assert len({mutant.id for mutant in every}) == len(every) > 2000
    assert len({mutant.context for mutant in every}) == len(every)
    assert {mutant.operator for mutant in every} == set(OPERATORS)
    assert find(every[100].id) == every[100]


def test_a_context_does_not_move_with_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    module = "exec/rcu.py"
    before = mutants_of(module)
    text = catalogue.module_text(module)
    mutants_of.cache_clear()
    monkeypatch.setattr(catalogue, "module_text", lambda _: text.replace("from", "\n\nfrom", 1))
    after = mutants_of(module)
    mutants_of.cache_clear()

    assert [mutant.context for mutant in after] == [mutant.context for mutant in before]
    assert [mutant.id for mutant in after] != [mutant.id for mutant in before]


def test_docstrings_annotations_and_slots_have_no_mutants() -> None:
    for mutant in select("*"):
        assert "__slots__" not in mutant.context.code
        assert '"""' not in catalogue.module_text(mutant.module)[mutant.start : mutant.end]


def test_a_diff_shows_the_change_alone() -> None:
    mutant = select("rcu")[0]
    lines = mutant.diff().splitlines()

    assert lines[:2] == ["--- exec/rcu.py", "+++ exec/rcu.py"]
    assert sum(line.startswith("-") for line in lines[2:]) == 1
    assert sum(line.startswith("+") for line in lines[2:]) == 1


def test_a_sample_is_a_function_of_its_seed() -> None:
    every = select("*")

    assert sample(every, 20, 1) == sample(every, 20, 1) != sample(every, 20, 2)
    assert sample(every, 10**6, 1) == every


def test_a_pattern_without_a_module_names_the_closest() -> None:
    with pytest.raises(VmfuzzError, match=r"no module matches 'segmnt' \(did you mean 'segment'"):
        select("segmnt")
    with pytest.raises(VmfuzzError, match=r"no mutant 'exec/rcu.py:1:x:0'"):
        find("exec/rcu.py:1:x:0")


def test_no_entry_of_the_equivalents_is_stale() -> None:
    assert equivalents.equivalents().stale() == []


def test_an_equivalent_is_known_by_its_context() -> None:
    mutant = select("rcu")[0]
    context = mutant.context
    entry = (
        f"[[equivalent]]\nmodule = '{context.module}'\nfunction = '{context.function}'\n"
        f'code = """{context.code}"""\nchanges = ["{context.change}#{context.ordinal}"]\n'
        "because = 'of this'\n"
    )
    known = equivalents.parse(entry)
    moved = equivalents.parse(entry.replace("rcu", "gone"))

    assert known.argument(mutant) == "of this"
    assert known.argument(select("rcu")[1]) is None
    assert known.stale() == []
    assert [context.module for context in moved.stale()] == ["exec/gone.py"]
    with pytest.raises(HarnessError, match="entry 2 repeats"):
        equivalents.parse(entry + entry)
    with pytest.raises(HarnessError, match="entry 1 needs because"):
        equivalents.parse(entry.replace("because", "since"))


CHANGED = """
import sys
from pathlib import Path
from vmfuzz.mutants.catalogue import MODELS
from vmfuzz.mutants.loader import install
text = (MODELS / "arch.py").read_text() + "\\nCHANGED = True\\n"
install({"vmstore.arch": text})
import vmstore.arch, vmstore.cells
print(vmstore.arch.CHANGED, vmstore.arch.__cached__, Path(vmstore.cells.__file__).suffix)
"""


def test_a_changed_module_is_imported_instead_of_its_file() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHANGED], capture_output=True, text=True, check=True
    )
    changed, _, suffix = done.stdout.split()
    fresh = subprocess.run(
        [sys.executable, "-c", "import vmstore.arch; print(hasattr(vmstore.arch, 'CHANGED'))"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert (changed, suffix) == ("True", ".py")
    assert fresh.stdout == "False\n"  # no bytecode of the change was left behind


def test_a_module_that_was_imported_cannot_be_changed() -> None:
    with pytest.raises(HarnessError, match=r"vmstore\.arch: imported before"):
        install({"vmstore.arch": ""})


def test_a_verdict_crosses_a_pipe_and_nothing_else_does() -> None:
    verdict = Verdict("exec/rcu.py:1:x:0", "killed", "swarm", "ACCT.3c/frame_drop", "", 1.5, 300)

    assert decode(encode(verdict), verdict.mutant) == verdict
    assert decode(encode(verdict), "another") is None
    assert decode(b"", verdict.mutant) is None
    assert decode(b'{"mutant": 1}\n', verdict.mutant) is None
    assert decode(encode(verdict).replace(b"killed", b"risen"), verdict.mutant) is None


def test_the_score_leaves_equivalents_out() -> None:
    fates = ["killed", "killed", "timed out", "survived", "equivalent"]
    score = Score.of([Verdict("", fate) for fate in fates])  # type: ignore[arg-type]  # literals

    assert score == Score(killed=2, timed_out=1, survived=1, equivalent=1)
    assert score.rate == 0.75
    assert Score.of([]).rate == 1.0


def test_the_swarm_goes_through_every_variant() -> None:
    seen = worlds()

    assert {world.profile for world in seen} == {"ostd", "vostd", "seed"}
    assert {name for world in seen for name, _ in world.overrides} >= {"map_over", "rollback"}
    assert all(world.settings() == {} for world in seen[::2])


def test_a_worker_gets_ready_without_the_layer_that_is_mutated() -> None:
    code = "from vmfuzz.mutants.child import prepare; prepare()"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
