"""What the spectral generator's output does to spectra: gains of bands, or a mask of each bin."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lib.models.compression import COMPRESSION

MAX_GAIN_DB = 12.0  # of a band, up or down: what bands lack seldom exceeds it


def apply_masks(
    real: Tensor, imag: Tensor, output: Tensor, gate: Tensor | float = 1.0
) -> tuple[Tensor, Tensor]:
    """`enhanced + gate * (enhanced * mask_enhanced + noisy * mask_noisy + residual)`, complex.

    With one mask `noisy` is left out.

    Shape:
        - real, imag: `[B, C, frames, F]`, of the inputs
        - output: `[B, 2 M + 2, frames, F]`: the real parts of `M` masks and of the residual, then
          the imaginary ones
        - gate: `[B, 1, frames, 1]`
        - restored real, imag: `[B, 1, frames, F]` each
    """
    output_real, output_imag = output.chunk(2, dim=1)
    mask_real, residual_real = output_real[:, :-1], output_real[:, -1:]
    mask_imag, residual_imag = output_imag[:, :-1], output_imag[:, -1:]
    n_masks = mask_real.shape[1]
    masked_real = real[:, :n_masks] * mask_real - imag[:, :n_masks] * mask_imag
    masked_imag = real[:, :n_masks] * mask_imag + imag[:, :n_masks] * mask_real
    masked_real, masked_imag = (x.sum(1, keepdim=True) for x in (masked_real, masked_imag))
    restored_real = real[:, :1] + gate * (masked_real + residual_real)
    restored_imag = imag[:, :1] + gate * (masked_imag + residual_imag)
    return restored_real, restored_imag


def apply_band_gains(
    real: Tensor, imag: Tensor, output: Tensor, gate: Tensor | float, bands: Tensor
) -> tuple[Tensor, Tensor]:
    """`enhanced` times one gain for each ERB band and frame, at most 12 dB up or down.

    Where the gate is shut nothing gets louder.

    Shape:
        - real, imag: compressed, `[B, C, frames, F]`, of the inputs
        - output: `[B, 1, frames, F]`, whose mean over a band is its gain in units of 12 dB, before
          the limit
        - gate: `[B, 1, frames, 1]`; bands: `[F, 32]`, 1 for the bins of a band
        - restored real, imag: `[B, 1, frames, F]` each
    """
    means = output @ (bands / bands.sum(0))  # [B, 1, frames, 32]
    limited = MAX_GAIN_DB * torch.tanh(means)
    gains_db = gate * F.relu(limited) - F.relu(-limited)
    # Magnitudes are compressed.
    gains = torch.exp(gains_db * (math.log(10) / 20 * COMPRESSION)) @ bands.T
    return real[:, :1] * gains, imag[:, :1] * gains
