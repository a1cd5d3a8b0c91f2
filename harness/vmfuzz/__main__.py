"""`python -m vmfuzz` is `vmfuzz`."""

import sys

from vmfuzz.cli import main

if __name__ == "__main__":
    sys.exit(main())
