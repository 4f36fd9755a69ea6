"""Spectra of signals and back: levels, delay, reconstruction."""

import numpy as np
import torch

from lib.deepfilter.grid import vorbis_window
from lib.models.frames import analysis, synthesis

WINDOW = torch.from_numpy(vorbis_window(960))


def test_a_full_scale_sine_has_the_magnitude_1():
    sine = torch.sin(2 * torch.pi * 100 * torch.arange(9_600) / 960).expand(1, 2, -1)
    real, imag, last_hop = analysis(sine, torch.zeros(1, 2, 480), WINDOW)
    magnitude = torch.complex(real, imag)[0, 0, 5].abs()
    assert magnitude.argmax() == 100
    torch.testing.assert_close(magnitude.max(), torch.tensor(1.0), atol=1e-3, rtol=0)
    assert torch.equal(last_hop, sine[..., -480:])


def test_synthesis_of_the_analysis_is_the_signal_one_hop_late():
    x = torch.randn(1, 1, 4_800, generator=torch.Generator().manual_seed(0))
    real, imag, _ = analysis(x, torch.zeros(1, 1, 480), WINDOW)
    late, _ = synthesis(real, imag, torch.zeros(1, 1, 480), WINDOW)
    torch.testing.assert_close(late[..., 480:], x[..., :-480], atol=1e-5, rtol=0)


def test_the_window_gives_a_signal_back_by_numpy_alone():
    window = WINDOW.double().numpy()
    x = np.random.default_rng(0).standard_normal(4_800)
    padded = np.pad(x, 480)
    out = np.zeros_like(padded)
    for start in range(0, len(padded) - 959, 480):
        frame = padded[start : start + 960] * window
        out[start : start + 960] += np.fft.irfft(np.fft.rfft(frame)) * window
    np.testing.assert_allclose(out[480:-480], x, atol=1e-6)
