"""Results that are computed once: by any process, also after a kill."""

import math
import os
import signal
import subprocess
import sys
import time

import pytest

from lib import RUNS
from lib.runtime import cache

WRITER = """
from lib.runtime import cache
for i in range({n}):
    cache.get_or_compute("{kind}", i, lambda: [float(i)] * {length})
"""


@pytest.fixture
def empty(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "RUNS", tmp_path)


def test_a_result_is_computed_once_for_each_kind_and_inputs(empty):
    calls = []

    def compute():
        calls.append(1)
        return len(calls)

    assert cache.get("x", [1]) is None
    assert [cache.get_or_compute("x", [1], compute) for _ in range(3)] == [1, 1, 1]
    assert cache.get_or_compute("x", [2], compute) == 2
    assert cache.get_or_compute("y", [1], compute) == 3
    assert cache.get("x", [1]) == 1


def test_inputs_are_equal_whatever_the_order_of_their_names(empty):
    cache.get_or_compute("x", {"a": 1, "b": 2}, lambda: "first")
    assert cache.get("x", {"b": 2, "a": 1}) == "first"


def test_nan_and_infinity_are_kept_and_nothing_is_rounded(empty):
    scores = {"nan": math.nan, "infinite": [math.inf, -math.inf], "third": 1 / 3}
    cache.get_or_compute("x", [], lambda: scores)
    stored = cache.get("x", [])
    assert math.isnan(stored["nan"])
    assert (stored["infinite"], stored["third"]) == ([math.inf, -math.inf], 1 / 3)


def test_what_json_cannot_hold_is_refused_and_not_pickled(empty):
    with pytest.raises(TypeError, match="not JSON serializable"):
        cache.get_or_compute("x", [], object)
    assert cache.get("x", []) is None


def test_what_was_stored_first_is_deleted_beyond_the_size_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "RUNS", tmp_path)
    monkeypatch.setattr(cache, "SIZE_LIMIT", 2**20)
    for i in range(200):
        random = os.urandom(10_000).hex()  # 2 MB of it do not compress to less
        cache.get_or_compute("x", i, lambda random=random: random)
    size = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert cache.get("x", 0) is None and cache.get("x", 199) is not None
    assert size < 8 * 2**20


def test_four_processes_share_a_cache_that_did_not_exist():
    code = WRITER.format(n=50, kind="shared", length=1)
    writers = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]
    assert [writer.wait() for writer in writers] == [0, 0, 0, 0]
    assert all(cache.get("shared", i) == [i] for i in range(50))


def test_a_killed_process_leaves_whole_results_or_none():
    code = WRITER.format(n=10**6, kind="killed", length=20_000)
    writer = subprocess.Popen([sys.executable, "-c", code])
    while cache.get("killed", 3) is None:
        assert writer.poll() is None
        time.sleep(0.01)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    stored = [cache.get("killed", i) for i in range(2000)]
    n_stored = sum(result is not None for result in stored)
    assert n_stored >= 4
    assert all(stored[i] == [float(i)] * 20_000 for i in range(n_stored))
    assert cache.get_or_compute("killed", n_stored, lambda: [0.0]) == [0.0]
    assert (RUNS / "cache" / "cache.db").exists()
