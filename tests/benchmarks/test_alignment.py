"""Lags of three methods: pairs have the lag that they claim, and the summary counts right."""

import numpy as np
import pandas as pd
import pytest
from benchmarks.folders import sources_below

from lib.benchmarks import alignment
from lib.benchmarks.alignment import LagPair

METHODS = ("align.lag", "numpy.correlate", "dot product")


@pytest.mark.parametrize("lag", [-300, 0, 17])
def test_all_methods_find_the_lag_of_white_noise(lag):
    noise = np.random.default_rng(0).standard_normal(20_000).astype(np.float32)
    # A smooth signal: the dot products look at every 16th lag first.
    smooth = np.convolve(noise, np.hanning(64), "same").astype(np.float32)
    pair = LagPair(np.roll(smooth, lag), smooth, lag, 5.0, True)
    table = alignment.measure_alignment([pair], max_lag=500)
    assert table.method.tolist() == list(METHODS) and table.error.tolist() == [0, 0, 0]
    assert table.confidence.notna().tolist() == [True, False, False]


def test_pairs_have_their_lag_and_unrelated_ones_follow(tmp_path, monkeypatch):
    monkeypatch.setattr(alignment, "MAX_SECONDS", 2.2)
    pairs = alignment.lag_pairs(sources_below(tmp_path), 5, [15.0], seed=1, max_lag=200)
    assert [pair.related for pair in pairs] == [True] * 5 + [False] * 2
    table = alignment.measure_alignment(pairs[:2], max_lag=200)
    assert (table.error[table.method == "align.lag"] == 0).all()
    for pair in pairs:
        assert len(pair.estimate) == len(pair.reference) and abs(pair.lag) <= 200


def test_a_summary_counts_exact_lags_by_snr_and_unrelated_pairs_that_are_believed():
    rows = []
    for method, ms in zip(METHODS, (1.0, 10.0, 4.0), strict=True):
        for error, snr_db, related in ((0, 0.0, True), (3, 0.0, True), (0, 10.0, True)):
            rows.append((method, related, snr_db, error, 9.0, ms))
        rows.append((method, False, 0.0, 50, 9.0 if method == "align.lag" else np.nan, ms))
    columns = ["method", "related", "snr_db", "error", "confidence", "ms"]
    summary = alignment.alignment_summary(pd.DataFrame(rows, columns=columns))
    assert summary["exact at 0 dB"].tolist() == [0.5] * 3
    assert summary["exact at 10 dB"].tolist() == [1.0] * 3
    assert summary["unrelated accepted"]["align.lag"] == 1.0
    assert summary["unrelated accepted"].isna().sum() == 2
    assert summary["times"].to_dict() == dict(zip(METHODS, (1.0, 10.0, 4.0), strict=True))
