"""Node.js, which builds the web app: what needs it is skipped without, in one sentence."""

import os

import pytest

from deploy.local import web


def skip_without_node() -> None:
    """Skip the running test; in CI, which has to have Node, fail it."""
    if problem := web.missing():
        if os.environ.get("CI"):
            pytest.fail(problem)
        pytest.skip(problem)
