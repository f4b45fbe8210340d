"""`python -m bench [name…]`: run the named benchmarks, or all of them, one after the other."""

import importlib
import sys
from pathlib import Path

ALL = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))
"""Every public module beside this one is a benchmark with a `main()`. Helpers of one begin with an underscore."""


def main() -> None:
    names = sys.argv[1:] or ALL
    if unknown := set(names) - set(ALL):
        sys.exit(f"no such benchmark: {', '.join(sorted(unknown))}; there are: {', '.join(ALL)}")
    for name in names:
        print(f"== {name}", flush=True)
        importlib.import_module(f"bench.{name}").main()


if __name__ == "__main__":
    main()
