"""Results that are computed once: by any process, also after a kill."""

import math
import os
import signal
import subprocess
import sys
import time

import pytest
from signals import file_size_limit

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


@pytest.mark.parametrize("n_bytes", [0, 20_000, 300_000])
def test_on_a_full_disk_the_work_goes_on_and_a_message_says_so_once(empty, capsys, n_bytes):
    inputs = range(60)
    values = [os.urandom(2_000).hex() for _ in inputs]

    def results():
        return [cache.get_or_compute("x", i, lambda: values[i]) for i in inputs]  # noqa: B023

    with file_size_limit(n_bytes):
        assert results() == values
        # What was kept before is whole, and is still read.
        kept = [cache.get("x", i) for i in inputs]
    assert all(value in (None, values[i]) for i, value in enumerate(kept))
    assert (kept[0] is None) == (n_bytes < 300_000) and kept[-1] is None
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 and "cache: results are not kept (" in lines[0]
    # As soon as there is room, results are kept again.
    assert results() == values == [cache.get("x", i) for i in inputs]


def test_a_broken_database_is_no_reason_to_stop(tmp_path, empty, capsys):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "cache.db").write_bytes(b"no database" * 1_000)
    assert [cache.get_or_compute("x", [], lambda: 7) for _ in range(2)] == [7, 7]
    assert "results are not kept (file is not a database)" in capsys.readouterr().out


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
