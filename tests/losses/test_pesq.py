"""The PESQ loss against two other implementations of PESQ, and in cases whose answer is known."""

import numpy as np
import pytest
import torch
from scipy.signal import butter, lfilter, sosfilt
from signals import RATE, voiced
from torch_pesq import PesqLoss

from lib.losses.pesq import (
    MAX_PESQ,
    forgive_fixed_filter,
    forgive_slow_gain,
    frame_disturbances,
    mos_lqo,
    norm_over_time,
    pesq_loss,
)
from lib.metrics import registry


def loss(restored: np.ndarray, clean: np.ndarray, *forgives: bool) -> float:
    signals = [torch.from_numpy(np.float32(x))[None, None] for x in (restored, clean)]
    return pesq_loss(*signals, torch.tensor([len(clean)]), *forgives).item()


def reference_pesq(restored: np.ndarray, clean: np.ndarray) -> float:
    """The score of the ITU's own code."""
    signals = np.float32(restored), np.float32(clean)
    return registry.compute_scores(*signals, RATE, RATE / 2, ("pesq",))["pesq"]


def noise(kind: str, clean: np.ndarray, seed: int = 0) -> np.ndarray:
    """White or brown noise as strong as clean."""
    signal = np.random.default_rng(seed).standard_normal(len(clean))
    signal = lfilter([1], [1, -0.98], signal) if kind == "brown" else signal
    return signal * np.sqrt(np.mean(clean**2) / np.mean(signal**2))


@pytest.mark.parametrize("kind", ["white", "brown"])
@pytest.mark.parametrize("seed", [0, 3])
def test_it_is_pesq_within_a_third_of_a_point(kind, seed):
    clean = voiced(4.0, seed=seed)
    for snr_db in (40, 30, 20, 10, 0):
        noisy = clean + 10 ** (-snr_db / 20) * noise(kind, clean)
        score = MAX_PESQ - loss(noisy, clean, True)
        assert score == pytest.approx(reference_pesq(noisy, clean), abs=0.35)


@pytest.mark.parametrize("kind", ["white", "brown"])
def test_it_follows_another_differentiable_pesq_over_the_snr(kind):
    """torch-pesq aligns levels by another filter, and it smooths gains as this loss does."""
    clean, other = voiced(4.0), PesqLoss(1.0, sample_rate=RATE)
    scores = []
    for snr_db in (60, 40, 30, 20, 10, 0, -5):
        noisy = np.float32(clean + 10 ** (-snr_db / 20) * noise(kind, clean))
        signals = [torch.from_numpy(np.float32(x))[None] for x in (clean, noisy)]
        scores.append((MAX_PESQ - loss(noisy, clean, True), other.mos(*signals).item()))
    ours, theirs = np.array(scores).T
    assert (np.diff(ours) < 0).all() and (np.diff(theirs) < 0).all()
    assert np.corrcoef(ours, theirs)[0, 1] > 0.99
    assert np.abs(ours - theirs).max() < 0.3


def test_it_forgives_level_and_filters_and_clipping_as_pesq_does():
    clean = voiced(4.0)
    low = sosfilt(butter(4, 2_000, fs=RATE, output="sos"), clean)
    for restored in (4 * clean, low, np.clip(clean, -0.1, 0.1)):
        score = MAX_PESQ - loss(restored, clean, True)
        assert score == pytest.approx(reference_pesq(restored, clean), abs=0.15)


def test_by_default_a_fixed_filter_and_a_slow_gain_cost_what_pesq_forgives():
    """6 dB an octave from 1 kHz on; 6 dB up and down in two seconds."""
    clean = voiced(4.0)
    duller = sosfilt(butter(1, 1_000, fs=RATE, output="sos"), clean)
    swelling = clean * 10 ** (0.3 * np.sin(np.pi * np.arange(len(clean)) / RATE))
    for restored in (duller, swelling):
        assert loss(restored, clean, True) < 0.05 and loss(restored, clean) > 0.5
    assert loss(clean, clean) < 1e-3


