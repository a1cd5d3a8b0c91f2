"""`vmfuzz init` as a user meets it: what it writes, what it leaves, what it refuses."""

import json
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

Vmfuzz = Callable[..., subprocess.CompletedProcess[str]]
AGENT = Path(__file__).parents[2] / "docs" / "examples" / "python-agent" / "agent.py"
WORKFLOWS = (".github/workflows/vmfuzz-nightly.yml", ".github/workflows/vmfuzz.yml")
FILES = (*WORKFLOWS, "known.toml", "pyproject.toml", "tests/traces/README.md")


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes().decode() for path in files}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    (folder / ".git").mkdir(parents=True)
    return folder


def test_everything_is_written_once(vmfuzz: Vmfuzz, repository: Path) -> None:
    first = vmfuzz("init", "repository")
    written = contents(repository)
    second = vmfuzz("init", "repository")

    assert (first.returncode, second.returncode) == (0, 0)
    assert sorted(written) == sorted(FILES)
    assert "ok: 5 written, 0 left as they were" in first.stdout
    assert first.stdout.splitlines()[-1].startswith("next: commit this")
    assert "ok: 0 written, 5 left as they were" in second.stdout
    assert contents(repository) == written
    assert "@" not in written["pyproject.toml"]
    assert '"@' not in written[WORKFLOWS[0]] + written[WORKFLOWS[1]]


def test_what_it_writes_is_what_the_other_commands_read(vmfuzz: Vmfuzz, repository: Path) -> None:
    vmfuzz("init", "repository")
    settings = tomllib.loads((repository / "pyproject.toml").read_text())
    options = ("--config", "repository/pyproject.toml", "--known", "repository/known.toml")
    traces = ("--replay", "repository/tests/traces")
    fuzzed = vmfuzz("fuzz", "--steps", 500, *options, *traces, "--workers", 1)

    assert settings["tool"]["vmfuzz"]["known"] == "known.toml"
    assert settings["tool"]["pytest"]["ini_options"]["vmfuzz_corpora"] == ["tests/traces"]
    assert fuzzed.returncode == 0, fuzzed.stderr
    assert "clean: nothing found" in fuzzed.stdout


def test_a_dry_run_shows_and_writes_nothing(vmfuzz: Vmfuzz, repository: Path) -> None:
    (repository / "known.toml").write_text("")
    dry = vmfuzz("init", "repository", "--dry-run")

    assert dry.returncode == 0
    assert "would leave  known.toml: it is there, and differs" in dry.stdout
    assert "would write  .github/workflows/vmfuzz.yml\n    # Written by" in dry.stdout
    assert dry.stdout.endswith("dry run: 4 to write, 1 to leave\n")
    assert list(contents(repository)) == ["known.toml"]


def test_nothing_that_is_there_changes(vmfuzz: Vmfuzz, repository: Path) -> None:
    (repository / ".github" / "workflows").mkdir(parents=True)
    (repository / WORKFLOWS[1]).write_text("mine\n")
    (repository / "known.toml").symlink_to("nowhere")
    done = vmfuzz("init", "repository", "--json")

    document = json.loads(done.stdout)
    actions = {file["path"]: file["action"] for file in document["files"]}
    assert actions == dict.fromkeys(FILES, "write") | {
        WORKFLOWS[1]: "leave",
        "known.toml": "leave",
    }
    assert (repository / WORKFLOWS[1]).read_text() == "mine\n"
    assert not (repository / "known.toml").exists()
    assert (repository / WORKFLOWS[0]).exists()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("tail", ["", "# no line end after this"])
def test_tables_come_at_the_end_and_the_rest_stays(
    vmfuzz: Vmfuzz, repository: Path, end: str, tail: str
) -> None:
    before = end.join(["[project]", 'name = "kernel" # ours', "[tool.ruff]", "line-length=9", tail])
    (repository / "pyproject.toml").write_bytes(before.encode())
    done = vmfuzz("init", "repository")

    after = (repository / "pyproject.toml").read_bytes().decode()
    assert done.returncode == 0
    assert "added to     pyproject.toml" in done.stdout
    assert after.startswith(before)
    assert after.count("\n") == after.count(end)
    document = tomllib.loads(after)
    assert document["project"] == {"name": "kernel"}
    assert set(document["tool"]) == {"ruff", "vmfuzz", "pytest"}


def test_settings_that_are_there_are_left(vmfuzz: Vmfuzz, repository: Path) -> None:
    before = '[tool.vmfuzz]\ntime = "1m"\n[tool.pytest.ini_options]\ntestpaths = ["x"]\n'
    (repository / "pyproject.toml").write_text(before)
    done = vmfuzz("init", "repository")

    assert (repository / "pyproject.toml").read_text() == before
    assert "left         pyproject.toml: it has [tool.vmfuzz]; it has [tool.pytest];" in done.stdout
    hint = 'add vmfuzz_corpora = ["tests/traces"] to its options in pyproject.toml'
    assert hint in done.stdout


@pytest.mark.parametrize(
    ("name", "text", "is_hinted"),
    [
        ("pytest.ini", "[pytest]\n", True),
        ("setup.cfg", "[tool:pytest]\n", True),
        ("tox.ini", "[pytest]\nvmfuzz_corpora = tests/traces\n", False),
    ],
)
def test_options_of_pytest_stay_in_one_file(
    vmfuzz: Vmfuzz, repository: Path, name: str, text: str, is_hinted: bool
) -> None:
    (repository / name).write_text(text)
    done = vmfuzz("init", "repository")

    assert set(tomllib.loads((repository / "pyproject.toml").read_text())["tool"]) == {"vmfuzz"}
    assert (f"to its options in {name}" in done.stdout) == is_hinted


