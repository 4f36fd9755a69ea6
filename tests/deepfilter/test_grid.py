"""The grid: bands cover every bin once, and the window gives a signal back."""

from itertools import pairwise

import numpy as np

from lib.deepfilter.grid import DELAY, N_DF, band_matrix, erb_widths, vorbis_window


def test_every_bin_lies_in_one_band():
    bands = band_matrix()
    assert bands.shape == (481, 32)
    assert (bands.sum(1) == 1).all()
    assert bands.sum(0).tolist() == erb_widths()


def test_bands_never_get_narrower_and_the_delay_is_30_ms():
    widths = erb_widths()
    assert all(upper >= lower for lower, upper in pairwise(widths))
    assert DELAY == 0.030 * 48_000
    assert N_DF * 50 == 4_800  # Hz, where the filter over time ends


def test_analysis_and_synthesis_with_the_window_are_the_identity():
    window = vorbis_window(960).astype(np.float64)
    x = np.random.default_rng(0).standard_normal(4_800)
    padded, out = np.pad(x, 480), np.zeros(5_760)
    for start in range(0, len(padded) - 959, 480):
        frame = padded[start : start + 960] * window
        out[start : start + 960] += np.fft.irfft(np.fft.rfft(frame)) * window
    np.testing.assert_allclose(out[480:-480], x, atol=1e-6)
    assert np.array_equal(vorbis_window(960), vorbis_window(960)[::-1])
