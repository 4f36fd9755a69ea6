"""Tasks in threads: in order, few at a time, stopped when nobody wants their results."""

import threading
import time
from threading import Event

import pytest

from lib.runtime.threaded import Stopped, in_threads, until


@pytest.mark.parametrize("n_threads", [1, 3])
def test_results_come_in_order_and_tasks_are_taken_when_they_are_needed(n_threads):
    taken = []

    def tasks():
        for i in range(20):
            taken.append(i)
            yield lambda i=i: (time.sleep(0.001 * (i % 3)), i)[1]

    for i, result in enumerate(in_threads(tasks(), n_threads, Event())):
        assert result == i and len(taken) <= i + 1 + n_threads
    assert len(taken) == 20


def test_two_threads_work_at_the_same_time():
    """Each of the two waits for the other."""
    barrier = threading.Barrier(2, timeout=10)
    assert len(list(in_threads([barrier.wait, barrier.wait], 2, Event()))) == 2


def test_an_error_ends_it_and_stops_the_tasks_that_run():
    stop, began = Event(), Event()

    def fails():
        began.wait(10)
        raise KeyError("task")

    def runs():
        began.set()
        assert stop.wait(10)

    with pytest.raises(KeyError, match="task"):
        list(in_threads([fails, runs], 2, stop))
    assert stop.is_set()


def test_whoever_closes_it_early_stops_the_tasks():
    stop = Event()
    results = in_threads([lambda: 1, lambda: stop.wait(10), lambda: 3, lambda: 4], 2, stop)
    assert next(results) == 1
    results.close()
    assert stop.is_set()


def test_items_end_when_the_work_is_stopped():
    stop, items = Event(), iter("abc")
    watched = until(stop, items)
    assert next(watched) == "a"
    stop.set()
    with pytest.raises(Stopped):
        next(watched)