def test_a_live_agent_is_in_workflows_and_settings(vmfuzz: Vmfuzz, repository: Path) -> None:
    command = "./agent --name 'a \"b\"' \\x"
    done = vmfuzz("init", "repository", "--sut", command)

    settings = tomllib.loads((repository / "pyproject.toml").read_text())["tool"]["vmfuzz"]
    assert done.returncode == 0
    assert settings == {"sut": command, "known": "known.toml"}
    for name in WORKFLOWS:
        line = next(x for x in (repository / name).read_text().splitlines() if "  SUT: " in x)
        assert json.loads(line.partition(": ")[2].partition(" # ")[0]) == command


def test_what_pip_installs_is_asked_for_or_remarked_upon(vmfuzz: Vmfuzz, repository: Path) -> None:
    chosen = vmfuzz("init", "repository", "--dry-run", "--install", "vmfuzz @ git+https://h/r@1")
    default = vmfuzz("init", "repository", "--dry-run")

    assert 'VMFUZZ: "vmfuzz @ git+https://h/r@1"' in chosen.stdout
    assert chosen.stderr == ""
    assert 'VMFUZZ: "vmfuzz[atheris]' in default.stdout


def test_a_folder_that_is_no_repository_is_remarked_upon(vmfuzz: Vmfuzz, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    done = vmfuzz("init", "plain")

    assert done.returncode == 0
    assert "plain: no root of a git repository" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: no such folder; make it first"),
        (["file"], "file: not a folder"),
        ([""], "the path is empty"),
        (["/proc"], "cannot write"),
        ([".", "--sut", ""], "--sut: the command is empty"),
        ([".", "--sut", "'"], "--sut"),
        ([".", "--sut", "./a\nb"], "--sut './a\\nb': a control character or a line end in it"),
        ([".", "--sut", "./a ${{ secrets.X }}"], "a workflow would evaluate what '${{' begins"),
        ([".", "--install", "x" * 3000], "--install: longer than 2000 characters"),
        (["link-out"], "a link that leads out of"),
        (["in-the-way"], "not a folder, and in the way of one"),
        (["no-toml"], "pyproject.toml: no TOML"),
        (["inline"], "no place for tool.vmfuzz, tool.pytest: 'tool' is written inline"),
        (["bytes"], "pyproject.toml: not UTF-8 text"),
        (["settings-link"], "a link that leads out of"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_a_mistake_is_named_and_nothing_is_written(
    vmfuzz: Vmfuzz, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "elsewhere").mkdir()
    for name in ("link-out", "in-the-way", "no-toml", "inline", "bytes", "settings-link"):
        (tmp_path / name).mkdir()
    (tmp_path / "link-out" / ".github").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in-the-way" / "tests").write_text("")
    (tmp_path / "no-toml" / "pyproject.toml").write_text("[tool\n")
    (tmp_path / "inline" / "pyproject.toml").write_text("tool = {a = 1}\n")
    (tmp_path / "bytes" / "pyproject.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "settings-link" / "pyproject.toml").symlink_to(tmp_path / "elsewhere" / "x.toml")
    (tmp_path / "elsewhere" / "x.toml").write_text("")
    before = contents_of_all(tmp_path)
    done = vmfuzz("init", *arguments)

    assert done.returncode == 2
    assert message in " ".join((done.stdout + done.stderr).split())
    assert contents_of_all(tmp_path) == before


def contents_of_all(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_one_process_fails_on_new_findings_alone_where_asked(vmfuzz: Vmfuzz) -> None:
    fault = ("--fault", "teardown-keeps-storage")
    run = ("fuzz", "--steps", 2000, "--seed", 1, "--stop-on", "never", *fault, "--out", "out")
    first = vmfuzz(*run, "--fail-on", "new")
    again = vmfuzz(*run, "--fail-on", "new")
    strict = vmfuzz(*run)

    assert [done.returncode for done in (first, again, strict)] == [1, 0, 1]
    assert "clean: nothing new (" in again.stdout


def test_a_live_system_is_let_pass_what_is_known_until_its_day(
    vmfuzz: Vmfuzz, tmp_path: Path
) -> None:
    right = "return self.new_handle(paddr // PAGE, 1)"
    text = AGENT.read_text().replace(right, right.replace(", 1)", ", 0)"))  # met at once
    (tmp_path / "agent.py").write_text(text)
    name = "DIVERGE.slots/frame_from_unused"
    entry = f'[[known]]\nid = "{name}"\nreason = "ours"\nexpires = "2027-01-31"\n'
    (tmp_path / "known.toml").write_text(entry)
    run = ("fuzz", "--sut", shlex.join([sys.executable, "agent.py"]), "--steps", 40)
    known = ("--known", "known.toml", "--stop-on", "never", "--today")
    passed = vmfuzz(*run, "--out", "passed", *known, "2027-01-31")
    expired = vmfuzz(*run, "--out", "expired", *known, "2027-02-01")
    report = json.loads(vmfuzz("report", "passed", "--json", "--issues", "texts").stdout)

    assert (passed.returncode, expired.returncode) == (0, 1)
    assert "has expired, so it counts again" in expired.stderr
    rows = [(row["signature"], row["status"], row["reason"]) for row in report["buckets"]]
    assert rows == [(name, "known", "ours")]
    assert not (tmp_path / "texts").exists()
    vmfuzz("report", "expired", "--issues", "texts")
    assert [path.name for path in (tmp_path / "texts").iterdir()] == [
        "DIVERGE.slots--frame_from_unused.md"
    ]
