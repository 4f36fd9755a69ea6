"""Many scores: the same in any number of processes, and none computed twice."""

import threading

import numpy as np
import pandas as pd
import pytest
from signals import RATE, noise, speech_like

from lib.audio import files
from lib.metrics import batch, registry
from lib.metrics.batch import cached_scores, score_all, score_table
from lib.runtime import cache

FULL_HZ = 24_000.0


def test_stored_scores_equal_computed_ones_and_are_not_computed_again(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "RUNS", tmp_path)
    clean = speech_like(1)
    arguments = (clean + noise(1, 0.01), clean, RATE, FULL_HZ)
    expected = registry.compute_scores(*arguments, registry.ALL)
    assert cached_scores(*arguments, registry.ALL) == pytest.approx(expected, nan_ok=True)
    monkeypatch.setattr(batch, "compute_scores", lambda *_: pytest.fail("computed again"))
    assert cached_scores(*arguments, registry.ALL) == pytest.approx(expected, nan_ok=True)
    assert cached_scores(*arguments) == {name: expected[name] for name in registry.CORE}


def test_two_processes_give_the_scores_of_one_in_the_same_order():
    clean = speech_like(2)
    jobs = [(clean + noise(2, level), clean, FULL_HZ) for level in (0.001, 0.003, 0.01, 0.03, 0.1)]
    one = score_all(jobs, RATE)
    two = score_all(iter(jobs), RATE, n_processes=2, total=5)
    # a matrix product rounds differently on two threads
    assert two == [pytest.approx(row, rel=1e-6) for row in one]
    assert [row["pesq"] for row in one] == sorted((row["pesq"] for row in one), reverse=True)


def test_a_table_has_a_row_for_each_system_and_reads_what_is_stored(tmp_path, monkeypatch):
    def items():
        for i in range(3):
            clean = noise(0.2, seed=i)
            signals = {"enhanced": clean * 10 ** (-(i + 1) / 20), "clean": clean}
            yield {"item_id": i, "bandwidth_hz": FULL_HZ}, signals

    monkeypatch.setattr(cache, "RUNS", tmp_path)
    table = score_table(items(), RATE, names=("lsd_db",))
    assert list(table.system) == 3 * ["enhanced", "clean"]
    assert list(table.item_id) == [0, 0, 1, 1, 2, 2]
    # the gains of -1, -2 and -3 dB, and no distance of clean to itself
    assert list(table.lsd_db) == pytest.approx([1, 0, 2, 0, 3, 0], abs=0.01)
    monkeypatch.setattr(batch, "compute_scores", lambda *_: pytest.fail("computed again"))
    pd.testing.assert_frame_equal(score_table(items(), RATE, names=("lsd_db",)), table)


def test_items_of_any_length_come_back_in_their_order():
    """The longest are scored first, and the systems of an item together."""

    def items():
        for i, seconds in enumerate((0.1, 0.4, 0.2) * 9):
            clean = noise(seconds, seed=i)
            louder = {str(db): clean * np.float32(10 ** (db / 20)) for db in (1, 2)}
            yield {"item_id": i, "bandwidth_hz": FULL_HZ}, louder | {"clean": clean}

    table = score_table(items(), RATE, n_processes=2, names=("lsd_db",))
    assert list(table.item_id) == [i for i in range(27) for _ in range(3)]
    assert list(table.lsd_db) == pytest.approx([1, 2, 0] * 27, abs=0.01)


def test_jobs_are_drawn_in_the_callers_thread():
    def jobs():
        for _ in range(20):
            threads.add(threading.get_ident())
            yield noise(0.1), noise(0.1), FULL_HZ

    threads = set()
    assert len(score_all(jobs(), RATE, n_processes=2, names=("lsd_db",))) == 20
    assert threads == {threading.get_ident()}


def test_an_error_while_jobs_are_read_reaches_the_caller():
    def jobs():
        yield noise(1), noise(1), FULL_HZ
        raise files.AudioError("x.flac: truncated?")

    with pytest.raises(files.AudioError, match=r"x\.flac"):
        score_all(jobs(), RATE, n_processes=2, names=("lsd_db",))


def test_the_version_of_scoring_names_its_packages_and_the_hash_of_its_code():
    *packages, code = batch.scoring_version()
    assert [line.split()[0] for line in packages] == batch.PACKAGES
    assert len(code) == 64
