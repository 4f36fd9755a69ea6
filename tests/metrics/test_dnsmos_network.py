"""DNSMOS' network in PyTorch rates as the score does, and its gradient leads to better ratings."""

import pytest
import torch
from signals import speech_like

from lib.audio.files import resample
from lib.metrics.dnsmos import WINDOW_LENGTH, dnsmos
from lib.metrics.dnsmos_network import dnsmos_network


def speech(seconds: float) -> torch.Tensor:
    return torch.from_numpy(speech_like(seconds))[None, None]


def test_the_ratings_are_those_of_the_score():
    # Below 7 kHz, since the resamplers differ near 8 kHz.
    below_7k = resample(resample(speech_like(9.01), 48_000, 14_000), 14_000, 48_000)
    signal = torch.from_numpy(below_7k)[None, None]
    assert signal.shape[2] == 3 * WINDOW_LENGTH
    rated = dnsmos_network()(signal, torch.tensor([3 * WINDOW_LENGTH]))[0].tolist()
    score = dnsmos(signal[0, 0].numpy(), 48_000)
    expected = [score[f"dnsmos_{name}"] for name in ("sig", "bak", "ovrl")]
    assert rated == pytest.approx(expected, abs=0.01)


def test_each_item_is_rated_up_to_its_own_end():
    padded = torch.nn.functional.pad(speech(1.0), (0, 48_000))
    pair = torch.cat([padded, speech(2.0)])
    alone = dnsmos_network()(speech(1.0), torch.tensor([48_000]))
    together = dnsmos_network()(pair, torch.tensor([48_000, 96_000]))
    # The resampler hears the silence behind the end.
    torch.testing.assert_close(together[:1], alone, atol=0.02, rtol=0)


def test_the_gradient_leads_to_better_ratings_and_the_weights_stay():
    hiss = 0.01 * torch.randn(1, 1, 48_000, generator=torch.Generator().manual_seed(0))
    signal, n_samples, means = speech(1.0) + hiss, torch.tensor([48_000]), []
    for _ in range(3):
        signal = signal.detach().requires_grad_()
        mean = dnsmos_network()(signal, n_samples).mean()
        means.append(mean.item())
        mean.backward()
        signal = signal + 1e-3 * signal.grad / signal.grad.abs().max()
    assert means[0] < means[1] < means[2]
    assert not any(weight.requires_grad for weight in dnsmos_network().parameters())
