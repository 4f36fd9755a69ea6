"""The gate is open in speech, shut in pauses, and the same in a stream."""

import pytest
import torch
from models.networks import random_inputs, small_generator, with_strong_output
from torch import Tensor

from lib.models.gate import FALL_DB, pause_gate
from lib.models.generator import restore_aligned


def spectra(levels_db: list[float]) -> tuple[Tensor, Tensor]:
    """Frames with a sine of 1 kHz at these levels re full scale."""
    real = torch.zeros(1, 1, len(levels_db), 481)
    real[0, 0, :, 20] = 10 ** (torch.tensor(levels_db) / 20)
    return real, torch.zeros_like(real)


def gates(levels_db: list[float]) -> list[float]:
    return pause_gate(*spectra(levels_db), torch.zeros(1, 1, 1))[0].flatten().tolist()


def test_it_is_half_open_36_db_below_the_loudest_frame():
    assert gates([-10.0, -46.0 - FALL_DB])[1] == pytest.approx(0.5, abs=1e-3)
    assert gates([-10.0, -20.0])[1] > 0.99 and gates([-10.0, -61.0])[1] < 0.01


def test_the_loudest_frame_is_forgotten_by_2_db_a_second():
    """Speech that is 45 dB softer opens the gate to 58 % after five seconds."""
    soft = gates([-10.0] + [-55.0] * 1_000)
    assert soft[1] < 0.1 and soft[501] == pytest.approx(1 / (1 + 2.718281828 ** (-1 / 3)), abs=0.02)


def test_silence_and_faint_noise_before_the_first_word_are_pauses():
    assert max(gates([-200.0, -100.0, -96.0])) < 0.01


def test_frame_by_frame_is_the_same_as_all_at_once():
    levels = torch.randn(50, generator=torch.Generator().manual_seed(0)).mul(20).sub(30).tolist()
    peak, single = torch.zeros(1, 1, 1), []
    for level in levels:
        gate, peak = pause_gate(*spectra([level]), peak)
        single.append(gate.item())
    assert single == pytest.approx(gates(levels), abs=1e-4)


def test_a_pause_of_enhanced_stays_as_it_is_whatever_noisy_holds():
    """A second of a loud signal, then one 60 dB lower, beside noise at full level."""
    network = with_strong_output(small_generator("spectral"))
    inputs = 5 * random_inputs(network, 96_000)
    inputs[:, 0, 48_000:] *= 1e-3
    with torch.no_grad():
        change = restore_aligned(network, inputs) - inputs[:, :1]
    assert change[..., :47_000].abs().max() > 0.01
    assert change[..., 49_000:].abs().max() < 1e-5
