"""The DFT of 960 samples by small matrices, for ONNX."""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from lib.deepfilter.grid import N_BINS, N_FFT


def dft(frames: Tensor) -> tuple[Tensor, Tensor]:
    """`torch.fft.rfft` of `[..., 960]` by small matrices: real and imaginary part `[..., 481]`.

    >>> x = torch.randn(960)
    >>> bool((torch.complex(*dft(x)) - torch.fft.rfft(x)).abs().max() < 1e-3)
    True
    """
    over_p, turn, over_q, *_ = (part.to(frames.device) for part in _matrices())
    real, imag = (over_p @ frames.unflatten(-1, (30, 32))).split(30, dim=-2)  # [..., u, q]
    real, imag = real * turn[0] - imag * turn[1], real * turn[1] + imag * turn[0]
    bins = torch.cat([real, imag], dim=-1) @ over_q  # [..., u, 2 * v]
    return tuple(
        part.transpose(-1, -2).flatten(-2)[..., :N_BINS] for part in bins.split(17, dim=-1)
    )


def inverse_dft(real: Tensor, imag: Tensor) -> Tensor:
    """`torch.fft.irfft` of `[..., 481]` by small matrices: `[..., 960]`.

    >>> z = torch.randn(481, dtype=torch.complex64)
    >>> bool((inverse_dft(z.real, z.imag) - torch.fft.irfft(z, n=960)).abs().max() < 1e-5)
    True
    """
    _, turn, _, over_v, over_u, twice = (part.to(real.device) for part in _matrices())
    bins = [
        F.pad(part * twice, (0, 510 - N_BINS)).unflatten(-1, (17, 30)).transpose(-1, -2)
        for part in (real, imag)
    ]
    real, imag = (torch.cat(bins, dim=-1) @ over_v).split(32, dim=-1)  # [..., u, q]
    real, imag = real * turn[0] + imag * turn[1], imag * turn[0] - real * turn[1]
    return (over_u @ torch.cat([real, imag], dim=-2)).flatten(-2)


@cache
def _matrices() -> tuple[Tensor, ...]:
    """Over p `[60, 30]`, turn `[2, 30, 32]`, over q `[64, 34]`; back over v `[34, 64]`, over u `[30, 60]`, weights `[481]`."""

    def wave(rows: int, columns: int, period: int) -> tuple[Tensor, Tensor]:
        phase = (
            -2 * torch.pi * torch.outer(torch.arange(rows), torch.arange(columns)).double() / period
        )
        return phase.cos(), phase.sin()

    cos_p, sin_p = wave(30, 30, 30)
    cos_q, sin_q = wave(32, 17, 32)
    twice = torch.full(
        (N_BINS,), 2.0
    )  # a bin stands for its mirror image, too, but for the first and the last
    twice[[0, -1]] = 1.0
    over_q = torch.cat([torch.cat([cos_q, sin_q], dim=1), torch.cat([-sin_q, cos_q], dim=1)])
    back = torch.cat([torch.cat([cos_q.T, -sin_q.T], dim=1), torch.cat([sin_q.T, cos_q.T], dim=1)])
    over_u = torch.cat([cos_p, sin_p], dim=1) / N_FFT
    turn = torch.stack(wave(30, 32, N_FFT))
    return tuple(
        part.float() for part in (torch.cat([cos_p, sin_p]), turn, over_q, back, over_u, twice)
    )
