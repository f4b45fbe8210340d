"""What keeps `make run` from going on."""


class LaunchError(RuntimeError):
    """Its text is a sentence for the person at the terminal, with what to do about it."""
