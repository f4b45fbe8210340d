"""What the environment says of the network, and does not mean for our neighbours."""

import os


def bypass_proxy(host: str) -> None:
    """Let no proxy of the environment stand between us and `host`: for clients that can be told so in no other way."""
    excepted = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if host not in excepted.split(","):
        os.environ["no_proxy"] = ",".join(filter(None, (excepted, host)))
