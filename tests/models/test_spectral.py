"""The spectral generator's own parts: compression, masks, analysis and synthesis."""

import numpy as np
import pytest
import torch
from models.networks import small_generator

from lib.deepfilter.grid import band_matrix
from lib.models.spectral import apply_band_gains, apply_masks, compress, expand


def test_compression_keeps_the_phase_and_expansion_undoes_it():
    real, imag = torch.tensor([3e-3, 0.0]), torch.tensor([4e-3, -1.0])
    compressed = torch.complex(*compress(real, imag))
    torch.testing.assert_close(compressed.abs(), torch.tensor([5e-3**0.3, 1.0]))
    torch.testing.assert_close(compressed.angle(), torch.complex(real, imag).angle())
    torch.testing.assert_close(torch.stack(expand(compressed.real, compressed.imag))[0], real)


def test_masks_are_complex_factors_and_the_residual_is_added():
    enhanced, noisy = 1 + 2j, 3 - 1j
    mask_enhanced, mask_noisy, residual = 0.5j, -1.0 + 1j, 0.25 + 4j

    def as_channels(*values):
        return torch.tensor(values)[None, :, None, None]

    parts = (mask_enhanced, mask_noisy, residual)
    output = as_channels(*(complex(z).real for z in parts), *(complex(z).imag for z in parts))
    real, imag = apply_masks(
        as_channels(enhanced.real, noisy.real), as_channels(enhanced.imag, noisy.imag), output
    )
    expected = enhanced * (1 + mask_enhanced) + noisy * mask_noisy + residual
    assert (real.item(), imag.item()) == (expected.real, expected.imag)


def test_a_full_scale_sine_has_the_magnitude_1():
    network = small_generator()
    sine = torch.sin(2 * torch.pi * 100 * torch.arange(9_600) / 960).expand(1, 2, -1)
    real, imag, last_hop = network.analysis(sine, torch.zeros(1, 2, 480))
    magnitude = torch.complex(real, imag)[0, 0, 5].abs()
    assert magnitude.argmax() == 100
    torch.testing.assert_close(magnitude.max(), torch.tensor(1.0), atol=1e-3, rtol=0)
    assert torch.equal(last_hop, sine[..., -480:])


@torch.no_grad()
def test_synthesis_of_the_analysis_is_the_signal_one_hop_late():
    network = small_generator()
    x = torch.randn(1, 1, 4_800, generator=torch.Generator().manual_seed(0))
    real, imag, _ = network.analysis(x, torch.zeros(1, 1, 480))
    late, _ = network.synthesis(real, imag, torch.zeros(1, 1, 480))
    torch.testing.assert_close(late[..., 480:], x[..., :-480], atol=1e-5, rtol=0)


def test_the_window_gives_a_signal_back_by_numpy_alone():
    window = small_generator().window.double().numpy()
    x = np.random.default_rng(0).standard_normal(4_800)
    padded = np.pad(x, 480)
    out = np.zeros_like(padded)
    for start in range(0, len(padded) - 959, 480):
        frame = padded[start : start + 960] * window
        out[start : start + 960] += np.fft.irfft(np.fft.rfft(frame)) * window
    np.testing.assert_allclose(out[480:-480], x, atol=1e-6)


@pytest.mark.parametrize(
    "gate, wanted_db, expected_db",
    [(1.0, 6.0, 6.0), (1.0, -6.0, -6.0), (0.0, 6.0, 0.0), (0.0, -6.0, -6.0), (0.5, 6.0, 3.0)],
)
def test_a_band_gets_its_gain_and_is_not_louder_where_the_gate_is_shut(
    gate, wanted_db, expected_db
):
    """Band 10 of a spectrum at 0.1 with a phase of 45 degrees; the other bands stay."""
    bands = band_matrix()
    spectrum = torch.full((1, 2, 3, 481), 0.1 / 2**0.5)
    output = torch.atanh(torch.tensor(wanted_db / 12)) * bands[:, 10].expand(1, 1, 3, 481)
    compressed = compress(spectrum, spectrum)
    real, imag = expand(*apply_band_gains(*compressed, output, gate, bands))
    changes_db = 20 * torch.log10(torch.hypot(real, imag) / 0.1)[0, 0]
    torch.testing.assert_close(real, imag)
    inside = bands[:, 10] > 0
    assert changes_db[:, inside].numpy() == pytest.approx(expected_db, abs=1e-3)
    assert changes_db[:, ~inside].numpy() == pytest.approx(0.0, abs=1e-3)
