"""Packages that offer clauses and faults: every command finds them, and names the broken."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from acme_package import CLAUSE, EXAMPLE, FAULT, install
from vmstore.clauses import CLAUSES

Vmfuzz = Callable[..., subprocess.CompletedProcess[str]]


def path_of(*folders: Path) -> str:
    return os.pathsep.join([*map(str, folders), os.environ.get("PYTHONPATH", "")])


def with_clause(site: Path, holds: str) -> Path:
    """Install the example with another condition of its clause."""
    module = install(site) / "acme_vm.py"
    text = module.read_text()
    condition = "case.head.list_id < case.state.machine.next_list_id"
    assert text.count(condition) == 1
    module.write_text(text.replace(condition, holds))
    return site


@pytest.fixture
def acme(tmp_path: Path) -> str:
    return path_of(install(tmp_path / "site"))


@pytest.mark.slow
def test_the_commands_know_what_a_package_offers(vmfuzz: Vmfuzz, acme: str) -> None:
    replayed = vmfuzz("replay", EXAMPLE / "traces", PYTHONPATH=acme)
    faults = vmfuzz("model", "faults", "--component", "extension", "--json", PYTHONPATH=acme)
    doctor = vmfuzz("doctor", "--json", PYTHONPATH=acme)

    assert replayed.returncode == 0
    assert f"{CLAUSE}/list_push_front as expected" in replayed.stdout
    (listed,) = json.loads(faults.stdout)["faults"]
    assert (listed["id"], listed["clause"], listed["planted"]) == (FAULT, CLAUSE, True)
    looks = {look["name"]: look["detail"] for look in json.loads(doctor.stdout)["checks"]}
    assert looks["vmfuzz.clauses acme"] == f"acme-vm 1.0: {CLAUSE}"
    assert looks["vmfuzz.faults acme"] == f"acme-vm 1.0: {FAULT}"


@pytest.mark.slow
def test_campaigns_workers_and_reports_know_it_too(
    vmfuzz: Vmfuzz, acme: str, tmp_path: Path
) -> None:
    plan = ("--fault", FAULT, "--steps", 60_000, "--stop-on", "first", "--out", "night")
    found = vmfuzz("fuzz", *plan, "--workers", 1, "--json", PYTHONPATH=acme)
    reported = vmfuzz("report", "night", PYTHONPATH=acme)

    assert found.returncode == 1
    (bucket,) = (tmp_path / "night").rglob("min.trace")
    assert bucket.parent.name.startswith(f"{CLAUSE}--")
    assert reported.returncode in {0, 1}
    page = next(iter((tmp_path / "night").rglob("*.html"))).read_text()
    assert "the id of a list is below the next one to be handed out" in page


@pytest.mark.slow
def test_the_clause_is_listed_with_what_is_known_of_it(vmfuzz: Vmfuzz, acme: str) -> None:
    listed = vmfuzz("model", "clauses", "--json", PYTHONPATH=acme)

    rows = {row["id"]: row for row in json.loads(listed.stdout)["clauses"]}
    assert len(rows) == len(CLAUSES) + 1
    assert rows[CLAUSE]["seen_to_fail"] is True
    assert rows[CLAUSE]["nonvacuous"] > 0


def test_coverage_counts_where_the_clause_applied(vmfuzz: Vmfuzz, acme: str) -> None:
    done = vmfuzz("coverage", EXAMPLE / "traces" / "two-lists.trace", "--json", PYTHONPATH=acme)

    assert done.returncode == 0, done.stderr
    rows = {row["id"]: row for row in json.loads(done.stdout)["clauses"]}
    assert rows[CLAUSE]["evaluated"] >= rows[CLAUSE]["nonvacuous"] > 0


def test_without_the_package_its_traces_say_what_is_missing(vmfuzz: Vmfuzz) -> None:
    replayed = vmfuzz("replay", EXAMPLE / "traces")

    assert replayed.returncode == 2
    assert f"unknown fault '{FAULT}'; ids with a dot belong to an extension" in replayed.stdout


@pytest.mark.parametrize(
    ("point", "problem"),
    [
        ("acme = acme_wm:CLAUSES", "cannot load acme_wm:CLAUSES: ModuleNotFoundError: No module"),
        ("acme = acme_vm:CLAUSE", "cannot load acme_vm:CLAUSE: AttributeError"),
        ("acme = acme_vm:FAULTS", "expected a tuple of Clause, OwnFault"),
        ("acme = leaves:CLAUSES", "cannot load leaves:CLAUSES: SystemExit: 7"),
        ("other = acme_vm:CLAUSES", f"clause '{CLAUSE}': its id must begin with 'other.'"),
    ],
)
def test_a_broken_entry_point_is_named_with_its_distribution(
    vmfuzz: Vmfuzz, tmp_path: Path, point: str, problem: str
) -> None:
    site = install(tmp_path / "site", clauses=point)
    (site / "leaves.py").write_text("import sys\nsys.exit(7)\n")

    done = vmfuzz("model", "quirks", PYTHONPATH=path_of(site))

    assert done.returncode == 2
    name = point.partition(" ")[0]
    expected = f"extension '{name}' of acme-vm 1.0 (vmfuzz.clauses): {problem}"
    assert expected in done.stderr


@pytest.mark.parametrize(
    ("clause", "problem"),
    [
        (
            "acme.list-ids-move",
            f"no clause is called 'acme.list-ids-move' (did you mean '{CLAUSE}'?)",
        ),
        ("ACCT.3x", "no clause is called 'ACCT.3x' (did you mean 'ACCT.3"),
        ("VIEW.O6", ""),  # of the oracle: about events
        ("OUT.list_push_back", ""),
        ("", ""),
    ],
)
def test_a_fault_names_a_clause_that_exists(
    vmfuzz: Vmfuzz, tmp_path: Path, clause: str, problem: str
) -> None:
    site = install(tmp_path / "site")
    module = site / "acme_vm.py"
    text = module.read_text()
    assert text.count(f'clause="{CLAUSE}"') == 1
    module.write_text(text.replace(f'clause="{CLAUSE}"', f'clause="{clause}"'))

    done = vmfuzz("model", "quirks", PYTHONPATH=path_of(site))

    assert done.returncode == (2 if problem else 0)
    where = f"extension 'acme' of acme-vm 1.0 (vmfuzz.faults): fault {FAULT}: "
    assert (f"{where}{problem}" in done.stderr) == bool(problem)


@pytest.mark.slow
def test_doctor_goes_on_and_fails(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    site = install(tmp_path / "site", clauses="acme = acme_wm:CLAUSES")

    done = vmfuzz("doctor", "--json", PYTHONPATH=path_of(site))

    looks = {look["name"]: look for look in json.loads(done.stdout)["checks"]}
    assert done.returncode == 3
    assert looks["vmfuzz.clauses acme"]["state"] == "FAIL"
    assert "acme-vm 1.0: cannot load acme_wm:CLAUSES" in looks["vmfuzz.clauses acme"]["detail"]
    assert looks["oracle"]["state"] == "ok"
    engines = [look for name, look in looks.items() if name.startswith("engine ")]
    assert {(look["state"], look["detail"]) for look in engines} == {
        ("skipped", "not tried: see above")
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("holds", "said"),
    [
        ("case.head.no_such_thing", f"clause {CLAUSE}: AttributeError: "),
        ("case.head.list_id < 0", f"clean model: {CLAUSE}/list_"),
    ],
    ids=["raises", "false"],
)
def test_doctor_says_which_clause_does_not_fit(
    vmfuzz: Vmfuzz, tmp_path: Path, holds: str, said: str
) -> None:
    done = vmfuzz("doctor", "--json", PYTHONPATH=path_of(with_clause(tmp_path / "site", holds)))

    looks = {look["name"]: look for look in json.loads(done.stdout)["checks"]}
    assert done.returncode == 3
    assert looks["vmfuzz.clauses acme"]["state"] == "ok"
    assert looks["engine hypothesis"]["state"] == "FAIL"
    assert said in looks["engine hypothesis"]["detail"]
    assert looks["temporary folder"]["state"] == "ok"  # the table is whole


def test_a_clause_that_raises_is_named_with_step_and_trace(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    site = with_clause(tmp_path / "site", "case.head.no_such_thing")
    trace = EXAMPLE / "traces" / "two-lists.trace"
    lines = trace.read_text().splitlines()
    steps = [line for line in lines if line[:1] not in {"#", ""} and "(" in line]
    first = next(at for at, line in enumerate(steps) if "list_push_" in line)
    op = steps[first].rpartition("= ")[2].partition("(")[0]

    done = vmfuzz("replay", trace, PYTHONPATH=path_of(site))
    fuzzed = vmfuzz("fuzz", "--steps", 100_000, "--workers", 1, PYTHONPATH=path_of(site))

    assert done.returncode == 3
    assert f"clause {CLAUSE}: AttributeError: " in done.stderr
    assert f", at step {first} ({op}) of {trace}\n" in done.stderr
    assert fuzzed.returncode == 3
    assert f"clause {CLAUSE}: AttributeError: " in fuzzed.stderr
    assert ", at step " in fuzzed.stderr


def test_two_packages_cannot_offer_the_same_ids(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    sites = [install(tmp_path / name, name) for name in ("acme-vm", "acme-fork")]

    done = vmfuzz("model", "quirks", PYTHONPATH=path_of(*sites))

    assert done.returncode == 2
    assert f"clause '{CLAUSE}' is registered twice" in done.stderr


def test_a_fault_that_raises_is_no_defect_of_vmfuzz(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    site = install(tmp_path / "site")
    module = site / "acme_vm.py"
    module.write_text(module.read_text().replace("machine.next_list_id = before", "1 / 0"))

    done = vmfuzz("replay", EXAMPLE / "traces", PYTHONPATH=path_of(site))

    assert done.returncode == 3
    assert f"fault {FAULT}: ZeroDivisionError: division by zero" in done.stderr
    assert "this is a defect of an extension, not a finding" in done.stderr


@pytest.mark.slow
def test_the_tests_of_the_example_pass(tmp_path: Path) -> None:
    site = install(tmp_path / "site")
    project = tmp_path / "project"
    shutil.copytree(EXAMPLE, project)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": path_of(site)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout


@pytest.mark.slow
def test_the_example_can_be_installed(tmp_path: Path) -> None:
    """In an environment of its own, which borrows what vmfuzz needs from this one."""
    pytest.importorskip("hatchling", reason="hatchling is not installed")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True, timeout=110)
    python = tmp_path / "venv" / "bin" / "python"
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run([python, "-c", where], capture_output=True, text=True, check=True)
    borrowed = [folder for folder in sys.path if folder and Path(folder).is_dir()]
    Path(site.stdout.strip(), "borrowed.pth").write_text("\n".join(borrowed) + "\n")
    project = tmp_path / "project"
    shutil.copytree(EXAMPLE, project)

    install_it = [
        str(python),
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        ".",
    ]
    subprocess.run(install_it, cwd=project, check=True, timeout=110)
    replay = [str(python), "-m", "vmfuzz", "replay", "traces"]
    done = subprocess.run(replay, cwd=project, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("ok: 2 of 2 as expected\n")
