"""Browser tests of the web app (web/e2e) against a running stack."""

from collections.abc import Mapping

import pytest

from tests.web.conftest import npm


@pytest.mark.timeout(900)
@pytest.mark.parametrize("walk", ["walk", "views", "market", "ticking", "faults"])
def test_in_a_browser(site: Mapping[str, str], walk: str) -> None:
    """web/e2e/*.e2e.ts; those that break servers come last."""
    done = npm("e2e", walk, env=site, timeout_s=840)
    assert done.code == 0, done.output
