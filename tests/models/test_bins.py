"""Gains of bins: their limit, where they end, and that they differ within a band."""

import pytest
import torch
from models.networks import small_generator

from lib.deepfilter.grid import band_matrix
from lib.models.bins import BAND_SHARE, MAX_GAIN_DB
from lib.models.generator import restore_aligned


def sine(bin_number: int):
    t = torch.arange(48_000) / 960
    return 0.1 * torch.sin(2 * torch.pi * bin_number * t).expand(1, 2, -1)


def gain_db(network, bin_number: int) -> float:
    """Of a sine, far from its start and end."""
    x = sine(bin_number)
    y = restore_aligned(network, x)
    inside = slice(9_600, -9_600)
    return 20 * (y[..., inside].norm() / x[:, :1, inside].norm()).log10().item()


@pytest.mark.parametrize("given_db, expected_db", [(3.0, 3.0), (-3.0, -3.0), (200.0, MAX_GAIN_DB)])
@torch.no_grad()
def test_bins_get_their_gain_up_to_12_khz_and_12_db(given_db, expected_db):
    network = small_generator("bins", gate_pauses=False, learning=True)
    for layer in (network.head, network.detail):
        layer.weight.zero_()
    network.detail.bias.fill_(given_db)
    expected = MAX_GAIN_DB * torch.tanh(torch.tensor(given_db / MAX_GAIN_DB)).item()
    assert expected == pytest.approx(expected_db, abs=0.2)
    assert gain_db(network, 20) == pytest.approx(expected, abs=0.01)
    assert gain_db(network, 230) == pytest.approx(expected, abs=0.01)
    assert gain_db(network, 260) == pytest.approx(0.0, abs=0.01)


def hears_levels(learning: bool):
    """A network whose gain of a bin follows the level of that bin of enhanced alone, below 12 kHz.

    The first layer passes on the level, SiLU bends it, and the last one doubles it: dB.
    """
    network = small_generator("bins", gate_pauses=False, learning=learning)
    with torch.no_grad():
        for weight in network.parameters():
            weight.zero_()
        network.first.conv.weight[0, 0, -1, 2] = 1.0
        network.detail.weight[0, 0, 0, 1] = 2.0
    return network


def harmonic_and_gap(network) -> tuple[float, float]:
    """Gains in dB of two sines in one band, 60 dB apart."""
    widths = band_matrix().sum(0)
    band = widths.tolist().index(8)
    first = int(widths[:band].sum())
    x = sine(first + 2) + 1e-3 * sine(first + 6)
    y = restore_aligned(network, x)
    inside = slice(9_600, 38_400)
    window = torch.hann_window(28_800)
    gains = torch.fft.rfft(y[0, 0, inside] * window) / torch.fft.rfft(x[0, 0, inside] * window)
    of_bins = gains[[30 * (first + 2), 30 * (first + 6)]]  # 30 periods of the grid
    return tuple((20 * torch.log10(of_bins.abs())).tolist())


@torch.no_grad()
def test_a_harmonic_gets_another_gain_than_the_gap_beside_it():
    harmonic, gap = harmonic_and_gap(hears_levels(learning=True))
    # Levels of -20 and -80 dB re a full-scale sine are 1.67 and -0.33 for the network.
    expected = [2 * level * torch.tensor(level).sigmoid().item() for level in (5 / 3, -1 / 3)]
    assert [harmonic, gap] == pytest.approx(expected, abs=0.2)


@torch.no_grad()
def test_in_use_differences_within_a_band_count_whole_and_the_band_less():
    harmonic, gap = harmonic_and_gap(hears_levels(learning=True))
    milder, gap_in_use = harmonic_and_gap(hears_levels(learning=False))
    # The harmonic holds the band's level, so that all of its gain is the band's.
    assert milder == pytest.approx(BAND_SHARE * harmonic, abs=0.2)
    assert gap_in_use - milder == pytest.approx(gap - harmonic, abs=0.2)


@torch.no_grad()
def test_in_a_pause_no_bin_gets_louder_however_the_gain_of_its_band_is_made_milder():
    """A loud second, then the same two sines 60 dB softer."""
    network = hears_levels(learning=False)
    gated = small_generator("bins", gate_pauses=True)
    gated.load_state_dict(network.state_dict())
    loud = sine(50) + 0.1 * sine(52)
    x = torch.cat([loud, 1e-3 * loud], dim=2)
    y = restore_aligned(gated, x)
    pause = slice(60_000, 90_000 - 240)
    window = torch.hann_window(29_760)
    before, after = (torch.fft.rfft(z[0, 0, pause] * window).abs() for z in (x, y))
    for bin_number in (50, 52):
        at = 31 * bin_number  # 31 periods of the grid
        assert after[at] <= 1.002 * before[at]
