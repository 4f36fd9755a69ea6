"""The memory of a stream: measured in a process of its own, for the length that it claims."""

from lib.benchmarks import memory


def test_the_peak_is_that_of_a_process_that_has_loaded_the_network():
    table = memory.peak_memory([0.05])
    assert table.minutes.tolist() == [0.05]
    assert 100 < table.peak_mb[0] < 8_000 and table.audio_per_s[0] > 0
