"""A stopwatch for one call."""

import time

from lib.benchmarks.timing import seconds_of


def test_a_call_takes_as_long_as_it_sleeps_and_gets_its_arguments():
    assert 0.05 <= seconds_of(time.sleep, 0.05) < 0.5
    received = []
    seconds_of(lambda *arguments: received.extend(arguments), 1, "two")
    assert received == [1, "two"]
