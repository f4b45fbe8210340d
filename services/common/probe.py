"""Health probe of a service in this container: exit code 0 for HTTP 200, else 1. The answer is printed.

    python -m services.common.probe [http://127.0.0.1:9151/readyz]

Without an argument it requests /readyz on `OPS_PORT`. Standard library only, and `http.client` rather than
`urllib.request`: it starts faster, and a proxy of the environment must not stand between a container and itself.
"""

import http.client
import os
import sys
from urllib.parse import urlsplit

TIMEOUT_S = 3.0
"""Longer than a readiness check may take (services.common.health), shorter than the container's health check."""


def probe(url: str) -> tuple[bool, str]:
    """Whether `url` answers 200, and the text of its answer (or why there is none)."""
    parts = urlsplit(url)
    try:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
        try:
            connection.request("GET", parts.path or "/")
            answer = connection.getresponse()
            return answer.status == http.HTTPStatus.OK, answer.read(4096).decode(errors="replace")
        finally:
            connection.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        return False, f"{type(error).__name__}: {error}"


def main(arguments: list[str]) -> int:
    """The command: exit code 0 or 1."""
    url = arguments[0] if arguments else f"http://127.0.0.1:{os.environ.get('OPS_PORT', '')}/readyz"
    healthy, text = probe(url)
    sys.stdout.write(f"{text}\n")
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
