"""Detection of a cancellation that a task group has swallowed."""

import asyncio


def raise_if_cancelled() -> None:
    """Raise CancelledError if this task has been asked to end, and something has swallowed that.

    A task group does when it is already ending for a child's failure: only the failure comes out of it (Python < 3.13).
    To be called where that failure is survived; otherwise the caller that has cancelled the task waits forever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
