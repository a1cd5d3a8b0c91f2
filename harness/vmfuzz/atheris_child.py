"""The child process of the `atheris` engine: libFuzzer around `ByteTarget`.

libFuzzer ends the process it runs in, so it has one of its own. The child goes on after a finding:
it reports each through a pipe, one JSON object a line, and stops by itself at its limits. It is
started by `engines/atheris_engine.py` with a folder (`config.json`, `seeds/`, `artifacts/`) and the
number of the pipe.
"""

import ctypes
import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree
from time import monotonic
from typing import IO, TYPE_CHECKING, Any, Final

import atheris

if TYPE_CHECKING:  # the model must not be imported before it can be instrumented
    from vmfuzz.byte_target import ByteTarget
    from vmfuzz.features import StateMap
    from vmfuzz.finding import Finding

INSTRUMENTED: Final = ("vmstore.exec", "vmstore.cells")  # the oracle's own branches are no signal
REPORTS: Final = 8  # inputs reported per signature
_EVERY: Final = 0.25  # seconds between two progress lines
_LOOK: Final = 16  # inputs between two looks at the clock


class Child:
    """Feeds inputs to the target and reports. `limits`: wall seconds and executed steps."""

    def __init__(self, config: dict[str, Any], pipe: IO[str]) -> None:
        self.config, self.pipe = config, pipe
        self.started = self.reported = monotonic()
        self.seen: dict[str, int] = {}
        self.state_map: StateMap | None = None
        self.target = self._target()

    def _target(self) -> "ByteTarget":
        if self.config["feedback"] in {"code", "both"}:
            with atheris.instrument_imports(["vmstore"], _left_alone()):
                import vmstore.step  # noqa: F401  # imports all of the model
        from vmfuzz.byte_target import ByteTarget
        from vmfuzz.extensions import load_extensions
        from vmfuzz.features import StateMap
        from vmstore.world import World

        load_extensions()
        if self.config["feedback"] in {"state", "both"}:
            self.state_map = StateMap()
        return ByteTarget(
            [World.from_settings(settings) for settings in self.config["worlds"]],
            tuple(self.config["faults"]),
            frozenset(self.config["checks"]),
            strict=self.config["strict"],
            state_map=self.state_map,
        )

    def run(self, folder: Path) -> None:
        """Fuzz until a limit is reached. Does not return."""
        from vmfuzz.mutate import cross, mutate

        flags = {
            "seed": self.config["rng_seed"] + 1,  # 0 is libFuzzer's word for the clock
            "timeout": self.config["timeout"],
            "rss_limit_mb": self.config["memory_mb"],
            "max_len": self.config["max_len"],
            "artifact_prefix": f"{folder}/artifacts/",
            "verbosity": 0,
            "reload": 0,
            "use_value_profile": 0,
        }
        arguments = [sys.argv[0], *(f"-{k}={v}" for k, v in flags.items()), f"{folder}/seeds"]
        atheris.Setup(arguments, self.one_input, custom_mutator=mutate, custom_crossover=cross)
        if self.state_map is not None:
            register(self.state_map.cells)
        atheris.Fuzz()

    def one_input(self, data: bytes) -> None:
        """Run one input. An exception of ours is reported with it and ends the process."""
        try:
            finding = self.target.run(data)
        except Exception as error:
            from vmfuzz.located import described

            text = f"{type(error).__name__}: {described(error)}"
            self._say(kind="error", text=text, input=data.hex())
            self._leave()
            return
        if finding is not None:
            self._found(finding, data)
        target, steps = self.target, self.config["steps"]
        if steps is not None and target.steps >= steps:
            self._leave()
        elif target.inputs % _LOOK == 0:
            self._look()

    def _look(self) -> None:
        now = monotonic()
        seconds = self.config["seconds"]
        if seconds is not None and now - self.started >= seconds:
            self._leave()
        elif now - self.reported >= _EVERY:
            self.reported = now
            self._progress("progress")

    def _found(self, finding: "Finding", data: bytes) -> None:
        times = self.seen[finding.signature] = self.seen.get(finding.signature, 0) + 1
        if times == 1:  # the run may end here
            self._tally()
        if times <= REPORTS:
            from vmfuzz.finding import FIELDS

            fields = {name: getattr(finding, name) for name in FIELDS}
            self._progress("finding", input=data.hex(), **fields)

    def _progress(self, kind: str, **more: object) -> None:
        target = self.target
        self._say(kind=kind, steps=target.steps, traces=target.inputs, **more)

    def _tally(self) -> None:
        """Say what the ops came to since the last time."""
        target = self.target
        rows = target.named_tally()
        self._say(kind="tally", rows=rows, quirks=target.quirks, contracts=target.contracts)
        target.tally.clear()
        target.quirks.clear()
        target.contracts.clear()

    def _leave(self) -> None:
        """Say what was done and go, past every handler of libFuzzer."""
        self._tally()
        self._progress("done")
        os._exit(0)

    def _say(self, **event: object) -> None:
        try:
            self.pipe.write(json.dumps(event) + "\n")
            self.pipe.flush()
        except OSError:  # nobody listens any more, and nobody else would tidy up
            rmtree(sys.argv[1], ignore_errors=True)
            os._exit(0)


def _left_alone() -> list[str]:
    """Return the modules of the model that are not `INSTRUMENTED`, by exact name.

    atheris includes top-level packages only, whatever it is asked for; it excludes modules.
    """
    spec = find_spec("vmstore")
    root = Path(spec.origin if spec and spec.origin else "").parent
    files = (path.relative_to(root.parent).with_suffix("") for path in root.rglob("*.py"))
    names = (".".join(file.parts).removesuffix(".__init__") for file in files)
    return sorted(name for name in names if not name.startswith(INSTRUMENTED))


def register(cells: bytearray) -> None:
    """Make `cells` counters of libFuzzer: one module without code. Requires: after `Setup`.

    The counters are cleared by libFuzzer before each input and scanned after it.
    """
    spec = find_spec("atheris.core_with_libfuzzer")
    library = ctypes.CDLL(spec.origin if spec else None)
    size = len(cells)
    start = ctypes.addressof((ctypes.c_char * size).from_buffer(cells))
    table = (ctypes.c_size_t * (2 * size))(*(v for i in range(size) for v in (i + 1, 0)))
    register.keep = table  # type: ignore[attr-defined]  # as long as the process
    library.__sanitizer_cov_8bit_counters_init(
        ctypes.c_void_p(start), ctypes.c_void_p(start + size)
    )
    first = ctypes.addressof(table)
    library.__sanitizer_cov_pcs_init(
        ctypes.c_void_p(first), ctypes.c_void_p(first + ctypes.sizeof(table))
    )


def main() -> None:
    """Read the configuration and fuzz."""
    folder = Path(sys.argv[1])
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    pipe = os.fdopen(int(sys.argv[2]), "w", encoding="utf-8")
    try:
        Child(config, pipe).run(folder)
    except Exception as error:  # an uncaught one may leave atheris' threads waiting for ever
        pipe.write(json.dumps({"kind": "error", "text": f"{type(error).__name__}: {error}"}) + "\n")
        pipe.flush()
        os._exit(1)


if __name__ == "__main__":
    main()
