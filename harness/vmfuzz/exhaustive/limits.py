"""How far a search may go."""

from typing import Final

MAX_DEPTH: Final = 64
