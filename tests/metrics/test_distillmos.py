"""DistillMOS: as its package, and lower with more noise."""

import numpy as np
import pytest
import torch
from signals import RATE, noise

from lib.audio import files
from lib.metrics.distillmos import distillmos


def in_noise(signal, snr_db):
    hiss = noise(len(signal) / RATE)[: len(signal)]
    return signal + hiss * np.sqrt(np.mean(signal**2) / np.mean(hiss**2)) * 10 ** (-snr_db / 20)


def test_it_falls_with_more_noise(spoken):
    means = [
        np.mean([distillmos(in_noise(x, snr_db), RATE) for x in spoken]) for snr_db in (0, 20, 40)
    ]
    assert means[0] < means[1] < means[2] < np.mean([distillmos(x, RATE) for x in spoken]) + 0.1


@pytest.mark.parametrize("n_samples", [1, 4_807, 96_000, 355_200, 400_000])
def test_it_equals_the_package_s_own_call(spoken, n_samples, capsys):
    """A short signal, too, most of whose silence is not computed."""
    from distillmos import ConvTransformerSQAModel

    signal = np.resize(spoken[0], n_samples) + np.float32(1e-3)
    samples = torch.from_numpy(files.resample(signal, RATE, 16_000))
    with torch.no_grad():
        expected = ConvTransformerSQAModel().eval()(samples[None]).item()
    capsys.readouterr()
    assert distillmos(signal, RATE) == pytest.approx(expected, abs=1e-5)
    assert capsys.readouterr().out == ""


def test_it_does_not_mind_the_level(spoken):
    assert distillmos(0.1 * spoken[0], RATE) == pytest.approx(distillmos(spoken[0], RATE), abs=1e-3)
