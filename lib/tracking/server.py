"""A tracking server that does not answer: MLflow waits for it, and here the user learns of it.

MLflow asks again for about four minutes. `MLFLOW_HTTP_REQUEST_MAX_RETRIES` (7) makes it more: each
one more adds two minutes.
"""

import logging
import sys
import time

from lib.runtime.kernel import kernel
from lib.runtime.progress import echo

PERIOD_S = 60.0  # between two messages
GIVEN_UP = "Max retries exceeded"  # in the error after the last try


class Waiting(logging.Handler):
    """Tells once a minute that the server at `address` is waited for."""

    def __init__(self, address: str):
        super().__init__(logging.WARNING)
        self.address = address
        self.told_at = -PERIOD_S

    def emit(self, record: logging.LogRecord) -> None:
        """Read a record of urllib3, which makes MLflow's requests."""
        text = record.getMessage()
        is_new = time.monotonic() - self.told_at >= PERIOD_S
        if not (text.startswith("Retrying") and "/mlflow" in text and is_new):
            return
        self.told_at = time.monotonic()
        message = f"no answer from the tracking server {self.address}: waiting for it"
        # Standard output may carry audio, but not in a notebook.
        if kernel():
            echo(message)
        else:
            print(message, file=sys.stderr, flush=True)


def tell_when_waiting(address: str) -> None:
    """From now on, tell when the server at `address` does not answer; other stores are none."""
    if not address.startswith("http"):
        return
    log = logging.getLogger("urllib3.connectionpool")
    known = {handler.address for handler in log.handlers if isinstance(handler, Waiting)}
    if address not in known:
        log.addHandler(Waiting(address))


def has_given_up(error: BaseException) -> bool:
    """Whether an error says that a server was waited for in vain.

    >>> has_given_up(ConnectionError("...: Max retries exceeded with url: /api")), has_given_up(
    ...     KeyboardInterrupt()
    ... )
    (True, False)
    """
    return GIVEN_UP in str(error)
