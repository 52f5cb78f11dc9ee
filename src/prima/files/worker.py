"""What every worker process of ours does first, whichever room began it."""

from __future__ import annotations

import os
import signal
import threading
from multiprocessing import parent_process


def begin_worker() -> None:
    """Leave Ctrl-C to the process that gave the work, and go when it has gone, however it went.

    A pool's processes wait for work from each other's pipes, so that they would wait for ever when their parent is
    killed.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, name="prima-parent", daemon=True).start()


def _leave_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
