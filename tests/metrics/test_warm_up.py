"""The first call of every score."""

import math

from lib.metrics import registry
from lib.metrics.warm_up import score_once


def test_its_signal_is_one_that_every_score_computes():
    scores = score_once()
    assert list(scores) == list(registry.ALL)
    assert not [name for name, score in scores.items() if math.isnan(score)]
