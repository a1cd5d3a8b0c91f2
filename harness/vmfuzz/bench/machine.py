"""What a figure was measured on."""

import os
import platform


def about_machine() -> dict[str, object]:
    """Return interpreter, system and number of cores."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
    }
