"""The Ray cluster as the broker uses it: joined or started, its nodes, one actor per worker."""

import os
import socket
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any, Final

from vmfuzz.campaigns.cluster.about import about
from vmfuzz.campaigns.cluster.outpost import Outpost
from vmfuzz.engines.registry import installed_engines
from vmfuzz.errors import VmfuzzError, shown

LOCAL, AUTO = "local", "auto"
OBJECT_STORE: Final = 80 << 20  # bytes, of a cluster of our own; answers go through it
_DOOR: Final = 3.0  # seconds for a first answer of an address
_PROBE: Final = 30.0  # seconds in which every node must have said what it is
_SHUNNED: Final = 30.0  # seconds in which a node that lost a worker gets none, if others are there
_QUIET: Final[dict[str, Any]] = {
    "log_to_driver": False,
    "configure_logging": False,
    "logging_level": "CRITICAL",
}


class Fleet:
    """A cluster that this process has joined. Errors: VmfuzzError when that cannot be."""

    def __init__(self, address: str, cpus: int, folder: Path) -> None:
        if address not in {LOCAL, AUTO}:
            _knock(address)
        if address == LOCAL:
            _lock(folder)
        import ray

        self.ray: Any = ray
        try:
            if address == LOCAL:
                self._start(cpus, folder)
            else:
                ray.init(address=address, **_QUIET)
        except Exception as error:  # Ray raises whatever it likes, with pages of text
            raise VmfuzzError(_refusal(address, error)) from None
        self._actor: Any = ray.remote(Outpost)
        self._lost: dict[str, float] = {}
        self._load: dict[str, int] = {}

    def _start(self, cpus: int, folder: Path) -> None:
        """Start a cluster that only this machine reaches."""
        from ray._private import services

        # Ray takes loopback for a mistake and listens on all interfaces instead.
        services.resolve_ip_for_localhost = lambda host: host
        self.ray.init(
            num_cpus=cpus,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE,
            _temp_dir=str(folder),
            _node_ip_address="127.0.0.1",
            **_QUIET,
        )

    def nodes(self) -> dict[str, tuple[str, int]]:
        """Return address and cores of each node that is alive and has any, by id."""
        return {
            node["NodeID"]: (node["NodeManagerAddress"], int(node["Resources"]["CPU"]))
            for node in sorted(self.ray.nodes(), key=lambda node: str(node["NodeID"]))
            if node["Alive"] and node["Resources"].get("CPU", 0) >= 1
        }

    def check(self, engines: list[str]) -> None:
        """Make sure that every node has this code and these engines. Errors: VmfuzzError."""
        ray, nodes = self.ray, self.nodes()
        if not nodes:
            raise VmfuzzError("the cluster has no node with a core")
        probe = ray.remote(_probe)
        asked = {
            node: probe.options(num_cpus=0, max_retries=0, **self._on(node)).remote()
            for node in nodes
        }
        ready, _ = ray.wait(list(asked.values()), num_returns=len(asked), timeout=_PROBE)
        for node, answer in asked.items():
            name = nodes[node][0]
            if answer not in ready:
                raise VmfuzzError(f"the node {name} does not answer within {_PROBE:.0f} s")
            try:
                code, installed = ray.get(answer)
            except Exception as error:  # whatever went wrong there
                raise VmfuzzError(
                    f"the node {name} cannot run vmfuzz: {first_line(error)};"
                    " on every node: pip install 'vmfuzz[cluster]'"
                ) from None
            if code != about():
                raise VmfuzzError(
                    f"the node {name} has vmfuzz {code}, this machine {about()}:"
                    " install the same on both"
                )
            for engine in engines:
                if engine not in installed:
                    raise VmfuzzError(
                        f"the node {name} has no engine {engine};"
                        f" on every node: pip install 'vmfuzz[cluster,{engine}]'"
                    )

    def hire(self) -> tuple[Any, str]:
        """Return a new actor, which may still be on its way, and the id of its node."""
        node = self._emptiest()
        load = self._load[node] = self._load.get(node, 0) + 1
        cpus = 1 if load <= self.nodes().get(node, ("", 0))[1] else 0  # too many rather than none
        # Not soft: Ray would take another node now and then, and we would shun the wrong one.
        actor = self._actor.options(num_cpus=cpus, max_restarts=0, **self._on(node))
        return actor.remote(), node

    def dismiss(self, actor: Any, node: str, *, is_lost: bool) -> None:
        """End an actor; a node that lost it gets no other for a while."""
        self._load[node] -= 1
        if is_lost:
            self._lost[node] = monotonic()
        with suppress(Exception):
            self.ray.kill(actor, no_restart=True)

    def answered(self, answers: list[Any], seconds: float) -> list[Any]:
        """Return the answers that are there, waiting a while for all of them."""
        ready, _ = self.ray.wait(answers, num_returns=len(answers), timeout=seconds)
        return list(ready)

    def close(self) -> None:
        """Leave the cluster; end one of our own."""
        with suppress(Exception):
            self.ray.shutdown()

    def _emptiest(self) -> str:
        """Return the node with the fewest of our workers per core."""
        nodes, now = self.nodes(), monotonic()
        fit = [n for n in nodes if now - self._lost.get(n, -_SHUNNED) >= _SHUNNED] or list(nodes)
        if not fit:
            raise VmfuzzError("the cluster has no node with a core any more")
        return min(fit, key=lambda node: (self._load.get(node, 0) + 1) / nodes[node][1])

    @staticmethod
    def _on(node: str) -> dict[str, Any]:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node, soft=False)}


def _probe() -> tuple[str, list[str]]:
    """Return what code this node has, and which engines."""
    return about(), installed_engines()


def _lock(folder: Path) -> None:
    """Let a cluster of our own want a key that only we have. Requires: Ray is not imported yet."""
    key = folder / "key"
    key.touch(0o600)
    key.write_text(os.urandom(32).hex(), encoding="ascii")
    os.environ["RAY_AUTH_MODE"], os.environ["RAY_AUTH_TOKEN_PATH"] = "token", str(key)


def _knock(address: str) -> None:
    """See whether anybody listens, which Ray takes a minute to find out. Errors: VmfuzzError."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_DOOR).close()
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise VmfuzzError(
            f"no cluster at {address}: {reason}; `ray start --head` starts one"
        ) from None


def _refusal(address: str, error: Exception) -> str:
    """Say in a line why Ray did not do it."""
    text = str(error)
    if isinstance(error, ConnectionError) and address == AUTO:
        return "no cluster runs on this machine; `ray start --head` starts one, or name HOST:PORT"
    if "ersion mismatch" in text:
        words = " ".join(text.split())
        return f"the cluster at {address} has other versions: {shown(words)}"
    what = "start one here" if address == LOCAL else f"use the one at {address}"
    return f"cannot {what}: {first_line(error)}"


def first_line(error: Exception) -> str:
    """Return the line of an exception that says most: the last of a remote traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    chosen = lines[-1] if lines and "Traceback" in str(error) else lines[0] if lines else ""
    return shown(chosen[:300]) or type(error).__name__
