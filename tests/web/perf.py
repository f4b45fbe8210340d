"""`make web-perf` measures the web app in Chromium against a stack of its own (docs/benchmarks.md)."""

import sys

from deploy.local import web
from tests.conftest import start_postgres, stop_postgres
from tests.web.conftest import npm
from tests.web.stack import control, running_stack, site_url


def main() -> int:
    if problem := web.missing():
        sys.exit(problem)
    web.build()
    postgres = start_postgres()
    try:
        with running_stack(postgres) as stack, control(stack) as control_url:
            done = npm("perf", env={"SITE_URL": site_url(stack), "CONTROL_URL": control_url}, timeout_s=1800)
    finally:
        stop_postgres(postgres)
    sys.stdout.write(done.output)
    return done.code


if __name__ == "__main__":
    sys.exit(main())
