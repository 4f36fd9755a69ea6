"""The watch over processors and memory sees this process and what it starts."""

import subprocess
import sys
import time

import pytest

from lib.benchmarks import watch
from lib.benchmarks.watch import Watch


def test_a_busy_process_uses_one_core_and_its_memory_counts(monkeypatch):
    monkeypatch.setattr(watch, "PERIOD", 0.05)
    seen = Watch(max_memory_share=1.0)
    block = bytearray(b"x" * 2**26)  # 64 MB
    end = time.perf_counter() + 0.4
    while time.perf_counter() < end:
        pass
    values = seen.stop()
    assert len(block) == 2**26 and values["peak_mb"] > 64
    assert values["cpu_share"] > 0.1 / watch.os.cpu_count()
    assert not seen.full and not seen.is_alive()


def test_a_passed_share_of_memory_is_told_at_once():
    seen = Watch(max_memory_share=1e-6)
    seen.ended.wait(0.2)
    assert seen.full
    seen.stop()


def test_an_error_ends_the_watch():
    with pytest.raises(ZeroDivisionError), watch.Watch(max_memory_share=1.0) as seen:
        seen.max_memory_share = 1 / 0
    assert not seen.is_alive()


def test_memory_of_a_child_counts_and_a_child_that_ended_does_not():
    before = watch.family_memory()
    words = "import sys; block = bytearray(b'x' * 2**26); print(len(block), flush=True); input()"
    child = subprocess.Popen(
        [sys.executable, "-c", words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    child.stdout.readline()
    assert watch.family_memory() - before > 2**26
    child.communicate(b"\n")
    assert watch.family_memory() - before < 2**26
    assert watch.family_cpu_seconds() == pytest.approx(watch.family_cpu_seconds(), abs=0.5)
