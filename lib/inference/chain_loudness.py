"""`LoudnessMatcher` for one hop as small matrices: float32, states that begin at zero.

A filter of second-order sections is a linear system, s' = A s + B x, y = C s + D x. Over a block
of n samples its output and its state are linear in the state before and in the samples:

    y_block = O s + H x_block,    s' = A^n s + R x_block.

A hop is 16 blocks of 30 samples. The states at the beginnings of all blocks follow in one more
matrix from the state before the hop and from what each block adds. The matrices are worked out in
double precision.
"""

from typing import NamedTuple

import numpy as np
import torch
from scipy.linalg import cholesky, inv, solve_discrete_lyapunov
from scipy.signal import sosfilt
from torch import Tensor, nn

from lib.deepfilter.grid import HOP_LENGTH, SAMPLE_RATE
from lib.inference.loudness import (
    GATE_RATIO,
    K_WEIGHTING,
    MAX_GAIN_DB,
    MEAN_SECONDS,
    SILENT_POWER,
    START_POWER,
)

N_STATES = 2 * len(K_WEIGHTING)
BLOCK_LENGTH = 30
N_BLOCKS = HOP_LENGTH // BLOCK_LENGTH
LOUDNESS_STATES = {
    "weighting": (2, N_STATES),  # of reference and signal
    "mean_powers": (2, 1),  # above the first value
}


class BlockMatrices(NamedTuple):
    """A K-weighted block of samples: rows are samples or states before, columns after."""

    of_samples: Tensor  # [30, 30 + 4], H and R
    of_state: Tensor  # [4, 30], O
    states: Tensor  # [4 + 16 * 4, 17 * 4], of the state before the hop and the blocks' additions


def block_matrices() -> BlockMatrices:
    """The matrices of `K_WEIGHTING`.

    >>> [list(matrix.shape) for matrix in block_matrices()]
    [[30, 34], [4, 30], [68, 68]]
    """
    shape = (len(K_WEIGHTING), -1, 2)  # of the states of several signals
    silent = np.zeros((len(K_WEIGHTING), BLOCK_LENGTH, 2))
    # An impulse at each sample of a block, and a one in each state.
    h, r = sosfilt(K_WEIGHTING, np.eye(BLOCK_LENGTH), zi=silent)
    ones = np.eye(N_STATES).reshape(N_STATES, *shape[::2]).transpose(1, 0, 2)
    o, a = sosfilt(K_WEIGHTING, np.zeros((N_STATES, BLOCK_LENGTH)), zi=ones)
    r, a = (part.transpose(1, 0, 2).reshape(-1, N_STATES) for part in (r, a))
    # Hum makes the filter's own states large, and they nearly cancel. In this basis, in which noise
    # makes each of them as large as the others, single precision does.
    basis = cholesky(solve_discrete_lyapunov(a.T, r.T @ r))
    o, r, a = basis @ o, r @ inv(basis), basis @ a @ inv(basis)

    states = np.zeros((1 + N_BLOCKS, N_STATES, 1 + N_BLOCKS, N_STATES))
    for i in range(1 + N_BLOCKS):  # what block i - 1 adds is there when block i begins
        for k in range(i, 1 + N_BLOCKS):
            states[i, :, k] = np.linalg.matrix_power(a, k - i)
    matrices = (np.hstack([h, r]), o, states.reshape(2 * (N_STATES * (1 + N_BLOCKS),)))
    return BlockMatrices(*(torch.from_numpy(matrix).float() for matrix in matrices))


class HopLoudness(nn.Module):
    """`matched, *states = loudness(reference, signal, *states)` for one hop, see `LoudnessMatcher`.

    Shape:
        - reference, signal, matched: `[1, 480]`; states: as `LOUDNESS_STATES`

    >>> states = [torch.zeros(shape) for shape in LOUDNESS_STATES.values()]
    >>> matched, *states = HopLoudness()(torch.ones(1, 480), torch.ones(1, 480), *states)
    >>> bool(torch.allclose(matched, torch.ones(1, 480)))
    True
    """

    def __init__(self):
        super().__init__()
        for name, matrix in block_matrices()._asdict().items():
            self.register_buffer(name, matrix)
        # A gain moves along a straight line from the end of the last hop to that of this one.
        ramp = torch.arange(1, HOP_LENGTH + 1) / HOP_LENGTH
        self.register_buffer("ramps", torch.stack([1 - ramp, ramp]))

    def forward(
        self, reference: Tensor, signal: Tensor, weighting: Tensor, mean_powers: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        powers, weighting = self.powers(torch.cat([reference, signal]), weighting)
        means = mean_powers + START_POWER
        is_speech = (powers[:1] > (GATE_RATIO * means[:1]).clamp(min=SILENT_POWER)).float()
        share = is_speech * (HOP_LENGTH / (MEAN_SECONDS * SAMPLE_RATE))
        after = means + (powers - means) * share
        # The gain follows from the means, the one before from those before.
        both = torch.cat([means, after], dim=1)  # [2, 2]
        limit = 10 ** (MAX_GAIN_DB / 20)
        gains = torch.sqrt(both[:1] / both[1:]).clamp(1 / limit, limit)
        return signal * (gains @ self.ramps), weighting, after - START_POWER

    def powers(self, signals: Tensor, weighting: Tensor) -> tuple[Tensor, Tensor]:
        """K-weighted mean power of each signal `[2, 1]`, and the filter's state."""
        blocks = signals.reshape(2, N_BLOCKS, BLOCK_LENGTH) @ self.of_samples
        y, added = blocks.split([BLOCK_LENGTH, N_STATES], dim=2)
        states = torch.cat([weighting, added.reshape(2, -1)], dim=1) @ self.states  # [2, 17 * 4]
        before, weighting = states.split([N_BLOCKS * N_STATES, N_STATES], dim=1)
        y = y + before.reshape(2, N_BLOCKS, N_STATES) @ self.of_state
        return y.reshape(2, HOP_LENGTH).square().sum(1, keepdim=True) / HOP_LENGTH, weighting
