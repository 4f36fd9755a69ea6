"""Parameters of `bench`."""

from refusals import refusal

from lib.config.base import build
from lib.config.bench import Bench


def test_a_timed_segment_has_half_a_second_at_least_in_whole_hops():
    assert build(Bench, {"segment_length": 24_000}).segment_length == 24_000
    assert "24000" in refusal(Bench, segment_length=23_520)[0]
    assert "multiple of 480" in refusal(Bench, segment_length=24_001)[0]


def test_streams_have_a_length():
    assert refusal(Bench, minutes="[1, 0]")[0].startswith("minutes[1] = 0")
