"""The DFT by small matrices is the FFT."""

import numpy as np
import pytest
import torch

from lib.models.dft import dft, inverse_dft


@pytest.mark.parametrize("k", [0, 1, 29, 30, 31, 479, 480])
def test_a_cosine_is_one_bin(k):
    n = torch.arange(960, dtype=torch.float64)
    real, imag = dft(torch.cos(2 * torch.pi * k * n / 960).float())
    expected = torch.zeros(481)
    expected[k] = 960 if k in (0, 480) else 480
    torch.testing.assert_close(real, expected, atol=2e-3, rtol=0)
    torch.testing.assert_close(imag, torch.zeros(481), atol=2e-3, rtol=0)


def test_it_is_numpys_fft_of_any_frames():
    frames = np.random.default_rng(0).standard_normal((2, 3, 960))
    real, imag = dft(torch.from_numpy(frames).float())
    expected = np.fft.rfft(frames)
    np.testing.assert_allclose(real + 1j * imag, expected, atol=1e-3)


def test_the_inverse_gives_the_frames_back():
    frames = torch.randn(2, 3, 960, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(inverse_dft(*dft(frames)), frames, atol=1e-5, rtol=0)
