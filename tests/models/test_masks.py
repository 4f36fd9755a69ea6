"""Masks are complex factors, gains of bands are gains in dB."""

import pytest
import torch

from lib.deepfilter.grid import band_matrix
from lib.models.compression import compress, expand
from lib.models.masks import apply_band_gains, apply_masks


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
