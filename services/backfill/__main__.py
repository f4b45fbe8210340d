"""`python -m services.backfill SYMBOL …`."""

import sys

from services.backfill.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
