"""Tasks in several threads of this process, for libraries that let other threads run meanwhile."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TypeVar

Result = TypeVar("Result")


class Stopped(Exception):  # noqa: N818
    """The work was stopped from another thread."""


def in_threads(
    tasks: Iterable[Callable[[], Result]], n_threads: int, stop: Event
) -> Iterator[Result]:
    """The results of tasks, in their order.

    A task is taken from `tasks` only when a thread will soon be free, so that what waits takes
    little memory. If this iterator is closed, or an error or Ctrl-C passes through it, `stop` is
    set, and it waits for the tasks that are running.

    Args:
        n_threads: 1 runs each task in this thread, when its result is asked for.

    >>> list(in_threads([lambda i=i: i * i for i in range(4)], 2, Event()))
    [0, 1, 4, 9]
    """
    if n_threads == 1:
        yield from (task() for task in tasks)
        return
    with ThreadPoolExecutor(n_threads) as pool:
        waiting = deque()
        try:
            for task in tasks:
                waiting.append(pool.submit(task))
                if len(waiting) > n_threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BaseException:  # GeneratorExit and KeyboardInterrupt are none of `Exception`
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def until(stop: Event, items: Iterable[Result]) -> Iterator[Result]:
    """The items, unless `stop` is set: then `Stopped` is raised in place of the next one.

    >>> stop = Event()
    >>> list(until(stop, "abc"))
    ['a', 'b', 'c']
    """
    for item in items:
        if stop.is_set():
            raise Stopped
        yield item
