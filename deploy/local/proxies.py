"""The proxy of the environment, as far as a person must know of it when a way outside does not work."""

import os

VARIABLES = ("ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")


def hint() -> str:
    """A sentence that names the variables which are set; empty if none is. Their values may hold passwords."""
    names = [name for name in VARIABLES if os.environ.get(name)]
    if not names:
        return ""
    return f"The way there is the proxy that {' and '.join(names)} name{'s' if len(names) == 1 else ''}."
