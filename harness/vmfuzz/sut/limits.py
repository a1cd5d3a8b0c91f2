"""How long a live system may take. Apart from the system, so that the help loads quickly."""

from typing import Final

SECONDS: Final = 5.0  # for one answer, unless the user says otherwise
START: Final = 2.0  # a start may take this many answers' time, and at least LEAST
LEAST: Final = 10.0
