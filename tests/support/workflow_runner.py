"""Runs the jobs of a GitHub workflow here: its scripts for real, its actions as folders."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

SECONDS = 100


def read_workflow(text: str) -> dict[str, Any]:
    """Return a workflow's YAML. YAML 1.1 reads the key `on` as true."""
    document = yaml.safe_load(text)
    assert isinstance(document, dict)
    return {"on" if key is True else key: value for key, value in document.items()}


@dataclass
class Result:
    """What a job came to: which steps ran, in their order, and what all of them printed."""

    failed: list[str] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)
    log: str = ""
    summary: str = ""
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass
class Runner:
    """What GitHub keeps between jobs and runs, as folders below `root`.

    `path` is put in front of PATH; `context` has the values of expressions such as `inputs.drill`.
    """

    root: Path
    path: Path
    repository: Path
    context: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, text: str, job: str, **matrix: Any) -> Result:
        """Run one job of a workflow in a fresh checkout, of a matrix the one with these values."""
        workflow, result = read_workflow(text), Result()
        chosen = workflow["jobs"][job]
        values = {f"matrix.{name}": value for name, value in matrix.items()}
        values["strategy.job-total"] = len(
            next(iter(chosen.get("strategy", {}).get("matrix", {}).values()), [0])
        )
        scope = {**self.context, **values}
        scratch = self.root / "jobs" / "-".join([job, *map(str, matrix.values())])
        shutil.rmtree(scratch, ignore_errors=True)
        has_checkout = any("actions/checkout@" in step.get("uses", "") for step in chosen["steps"])
        shutil.copytree(self.repository, scratch) if has_checkout else scratch.mkdir(parents=True)
        if not self._is_due(chosen, scope, result):
            return result
        inherited = {**workflow.get("env", {}), **chosen.get("env", {})}
        for number, step in enumerate(chosen["steps"]):
            if not self._is_due(step, scope, result):
                continue
            name = step.get("name", step.get("uses", f"step {number}"))
            result.ran.append(name)
            if "run" in step:
                declared = {**inherited, **step.get("env", {})}
                env = {key: filled(str(value), scope) for key, value in declared.items()}
                done = self._script(step["run"], scratch, env, result)
                if "id" in step:
                    scope |= {
                        f"steps.{step['id']}.outputs.{key}": value
                        for key, value in result.outputs.items()
                    }
            else:
                options = {
                    key: filled(str(value), scope) for key, value in step.get("with", {}).items()
                }
                done = self._action(step["uses"], options, scratch)
            if "id" in step:
                scope[f"steps.{step['id']}.outcome"] = "success" if done else "failure"
            if not done:
                result.failed.append(name)
        return result

    def _is_due(self, part: dict[str, Any], scope: dict[str, Any], result: Result) -> bool:
        condition = str(part.get("if", "success()")).removeprefix("${{").removesuffix("}}")
        here = {**scope, "always()": True, "cancelled()": False, "success()": not result.failed}
        says_when = any(word in condition for word in ("always()", "cancelled()"))
        return bool(value_of(condition, here)) and (says_when or not result.failed)

    def _script(self, script: str, folder: Path, declared: dict[str, str], result: Result) -> bool:
        files = {
            name: self.root / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
        }
        for file in files.values():
            file.write_text("")
        (self.root / "script.sh").write_text(script)
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(self.root / "script.sh")],
            cwd=folder,
            env={
                **os.environ,
                "PATH": f"{self.path}:{os.environ['PATH']}",
                "GITHUB_RUN_ID": str(self.context["github.run_id"]),
                **{name: str(file) for name, file in files.items()},
                **declared,
                **self.environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        result.log += done.stdout
        result.summary += files["GITHUB_STEP_SUMMARY"].read_text()
        lines = files["GITHUB_OUTPUT"].read_text().splitlines()
        result.outputs |= dict(line.split("=", 1) for line in lines)
        return done.returncode == 0

    def _action(self, uses: str, options: dict[str, str], folder: Path) -> bool:
        action = uses.partition("@")[0]
        return {
            "actions/checkout": lambda: options["persist-credentials"] == "False",
            "actions/setup-python": lambda: bool(options["python-version"]),
            "actions/cache/restore": lambda: self._restore(options, folder),
            "actions/cache/save": lambda: self._save(options, folder),
            "actions/upload-artifact": lambda: self._upload(options, folder),
            "actions/download-artifact": lambda: self._download(options, folder),
            "github/codeql-action/upload-sarif": lambda: self._scan(options, folder),
        }[action]()

    def _scan(self, options: dict[str, str], folder: Path) -> bool:
        return bool(options["category"]) and (folder / options["sarif_file"]).is_file()

    def _save(self, options: dict[str, str], folder: Path) -> bool:
        kept = self.root / "cache" / options["key"]
        if not kept.exists() and (folder / options["path"]).exists():  # a key is written once
            shutil.copytree(folder / options["path"], kept)
        return True

    def _restore(self, options: dict[str, str], folder: Path) -> bool:
        caches = (self.root / "cache").glob(f"{options['restore-keys'].strip()}*")
        newest = max(caches, key=lambda path: path.stat().st_mtime_ns, default=None)
        if newest is not None:
            shutil.copytree(newest, folder / options["path"])
        return True

    def _upload(self, options: dict[str, str], folder: Path) -> bool:
        assert options["if-no-files-found"] == "error"
        kept = self.root / "artifacts" / options["name"]
        shutil.rmtree(kept, ignore_errors=True)
        names = options["path"].split()
        for name in filter(lambda name: (folder / name).exists(), names):
            # The files lie below what all of the paths have in common.
            shutil.copytree(folder / name, kept / name if len(names) > 1 else kept)
        return kept.exists() and any(path.is_file() for path in kept.rglob("*"))

    def _download(self, options: dict[str, str], folder: Path) -> bool:
        artifacts, target = self.root / "artifacts", folder / options["path"]
        if "name" in options:
            if not (artifacts / options["name"]).exists():
                return False
            shutil.copytree(artifacts / options["name"], target)
            return True
        for found in sorted(artifacts.glob(options["pattern"])):
            shutil.copytree(found, target / found.name)
        return True


def filled(text: str, context: dict[str, Any]) -> str:
    """Return text with each `${{ ... }}` replaced by its value, as GitHub does."""

    def value(found: re.Match[str]) -> str:
        result = value_of(found[1], context)
        return "" if result is None else str(result)

    return re.sub(r"\$\{\{(.*?)\}\}", value, text)


def value_of(expression: str, context: dict[str, Any]) -> Any:
    """Return the value of an expression of `||`, `&&`, `!`, `==`, `!=`, literals and names."""
    result: Any = None
    for alternative in expression.split("||"):
        for term in alternative.split("&&"):
            result = _term(term.strip(), context)
            if not result:
                break
        if result:
            break
    return result


def _term(term: str, context: dict[str, Any]) -> Any:
    for operator in ("==", "!="):
        left, found, right = term.partition(operator)
        if found:
            same = value_of(left, context) == value_of(right, context)
            return same == (operator == "==")
    if term.startswith("!"):
        return not _term(term[1:].strip(), context)
    if term.startswith("'"):
        return term.strip("'")
    if term.startswith("steps."):  # a step that did not run has no outputs
        return context.get(term)
    return int(term) if term.isdecimal() else context[term]
