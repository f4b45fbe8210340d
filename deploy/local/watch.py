"""`python -m deploy.local.watch TOKEN [URL]`: the live portfolio on the terminal, one document a line, without Node."""

import asyncio
import contextlib
import os
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

URL = "ws://localhost:8080/v2/user/profile/ws"


async def watch(token: str, url: str) -> None:
    """Print documents until the connection ends. Raises OSError or a websockets exception."""
    async with connect(url, additional_headers={"Authorization": f"Bearer {token}"}, proxy=None) as connection:
        async for document in connection:
            print(document, flush=True)


def main() -> None:
    arguments = sys.argv[1:]
    if len(arguments) not in (1, 2):
        sys.exit(str(__doc__))
    token, url = arguments[0], arguments[1] if len(arguments) == 2 else URL
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(watch(token, url))
    except InvalidStatus as refusal:
        sys.exit(f"refused with {refusal.response.status_code}: {refusal.response.body.decode(errors='replace')}")
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except ConnectionClosed as end:
        sys.exit(f"closed by the server: {end}")
    except OSError as error:
        sys.exit(f"cannot connect to {url}: {error}")


if __name__ == "__main__":
    main()
