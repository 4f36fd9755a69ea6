"""The time of single hops: a row for each hop, a column for each candidate."""

import numpy as np

from lib.benchmarks import latency
from lib.benchmarks.items import Item


def test_every_hop_of_every_candidate_is_timed():
    hiss = 0.1 * np.random.default_rng(0).standard_normal(4_800).astype(np.float32)
    table = latency.hop_times(Item("hiss", 0.0, hiss), 120)
    names = ["deepfilter", "restorer", "chain", "light", "exported", "runtime"]
    assert list(table) == names and len(table) == 120
    assert (table > 0).all(axis=None)
    # The chain is both networks and more.
    median = table.median()
    assert median.chain > max(median.deepfilter, median.restorer)
