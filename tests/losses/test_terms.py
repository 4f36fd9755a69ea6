"""Single loss terms in cases whose value is known."""

import pytest
import torch
from losses.given import FULL_BAND, RATE, tone, whole_length

from lib.losses import terms
from lib.losses.terms import N_FFT
from lib.models.compression import COMPRESSION


def spectra(*signals):
    return [terms.spectrum(signal, torch.hann_window(N_FFT)) for signal in signals]


def test_equal_signals_cost_nothing():
    x = tone(440)
    assert terms.l1(x, x, whole_length(x)) == 0


def test_the_complex_term_hears_the_phase_and_the_magnitude():
    """A turned polarity has the right magnitudes: |-z - z|^2 / 2 = 2 |z|^2."""
    x = tone(1_000)
    z, turned, halved = spectra(x, -x, x / 2)
    inside = terms.bins_below(FULL_BAND, N_FFT)
    costs = [terms.complex_distance(y, z, inside).mean().item() for y in (turned, halved)]
    assert costs[0] > costs[1] > 0
    power = (z.real.square() + z.imag.square())[:, :-1].double()  # all bins below 24 kHz
    compressed = power * (power + 1e-12).pow(COMPRESSION - 1)
    assert costs[0] == pytest.approx(2 * compressed.mean().item(), rel=1e-3)


def test_band_limit_keeps_what_is_below_and_removes_what_is_above():
    limit = torch.tensor([11_025.0])
    kept = terms.band_limit(tone(1_000) + tone(15_000), limit)
    torch.testing.assert_close(kept, tone(1_000), atol=1e-5, rtol=0)
    x = tone(15_000)
    assert terms.band_limit(x, FULL_BAND) is x


def test_means_are_over_the_true_lengths_and_then_over_the_items():
    values = torch.tensor([[1.0, 3.0, 100.0], [4.0, 5.0, 6.0]])
    assert terms.item_mean(values, torch.tensor([2, 3])).item() == pytest.approx((2 + 5) / 2)
    bins = torch.tensor([[[1.0], [2.0], [30.0]]])
    assert terms.bin_mean(bins, torch.tensor([[1.0, 1.0, 0.0]])).item() == pytest.approx(1.5)


def test_the_bands_of_a_mel_filter_rise_in_frequency():
    centres = (terms.mel_filters() * torch.linspace(0, RATE / 2, N_FFT // 2 + 1)[:, None]).sum(0)
    assert (centres.diff() > 0).all() and 22_000 < centres[-1] < 24_000


def test_unequal_shapes_are_named():
    with pytest.raises(ValueError, match=r"\(1, 1, 100\).*\(1, 1, 99\)"):
        terms.l1(torch.zeros(1, 1, 100), torch.zeros(1, 1, 99), torch.tensor([99]))
