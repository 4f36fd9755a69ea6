"""Many scores: the same in any number of processes, and none computed twice."""

import threading

import pytest
from signals import RATE, noise, speech_like

from lib.audio import files
from lib.metrics import batch, registry
from lib.metrics.batch import cached_scores, score_all
from lib.runtime import cache

FULL_HZ = 24_000.0


def test_what_is_kept_equals_what_is_computed_and_is_not_computed_again(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "RUNS", tmp_path)
    clean = speech_like(1)
    arguments = (clean + noise(1, 0.01), clean, RATE, FULL_HZ)
    wanted = registry.compute_scores(*arguments, registry.ALL)
    assert cached_scores(*arguments, registry.ALL) == pytest.approx(wanted, nan_ok=True)
    monkeypatch.setattr(batch, "compute_scores", lambda *_: pytest.fail("computed again"))
    assert cached_scores(*arguments, registry.ALL) == pytest.approx(wanted, nan_ok=True)
    assert cached_scores(*arguments) == {name: wanted[name] for name in registry.NAMES}


def test_a_file_of_scores_that_was_cut_off_is_written_again(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "RUNS", tmp_path)
    assert cache.get_or_compute("x", [1], lambda: 5.0) == 5.0
    file = next(tmp_path.rglob("*.json"))
    file.write_text("5.")
    file.write_text('{"a": ')
    assert (
        cache.get_or_compute("x", [1], lambda: 6.0) == 6.0
        and cache.get_or_compute("x", [1], lambda: 7.0) == 6.0
    )


def test_two_processes_give_the_scores_of_one_in_the_same_order():
    clean = speech_like(2)
    jobs = [(clean + noise(2, level), clean, FULL_HZ) for level in (0.001, 0.003, 0.01, 0.03, 0.1)]
    one = score_all(jobs, RATE)
    two = score_all(iter(jobs), RATE, n_processes=2, total=5)
    assert two == [
        pytest.approx(row, rel=1e-6) for row in one
    ]  # a matrix product rounds differently on two threads
    assert [row["pesq"] for row in one] == sorted((row["pesq"] for row in one), reverse=True)


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
