"""Detection of a cancellation that a task group has swallowed."""

import asyncio


def raise_if_cancelled() -> None:
    """Raise CancelledError if this task has been asked to end, and something has swallowed that.

    A task group does when it is already ending for a child's failure: only the failure comes out of it (Python < 3.13).
    To be called where that failure is survived; otherwise the caller that has cancelled the task waits forever.

    The group's body must be running when a child fails. One that has ended, and merely waits for the children, leaves
    the task counted as cancelled (Python < 3.13), though none but the group has cancelled it.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
