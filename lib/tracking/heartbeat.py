"""Signs of life of the runs that this process records.

A process of another machine, or of a container that has another name since, cannot be seen. The
time of its run's last sign of life tells whether it still works.
"""

import contextlib
import threading
import time

from lib.tracking import store

PERIOD_S = 30.0  # between two signs
DEAD_AFTER_S = 300.0  # a machine may be busy, or a database locked, for minutes
TAG = "heartbeat"  # of a run: seconds since 1970

_open: set[str] = set()  # ids of runs
_thread: threading.Thread | None = None


def now() -> str:
    """A sign of life, as a tag holds it."""
    return f"{time.time():.0f}"


def age_s(tags: dict[str, str]) -> float | None:
    """Seconds since the last sign of life; None for a run of before, which gave none.

    >>> age_s({}), age_s({"heartbeat": now()}) < 2
    (None, True)
    """
    return time.time() - float(tags[TAG]) if TAG in tags else None


def begin(run_id: str) -> None:
    """Give signs of life for this run until `end` is called or the process ends."""
    global _thread
    _open.add(run_id)
    if _thread is None:
        _thread = threading.Thread(target=_send_for_ever, daemon=True)
        _thread.start()


def end(run_id: str) -> None:
    """Give no more signs of life for this run."""
    _open.discard(run_id)


def send() -> None:
    """Give a sign of life for each run that is open.

    A store that cannot be reached for a while, or a run that was deleted, raises no error: it must
    not end the work, nor the signs of other runs.
    """
    for run_id in [*_open]:
        with contextlib.suppress(Exception):
            store.client().set_tag(run_id, TAG, now())


def _send_for_ever() -> None:
    while True:
        time.sleep(PERIOD_S)
        send()
