"""The DFT of 960 samples by small matrices, for the ONNX export, which has no FFT.

This is Cooley and Tukey's factorisation for 960 = 30 x 32. With W_n = exp(-2 pi i / n) the DFT is

    X[k] = sum over n of x[n] W_960^(n k),    n = 0 ... 959,  k = 0 ... 480.

Let n = 32 p + q and k = u + 30 v with p and u in 0 ... 29, q in 0 ... 31 and v in 0 ... 16. (With
v up to 31 all 960 bins would come out; of a real signal the first 481 say everything.) Then

    n k = 32 p u + 960 p v + q u + 30 q v,
    W_960^(n k) = W_30^(p u) * 1 * W_960^(q u) * W_32^(q v),
    X[u + 30 v] = sum over q of W_32^(q v) { W_960^(q u) [ sum over p of W_30^(p u) x[32 p + q] ] }.

So there are three steps: `[ ]` is a DFT over p for each q, `{ }` turns the phase of each number (by
a twiddle factor), and the rest is a DFT over q for each u. The inverse takes the same steps
backwards with conjugated factors:

    x[32 p + q] = 1 / 960 Re sum over u of W_30^(-p u) W_960^(-q u) [ sum over v of
                  W_32^(-q v) w[u + 30 v] X[u + 30 v] ],

where w is 1 for the first and the last bin and 2 for the others, which stand for their mirror
images, too. Complex numbers are pairs of real ones, side by side in one matrix. A frame takes some
123,000 multiplications; one matrix for all would take 924,000.
"""

from functools import cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lib.deepfilter.grid import N_BINS, N_FFT

N_P = N_U = 30
N_Q = 32
N_V = 17  # of 32: 17 * 30 = 510 bins, of which 481 are used


def dft(frames: Tensor) -> tuple[Tensor, Tensor]:
    """`torch.fft.rfft` of `[..., 960]` by small matrices: real and imaginary part `[..., 481]`.

    >>> x = torch.randn(960)
    >>> bool((torch.complex(*dft(x)) - torch.fft.rfft(x)).abs().max() < 1e-3)
    True
    """
    matrices = _matrices(frames.device)
    x = frames.unflatten(-1, (N_P, N_Q))  # [..., p, q]
    real, imag = (matrices.over_p @ x).split(N_U, dim=-2)  # [..., u, q]
    cos, sin = matrices.twiddle
    real, imag = real * cos - imag * sin, real * sin + imag * cos  # [..., u, q]
    bins = torch.cat([real, imag], dim=-1) @ matrices.over_q  # [..., u, 2 v]
    real, imag = bins.split(N_V, dim=-1)  # [..., u, v]
    return _in_order(real), _in_order(imag)


def inverse_dft(real: Tensor, imag: Tensor) -> Tensor:
    """`torch.fft.irfft` of `[..., 481]` by small matrices: `[..., 960]`.

    >>> z = torch.randn(481, dtype=torch.complex64)
    >>> bool((inverse_dft(z.real, z.imag) - torch.fft.irfft(z, n=960)).abs().max() < 1e-5)
    True
    """
    matrices = _matrices(real.device)
    bins = [_in_table(part * matrices.mirror_weights) for part in (real, imag)]  # [..., u, v]
    real, imag = (torch.cat(bins, dim=-1) @ matrices.over_v).split(N_Q, dim=-1)  # [..., u, q]
    cos, sin = matrices.twiddle
    real, imag = real * cos + imag * sin, imag * cos - real * sin  # [..., u, q]
    x = matrices.over_u @ torch.cat([real, imag], dim=-2)  # [..., p, q]
    return x.flatten(-2)


class Matrices(NamedTuple):
    """The factors of both directions; real and imaginary parts are blocks of one matrix."""

    over_p: Tensor  # [2 u, p], W_30^(p u)
    twiddle: Tensor  # [2, u, q], W_960^(q u)
    over_q: Tensor  # [2 q, 2 v], W_32^(q v)
    over_v: Tensor  # [2 v, 2 q], W_32^(-q v)
    over_u: Tensor  # [p, 2 u], the real part of W_30^(-p u) / 960
    mirror_weights: Tensor  # [481]


def _in_order(table: Tensor) -> Tensor:
    """`[..., u, v]` -> `[..., 481]`: bin k is at u + 30 v."""
    return table.transpose(-1, -2).flatten(-2)[..., :N_BINS]


def _in_table(bins: Tensor) -> Tensor:
    """`[..., 481]` -> `[..., u, v]`, with zeros where there is no bin."""
    return F.pad(bins, (0, N_U * N_V - N_BINS)).unflatten(-1, (N_V, N_U)).transpose(-1, -2)


def _matrices(device: torch.device) -> Matrices:
    # On the CPU `to` copies nothing.
    return Matrices(*(part.to(device) for part in _matrices_on_cpu()))


@cache
def _matrices_on_cpu() -> Matrices:
    """Worked out in double precision, stored in single precision."""
    # W_30 and W_32; `sin` is the imaginary part, negative for small angles.
    cos_p, sin_p = _roots(N_U, N_P, N_P)
    cos_q, sin_q = _roots(N_Q, N_V, N_Q)
    # (a + ib)(cos + i sin) as a row [a, b] times a matrix; the inverse has the conjugate.
    over_q = torch.cat([torch.cat([cos_q, sin_q], dim=1), torch.cat([-sin_q, cos_q], dim=1)])
    over_v = torch.cat(
        [torch.cat([cos_q.T, -sin_q.T], dim=1), torch.cat([sin_q.T, cos_q.T], dim=1)]
    )
    # Bins 0 and 480 are real and have no mirror image.
    mirror_weights = torch.full((N_BINS,), 2.0)
    mirror_weights[[0, -1]] = 1.0
    matrices = Matrices(
        over_p=torch.cat([cos_p, sin_p]),
        twiddle=torch.stack(_roots(N_U, N_Q, N_FFT)),
        over_q=over_q,
        over_v=over_v,
        over_u=torch.cat([cos_p, sin_p], dim=1) / N_FFT,
        mirror_weights=mirror_weights,
    )
    return Matrices(*(part.float() for part in matrices))


def _roots(n_rows: int, n_columns: int, period: int) -> tuple[Tensor, Tensor]:
    """Real and imaginary part of W_period^(row * column): `[n_rows, n_columns]` each."""
    exponents = torch.outer(torch.arange(n_rows), torch.arange(n_columns)).double()
    phase = -2 * torch.pi * exponents / period
    return phase.cos(), phase.sin()
