"""DeepFilterNet3 beside the Rust runtime: the tables are about what they say.

Whether the two agree is tested in `tests/deepfilter`.
"""

import numpy as np
import pytest
from signals import RATE, voiced

from lib.benchmarks import deepfilter
from lib.benchmarks.items import Item


@pytest.fixture(scope="module")
def item():
    """Speech in noise with a pause of digital silence."""
    hiss = 0.02 * np.random.default_rng(0).standard_normal(RATE)
    speech = 3 * voiced(1.0, 0) + hiss
    noisy = np.concatenate([speech, np.zeros(RATE // 2), speech]).astype(np.float32)
    return Item("speech in hiss", 10.0, noisy)


def test_the_runtime_is_aligned_and_as_long_as_its_input(item):
    output = deepfilter.rust_runtime(item.noisy)
    assert len(output) == len(item.noisy)
    lags = range(-20, 21)
    products = [np.dot(np.roll(output, lag), item.noisy) for lag in lags]
    assert lags[int(np.argmax(products))] == 0


def test_a_row_tells_agreement_pauses_and_level(item):
    (row,) = deepfilter.agreement([item]).itertuples()
    assert row.name == "speech in hiss" and row.agreement_db >= 55
    assert row.n_pauses == 50  # half a second of hops
    # With pauses in place, words end before the pause and not behind it.
    assert row.in_place_db < row.agreement_db


def test_hop_levels_show_the_levels_of_each_signal(item):
    table = deepfilter.hop_levels(item)
    assert len(table) == len(item.noisy) // 480
    assert table.time_s[100] == pytest.approx(1.0)
    assert table.noisy[100:150].max() < -180  # the pause
    first = item.noisy[:480].astype(np.float64)
    assert table.noisy[0] == pytest.approx(10 * np.log10(2 * np.mean(first**2)), abs=1e-6)
    assert (table.difference < table.runtime.max()).all()


def test_throughput_is_measured_for_each_batch_size(item):
    table = deepfilter.speed([item], [1, 2], n_repeats=1)
    assert table.batch_size.tolist() == [1, 2] and (table.audio_per_s > 0).all()
    np.testing.assert_allclose(table.ratio, table.audio_per_s / table.runtime_audio_per_s)
