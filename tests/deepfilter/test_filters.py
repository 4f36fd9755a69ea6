"""Filters of the spectrum, with numbers known beforehand."""

import pytest
import torch

from lib.deepfilter import filters
from lib.deepfilter.grid import band_matrix


def test_the_mask_gives_every_bin_the_gain_of_its_band():
    gains = torch.arange(32.0)[None, None]
    masked = filters.erb_mask(torch.ones(1, 1, 481) + 0j, gains, torch.from_numpy(band_matrix()))
    assert masked[0, 0, :6].real.tolist() == [0, 0, 1, 1, 2, 2]
    assert masked[0, 0, -1] == 31


def test_the_filter_over_time_multiplies_complex_numbers():
    taps = torch.zeros(1, 1, 96, 5, dtype=torch.complex64)
    taps[..., 0], taps[..., 4] = 1j, 2.0
    spectra = torch.zeros(1, 5, 481, dtype=torch.complex64)
    spectra[:, 0], spectra[:, 4] = 3.0, 1 + 1j
    filtered = filters.deep_filter(spectra, taps)
    assert filtered.shape == (1, 1, 96)
    assert (filtered == 2 + 5j).all()


@pytest.mark.parametrize("gain, after", [(1.0, 1.0), (0.5, 0.5 * 1.02 / 1.04)])
def test_the_post_filter_attenuates_bins_that_are_attenuated(gain, after):
    noisy = torch.ones(1, 1, 481) + 0j
    filtered = filters.post_filter(gain * noisy, noisy, beta=0.02)
    torch.testing.assert_close(filtered.real[0, 0, :-1], torch.full((480,), after))
    # The last bin is left alone, as in the runtime.
    assert filtered[0, 0, -1] == gain


def test_what_was_removed_comes_back_20_db_lower():
    noisy, filtered = torch.tensor([1.0, 1.0]), torch.tensor([0.0, 1.0])
    limited = filters.limit_attenuation(filtered, noisy, 20.0)
    torch.testing.assert_close(limited, torch.tensor([0.1, 1.0]))
