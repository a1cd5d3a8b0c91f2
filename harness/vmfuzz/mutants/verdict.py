"""What became of a mutant, as it crosses the pipe between a child and whoever started it."""

import json
from dataclasses import asdict, dataclass
from typing import Final, Literal, get_args

from vmfuzz.json_object import Types, typed_object

Fate = Literal["killed", "survived", "timed out", "equivalent"]
Stage = Literal["import", "corpus", "recordings", "swarm", ""]
_LONGEST: Final = 300  # characters of what a mutant died of


@dataclass(frozen=True, slots=True)
class Verdict:
    """The fate of one mutant.

    `stage` is where it was noticed, `what` the signature of the finding or the exception, `trace`
    the one of the corpus or the recordings; for an equivalent one `what` is the argument.
    Units: `seconds` of CPU time, the import included; `steps` executed by the swarm.
    """

    mutant: str
    fate: Fate
    stage: Stage = ""
    what: str = ""
    trace: str = ""
    seconds: float = 0.0
    steps: int = 0


_TYPES: Final[Types] = {
    "mutant": (str,),
    "fate": (str,),
    "stage": (str,),
    "what": (str,),
    "trace": (str,),
    "seconds": (int, float),
    "steps": (int,),
}


def encode(verdict: Verdict) -> bytes:
    """Return a verdict as one line."""
    return json.dumps(asdict(verdict)).encode() + b"\n"


def decode(line: bytes, mutant: str) -> Verdict | None:
    """Return the verdict on `mutant` that a child wrote, None for anything else: it may be sick."""
    value = typed_object(line, _TYPES)
    if value is None:
        return None
    is_known = value["fate"] in get_args(Fate) and value["stage"] in get_args(Stage)
    return Verdict(**value) if is_known and value["mutant"] == mutant else None


def shortened(text: str) -> str:
    """Return a text on one line, not endless."""
    return " ".join(text.split())[:_LONGEST]
