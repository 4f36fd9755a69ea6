"""A stopwatch for one call."""

import time
from collections.abc import Callable


def seconds_of(function: Callable, *arguments: object) -> float:
    """How long one call takes.

    >>> round(seconds_of(time.sleep, 0.01), 2)
    0.01
    """
    began = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - began
