"""Compressed spectra `|X|^0.3 exp(i arg X)`: quiet bins count beside loud ones."""

from torch import Tensor

# Exponent of the magnitudes, as in the complex losses of speech enhancement (1804.03619).
COMPRESSION = 0.3
# Squared magnitude (-120 dB of a full-scale sine) below which compression turns linear.
POWER_FLOOR = 1e-12


def compress(real: Tensor, imag: Tensor) -> tuple[Tensor, Tensor]:
    """Magnitudes to the power 0.3, phases kept.

    Far below -120 dB it is linear, so that silence has a gradient.

    >>> import torch
    >>> [round(float(part), 3) for part in compress(torch.tensor(0.0), torch.tensor(1e-3))]
    [0.0, 0.126]
    """
    scale = _power(real, imag, POWER_FLOOR).pow((COMPRESSION - 1) / 2)
    return real * scale, imag * scale


def expand(real: Tensor, imag: Tensor) -> tuple[Tensor, Tensor]:
    """The inverse of `compress` above the floor.

    >>> import torch
    >>> [round(float(part), 6) for part in expand(torch.tensor(0.0), torch.tensor(0.125893))]
    [0.0, 0.001]
    """
    scale = _power(real, imag).pow((1 / COMPRESSION - 1) / 2)
    return real * scale, imag * scale


def _power(real: Tensor, imag: Tensor, floor: float = 0.0) -> Tensor:
    return real.square() + imag.square() + floor
