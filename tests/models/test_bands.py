"""Gains of bands: how large they are, what they are applied to, and how much of it there is."""

import pytest
import torch
from models.networks import random_inputs, small_generator, with_strong_output

from lib.deepfilter.grid import erb_widths
from lib.models.generator import restore_aligned


def with_gain(gain_db: float, band: int = 25, gate_pauses: bool = False):
    """A network that gives one band this gain, whatever it hears."""
    network = small_generator("bands", gate_pauses=gate_pauses)
    with torch.no_grad():
        network.head.weight.zero_()
        network.head.bias[band] = 6 * torch.atanh(torch.tensor(gain_db / 6))
    return network


def sine(bin_number: int, n_samples: int = 48_000):
    t = torch.arange(n_samples) / 960
    return 0.1 * torch.sin(2 * torch.pi * bin_number * t).expand(1, 2, -1)


@pytest.mark.parametrize("gain_db", [3.0, -3.0, 5.9])
@torch.no_grad()
def test_a_band_gets_its_gain_and_the_others_stay(gain_db):
    edge = sum(erb_widths()[:25])
    centre = edge + erb_widths()[25] // 2
    network = with_gain(gain_db)
    # A sine falls on three bins; far from the band's edges all of them are inside or outside.
    for bin_number, expected_db in ((centre, gain_db), (20, 0.0)):
        x = sine(bin_number)
        y = restore_aligned(network, x)
        change = (y[..., 4_800:-4_800].norm() / x[:, :1, 4_800:-4_800].norm()).log10() * 20
        assert change.item() == pytest.approx(expected_db, abs=0.1)


@pytest.mark.parametrize("gain_db, expected_db", [(5.0, 0.0), (-5.0, -5.0)])
@torch.no_grad()
def test_a_pause_may_get_quieter_and_not_louder(gain_db, expected_db):
    """A loud second, then one that is 60 dB softer."""
    network = with_gain(gain_db, band=31, gate_pauses=True)
    x = sine(450, 96_000).clone()
    x[..., 48_000:] *= 1e-3
    y = restore_aligned(network, x)
    pause = slice(60_000, 90_000)
    change = (y[..., pause].norm() / x[:, :1, pause].norm()).log10() * 20
    assert change.item() == pytest.approx(expected_db, abs=0.05)


@pytest.mark.parametrize("architecture", ["bands", "bins"])
@torch.no_grad()
def test_no_sound_of_noisy_gets_into_the_output(architecture):
    network = with_strong_output(small_generator(architecture))
    x = random_inputs(network, 9_600)
    x[:, 0] = 0
    assert restore_aligned(network, x).abs().max() == 0


@pytest.mark.parametrize("architecture", ["bands", "bins"])
@torch.no_grad()
def test_noisy_is_heard(architecture):
    network = with_strong_output(small_generator(architecture, gate_pauses=False))
    x = random_inputs(network, 9_600)
    other = x.clone()
    other[:, 1] *= 3
    assert (restore_aligned(network, other) - restore_aligned(network, x)).abs().max() > 1e-4
