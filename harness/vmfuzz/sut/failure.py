"""How an agent can fail, apart from wrong answers."""

from typing import Literal

Kind = Literal["CRASH", "HANG", "PROTOCOL"]


class AgentFailure(Exception):
    """The agent died (CRASH), went silent (HANG), or says what is no answer (PROTOCOL).

    `text` says what happened, as a clause of a sentence.
    """

    def __init__(self, kind: Kind, text: str) -> None:
        super().__init__(text)
        self.kind: Kind = kind
        self.text = text
