"""Parameters of `workers`."""

from refusals import refusal

from lib.config.base import build
from lib.config.workers import Workers


def test_the_tried_numbers_are_those_of_the_training_notes():
    assert Workers().n_workers == [0, 1, 2, 4, 8, 12, 16]
    assert build(Workers, {"n_workers": "[0]"}).n_workers == [0]
    assert "at least 1" in refusal(Workers, n_workers="[]")[0]


def test_some_memory_is_always_left():
    assert "less than or equal to 0.98" in refusal(Workers, max_memory_share=1.0)[0]
