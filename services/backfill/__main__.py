"""`python -m services.backfill SYMBOL …` fills once, `serve` for ever what is wanted."""

import sys


def main() -> None:
    if sys.argv[1:] == ["serve"]:
        from services.backfill.app import app
        from services.backfill.settings import FillSettings
        from services.common.lifecycle import run
        from services.common.settings import load_settings

        run("backfill", load_settings(FillSettings), app)
    from services.backfill.command import main as command

    sys.exit(command(sys.argv[1:]))


if __name__ == "__main__":
    main()
