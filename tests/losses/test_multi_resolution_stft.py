"""The distance of log spectra in dB, in cases whose value is known."""

import pytest
import torch
from losses.given import FULL_BAND, noise, tone, whole_length

from lib.losses.multi_resolution_stft import MultiResolutionSTFT
from lib.losses.terms import band_limit


def test_half_the_amplitude_is_6_02_db_where_there_is_signal():
    clean = noise(0.5)
    loss = MultiResolutionSTFT()(clean / 2, clean, whole_length(clean), FULL_BAND)
    assert loss.item() == pytest.approx(6.02, abs=0.05)


def test_equal_signals_cost_nothing():
    x = tone(440)
    assert MultiResolutionSTFT()(x, x, whole_length(x), FULL_BAND) == 0


def test_the_weight_of_the_highs_acts_on_the_highs_alone():
    clean = noise(0.01)
    plain, weighted = MultiResolutionSTFT(), MultiResolutionSTFT(high_band_weight=3.0)
    for hz, factor in ((500, 1.0), (8_000, 3.0)):
        given = clean + tone(hz, 0.2), clean, whole_length(clean), FULL_BAND
        assert (weighted(*given) / plain(*given)).item() == pytest.approx(factor, rel=0.02)


def test_a_bin_that_was_emptied_still_has_a_gradient_that_asks_for_more():
    """The restored tone is at -100 dB, below the floor."""
    clean, restored = tone(1_000), tone(1_000, amplitude=1e-5).requires_grad_()
    MultiResolutionSTFT()(restored, clean, whole_length(clean), FULL_BAND).backward()
    assert restored.grad.abs().max() > 0
    assert (restored.grad * clean).sum() < 0


def test_what_lies_above_the_bandwidth_is_not_counted():
    clean, stft, limit = tone(1_000), MultiResolutionSTFT(), torch.tensor([11_025.0])
    n_samples = whole_length(clean)
    same = band_limit(clean + tone(15_000), limit)
    assert stft(same, band_limit(clean, limit), n_samples, limit) < 0.01
    inside = band_limit(clean + tone(8_000), limit)
    assert stft(inside, clean, n_samples, limit) > 0.1
    assert stft(clean + tone(15_000), clean, n_samples, FULL_BAND) > 0.1
