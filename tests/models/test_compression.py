"""Compression keeps the phase."""

import torch

from lib.models.compression import compress, expand


def test_compression_keeps_the_phase_and_expansion_undoes_it():
    real, imag = torch.tensor([3e-3, 0.0]), torch.tensor([4e-3, -1.0])
    compressed = torch.complex(*compress(real, imag))
    torch.testing.assert_close(compressed.abs(), torch.tensor([5e-3**0.3, 1.0]))
    torch.testing.assert_close(compressed.angle(), torch.complex(real, imag).angle())
    torch.testing.assert_close(torch.stack(expand(compressed.real, compressed.imag))[0], real)
