"""Parameters of `inspect`."""

from refusals import refusal

from lib.config.base import build
from lib.config.inspect import Inspect


def test_one_to_fifty_files_are_shown():
    assert build(Inspect, {"n_examples": 50}).n_examples == 50
    assert "greater than or equal to 1" in refusal(Inspect, n_examples=0)[0]
    assert "less than or equal to 50" in refusal(Inspect, n_examples=51)[0]
