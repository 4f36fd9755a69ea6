"""DNSMOS as a loss."""

import pytest
import torch
from signals import speech_like

from lib.losses.dnsmos import dnsmos_feature_distance, dnsmos_loss
from lib.losses.reconstruction import ReconstructionLoss
from lib.metrics.dnsmos_network import dnsmos_network

SIGNAL, N_SAMPLES = torch.from_numpy(speech_like(1.0))[None, None], torch.tensor([48_000])


def test_the_loss_is_what_the_mean_rating_lacks_to_five_points_whatever_clean_is():
    rating = dnsmos_network()(SIGNAL, N_SAMPLES).mean().item()
    given = SIGNAL, 0 * SIGNAL, 0 * SIGNAL, N_SAMPLES, torch.tensor([24_000.0])
    loss = ReconstructionLoss(("dnsmos",))(*given)["dnsmos"].item()
    assert loss == pytest.approx(5 - rating, abs=1e-5) and 1 < rating < 5


def test_half_precision_gives_nearly_the_same():
    values = [
        dnsmos_loss(SIGNAL, N_SAMPLES, dtype).item() for dtype in (torch.float32, torch.bfloat16)
    ]
    assert values[1] == pytest.approx(values[0], abs=0.05)


def distance(restored, clean, n_samples=N_SAMPLES):
    return dnsmos_feature_distance(restored, clean, n_samples, torch.float32)


def test_activations_are_equal_for_equal_signals_and_differ_the_more_the_noisier_one_is():
    noise = torch.randn(SIGNAL.shape, generator=torch.Generator().manual_seed(0))
    at_20_db, at_0_db = (
        SIGNAL + noise * SIGNAL.square().mean().sqrt() * 10 ** (-snr / 20) for snr in (20, 0)
    )
    assert distance(SIGNAL, SIGNAL) == 0
    assert 0.05 < distance(at_20_db, SIGNAL) < distance(at_0_db, SIGNAL)


def test_what_lies_behind_the_end_does_not_count_and_items_are_apart():
    ended = SIGNAL.clone()
    ended[..., 24_000:] = 0
    n_samples = torch.tensor([24_000])
    # The resampling filter hears a little of it.
    assert distance(ended, SIGNAL, n_samples) < 1e-5
    both = distance(torch.cat([ended, 0.5 * SIGNAL]), SIGNAL.expand(2, -1, -1), N_SAMPLES.expand(2))
    alone = [distance(x, SIGNAL)[0] for x in (ended, 0.5 * SIGNAL)]
    assert both.tolist() == pytest.approx([value.item() for value in alone], rel=1e-4)


def test_its_gradient_reaches_the_signal():
    restored = (0.5 * SIGNAL).requires_grad_()
    distance(restored, SIGNAL).sum().backward()
    assert torch.isfinite(restored.grad).all() and restored.grad.any()
