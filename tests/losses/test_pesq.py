"""The model of hearing against the reference implementation of PESQ, and in cases whose answer is known."""

import numpy as np
import pytest
import torch
from scipy.signal import butter, lfilter, sosfilt
from signals import RATE, voiced

from lib.losses.pesq import MAX_PESQ, pesq_loss
from lib.metrics import registry


def lost(ours, real) -> float:
    ours, real = (
        torch.as_tensor(np.ascontiguousarray(x), dtype=torch.float32)[None, None]
        for x in (ours, real)
    )
    return pesq_loss(ours, real, torch.tensor([real.shape[-1]])).item()


def noise(kind: str, clean: np.ndarray, seed: int = 0) -> np.ndarray:
    """As strong as clean."""
    found = np.random.default_rng(seed).standard_normal(len(clean))
    found = lfilter([1], [1, -0.98], found) if kind == "brown" else found
    return found * np.sqrt(np.mean(clean**2) / np.mean(found**2))


@pytest.mark.parametrize("kind", ["white", "brown"])
@pytest.mark.parametrize("seed", [0, 3])
def test_it_is_pesq_within_a_third_of_a_point(kind, seed):
    clean = voiced(4.0, seed=seed)
    for snr_db in (40, 30, 20, 10, 0):
        noisy = clean + 10 ** (-snr_db / 20) * noise(kind, clean)
        pesq = registry.compute_scores(noisy.astype(np.float32), clean, RATE, RATE / 2, ("pesq",))[
            "pesq"
        ]
        assert MAX_PESQ - lost(noisy, clean) == pytest.approx(pesq, abs=0.35)


def test_it_forgives_level_and_filters_and_clipping_as_pesq_does():
    clean = voiced(4.0)
    low = sosfilt(butter(4, 2_000, fs=RATE, output="sos"), clean)
    for ours in (4 * clean, low, np.clip(clean, -0.1, 0.1)):
        pesq = registry.compute_scores(ours.astype(np.float32), clean, RATE, RATE / 2, ("pesq",))[
            "pesq"
        ]
        assert MAX_PESQ - lost(ours, clean) == pytest.approx(pesq, abs=0.15)


def test_what_was_lost_costs_what_it_costs_in_pesq():
    """Hiss that clean has and the other one lacks: P.862 is not symmetric."""
    clean = voiced(4.0)
    for size in (0.03, 0.1):
        more = (clean + size * noise("white", clean)).astype(np.float32)
        pesq = registry.compute_scores(clean, more, RATE, RATE / 2, ("pesq",))["pesq"]
        assert MAX_PESQ - lost(clean, more) == pytest.approx(pesq, abs=0.2)
        assert lost(clean, more) > lost(more, clean) + 0.5


def test_what_lies_behind_an_items_end_does_not_count():
    clean, other = (
        torch.from_numpy(voiced(3.0))[None, None],
        torch.from_numpy(voiced(3.0, seed=1))[None, None],
    )
    n = 2 * RATE - RATE % 768
    late = torch.cat([clean[..., : n + 768], other[..., n + 768 :]], dim=2)
    assert pesq_loss(late, clean, torch.tensor([n])).item() < 1e-3
    assert pesq_loss(late, clean, torch.tensor([3 * RATE])).item() > 0.1


@pytest.mark.parametrize("n_samples", [100, 9_600, 48_000])
def test_silence_and_short_items_have_a_gradient(n_samples):
    ours = torch.zeros(2, 1, n_samples, requires_grad=True)
    real = torch.stack([torch.zeros(1, n_samples), 0.1 * torch.randn(1, n_samples)])
    pesq_loss(ours, real, torch.tensor([n_samples, max(n_samples // 2, 1)])).sum().backward()
    assert torch.isfinite(ours.grad).all()


def test_two_items_cost_what_each_costs_alone():
    torch.manual_seed(0)
    real, ours = (0.1 * torch.randn(2, 1, RATE) for _ in range(2))
    n = torch.tensor([RATE, RATE // 2])
    together = pesq_loss(ours, real, n)
    alone = torch.cat([pesq_loss(ours[i : i + 1], real[i : i + 1], n[i : i + 1]) for i in range(2)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
