"""Masks are complex factors, and a residual is added."""

import torch

from lib.models.masks import apply_masks


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
