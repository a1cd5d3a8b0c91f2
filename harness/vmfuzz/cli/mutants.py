"""`vmfuzz bench mutants`: whether the oracle notices small changes to the modelled code."""

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

import rich_click as click
from rich.console import Console

from vmfuzz.cli.exits import Exit
from vmfuzz.cli.grids import PlainTable
from vmfuzz.cli.options import IntRange, limit_option, processes_option, seed_option
from vmfuzz.cli.output import print_json, result_console
from vmfuzz.cli.streams import note

if TYPE_CHECKING:
    from vmfuzz.mutants.measure import Score
    from vmfuzz.mutants.verdict import Verdict

_NOTED_EVERY = 25


@click.command("mutants")
@click.option(
    "--module",
    "pattern",
    default="*",
    show_default=True,
    metavar="GLOB",
    help="Modules of the exec layer to mutate, such as segment or 'vm_*'.",
)
@click.option(
    "--sample",
    "amount",
    type=IntRange(1),
    default=100,
    show_default=True,
    help="Mutants to draw; all are tried if there are no more.",
)
@seed_option()
@limit_option("10s", "CPU time for each mutant.")
@processes_option("Processes.")
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
def command(pattern: str, amount: int, seed: int, limit: float, workers: int, as_json: bool) -> int:
    """Change the modelled code in one place at a time, and see whether a run notices.

    Each mutant runs in a process of its own: the regression corpus, then the swarm. Mutants that
    nothing can notice are listed in the sources with an argument and not run. --seed draws the
    sample and the swarm's traces. Exit code 4 if a mutant survived.

    \b
    Examples:
    vmfuzz bench mutants --sample 300 --workers 2
    vmfuzz bench mutants --module segment --time 5s
    """
    from vmfuzz.mutants.catalogue import sample, select
    from vmfuzz.mutants.equivalents import equivalents
    from vmfuzz.mutants.measure import Score, try_all

    drawn = sample(select(pattern), amount, seed)
    order = {mutant.id: at for at, mutant in enumerate(drawn)}
    verdicts: list[Verdict] = []
    for verdict in try_all(drawn, limit, seed, workers, equivalents()):
        verdicts.append(verdict)
        if verdict.fate == "survived":
            note(f"{verdict.mutant} survived")
        if len(verdicts) % _NOTED_EVERY == 0:
            note(f"{len(verdicts)} of {len(drawn)}")
    verdicts.sort(key=lambda verdict: order[verdict.mutant])
    score = Score.of(verdicts)
    if as_json:
        print_json(_document(score, verdicts))
    else:
        _show(result_console(), score, verdicts)
    return int(Exit.INCONCLUSIVE if score.survived else Exit.CLEAN)


def _document(score: "Score", verdicts: "list[Verdict]") -> dict[str, object]:
    from vmfuzz.mutants.catalogue import find

    return {
        "score": asdict(score) | {"rate": score.rate},
        "mutants": [
            asdict(verdict)
            | {"diff": find(verdict.mutant).diff() if verdict.fate == "survived" else None}
            for verdict in verdicts
        ],
    }


def _show(console: Console, score: "Score", verdicts: "list[Verdict]") -> None:
    from vmfuzz.mutants.catalogue import find

    for verdict in verdicts:
        if verdict.fate == "survived":
            console.print(f"survived {verdict.mutant}")
            console.print(find(verdict.mutant).diff() + "\n")
    for verdict in verdicts:
        if verdict.fate == "timed out":
            console.print(f"timed out {verdict.mutant}: {verdict.what}")
    table = PlainTable("operator", *_FATES, figures=slice(1, None))
    operators: Counter[tuple[str, str]] = Counter()
    operators.update((v.mutant.split(":")[2], v.fate) for v in verdicts)
    for operator in sorted({name for name, _ in operators}):
        table.add_row(operator, *(f"{operators[operator, fate]:,}" for fate in _FATES))
    console.print(table)
    stages = Counter(v.stage or "process" for v in verdicts if v.fate == "killed")
    by = ", ".join(f"{stage} {amount}" for stage, amount in sorted(stages.items()))
    console.print(
        f"noticed {100 * score.rate:.1f} % of the {len(verdicts) - score.equivalent} that can be:"
        f" killed {score.killed}" + (f" ({by})" if by else "") + f", timed out {score.timed_out};"
        f" survived {score.survived}; equivalent {score.equivalent}"
    )


_FATES = ("killed", "timed out", "survived", "equivalent")