def test_what_was_lost_costs_what_it_costs_in_pesq():
    """Hiss that clean has and restored lacks: P.862 is not symmetric."""
    clean = voiced(4.0)
    for size in (0.03, 0.1):
        hissing = clean + size * noise("white", clean)
        score = MAX_PESQ - loss(clean, hissing, True)
        assert score == pytest.approx(reference_pesq(clean, hissing), abs=0.2)
        assert loss(clean, hissing, True) > loss(hissing, clean, True) + 0.5


def test_what_lies_behind_an_items_end_does_not_count():
    clean, other = (torch.from_numpy(voiced(3.0, seed=seed))[None, None] for seed in (0, 1))
    n = 2 * RATE - RATE % 768
    late = torch.cat([clean[..., : n + 768], other[..., n + 768 :]], dim=2)
    assert pesq_loss(late, clean, torch.tensor([n])).item() < 1e-3
    assert pesq_loss(late, clean, torch.tensor([3 * RATE])).item() > 0.1


@pytest.mark.parametrize("n_samples", [100, 9_600, 48_000])
def test_silence_and_short_items_have_a_gradient(n_samples):
    restored = torch.zeros(2, 1, n_samples, requires_grad=True)
    clean = torch.stack([torch.zeros(1, n_samples), 0.1 * torch.randn(1, n_samples)])
    lengths = torch.tensor([n_samples, max(n_samples // 2, 1)])
    pesq_loss(restored, clean, lengths).sum().backward()
    assert torch.isfinite(restored.grad).all()


def test_two_items_cost_what_each_costs_alone():
    torch.manual_seed(0)
    clean, restored = (0.1 * torch.randn(2, 1, RATE) for _ in range(2))
    n = torch.tensor([RATE, RATE // 2])
    together = pesq_loss(restored, clean, n)
    alone = [pesq_loss(restored[i : i + 1], clean[i : i + 1], n[i : i + 1]) for i in range(2)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-5)


def bands(power: float, n_frames: int = 30) -> torch.Tensor:
    return torch.full((1, n_frames, 49), power)


def test_a_fixed_filter_of_less_than_20_db_is_forgiven():
    """The two lowest bands are not audible at this power."""
    inside, n_frames = torch.ones(1, 30, dtype=torch.bool), torch.tensor([30])
    for gain, forgiven in ((4.0, 4.0), (0.5, 0.5), (1_000.0, 100.0)):
        clean = bands(1e6)
        equalised = forgive_fixed_filter(gain * clean, clean, inside, n_frames)
        ratio = (equalised / clean)[..., 2:]
        torch.testing.assert_close(ratio, torch.full_like(ratio, forgiven), rtol=1e-2, atol=0)


def test_a_constant_gain_is_forgiven_and_four_fifths_of_a_jump():
    clean, restored = bands(1e6), bands(1e6)
    restored[:, 15:] *= 4
    forgiven = forgive_slow_gain(restored, clean)
    ratio = (forgiven / clean)[0, :, 0]
    assert ratio[:15].tolist() == pytest.approx([1.0] * 15)
    assert ratio[15].item() == pytest.approx(4 * (0.8 * 0.25 + 0.2 * 1.0), rel=1e-3)
    assert ratio[16].item() == pytest.approx(1.0, rel=1e-3)


def test_equal_bands_do_not_disturb_and_only_added_power_is_asymmetric():
    symmetric, asymmetric = frame_disturbances(bands(1e6), bands(1e6))
    assert symmetric.max() < 1e-5 and asymmetric.max() == 0
    assert frame_disturbances(bands(1e7), bands(1e6))[1].min() > 0
    assert frame_disturbances(bands(1e6), bands(1e7))[1].max() == 0


def test_the_worst_moment_of_a_window_decides():
    """One frame of 20 with disturbance 20: (20^6 / 20)^(1/6) = 12.1; the mean would be 1."""
    disturbance = torch.zeros(1, 20)
    disturbance[0, 7] = 20.0
    norm = norm_over_time(disturbance, torch.tensor([20])).item()
    assert norm == pytest.approx(20 * 20 ** (-1 / 6), rel=1e-4)


def test_the_best_raw_score_is_4_64():
    assert mos_lqo(torch.tensor(4.5)).item() == pytest.approx(MAX_PESQ)
    assert pytest.approx(4.6439, abs=1e-4) == MAX_PESQ
