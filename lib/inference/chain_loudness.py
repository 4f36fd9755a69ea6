"""`LoudnessMatcher` for one hop as small matrices: float32, states that begin at zero.

A hop is 16 blocks of 30 samples (see `lib.inference.weighting`). The states at the beginnings of
all blocks follow in one more matrix from the state before the hop and from what each block adds.
The matrices are worked out in double precision.
"""

from typing import NamedTuple

import numpy as np
import torch
from scipy.linalg import cholesky, inv, solve_discrete_lyapunov
from torch import Tensor, nn

from lib.deepfilter.grid import HOP_LENGTH, SAMPLE_RATE
from lib.inference.loudness import (
    GATE_RATIO,
    MAX_GAIN_DB,
    MEAN_SECONDS,
    SILENT_POWER,
    START_POWER,
)
from lib.inference.weighting import N_STATES, block_matrices, states_between

BLOCK_LENGTH = 30
N_BLOCKS = HOP_LENGTH // BLOCK_LENGTH
LOUDNESS_STATES = {
    "weighting": (2, N_STATES),  # of reference and signal
    "mean_powers": (2, 1),  # above the first value
}


class HopMatrices(NamedTuple):
    """A K-weighted block of samples: rows are samples or states before, columns after."""

    of_samples: Tensor  # [30, 30 + 4], H and R
    of_state: Tensor  # [4, 30], O
    states: Tensor  # [4 + 16 * 4, 17 * 4], of the state before the hop and the blocks' additions


def hop_matrices() -> HopMatrices:
    """The matrices of the K weighting.

    >>> [list(matrix.shape) for matrix in hop_matrices()]
    [[30, 34], [4, 30], [68, 68]]
    """
    h, r, o, a = block_matrices(BLOCK_LENGTH)
    # Hum makes the filter's own states large, and they nearly cancel. In this basis, in which noise
    # makes each of them as large as the others, single precision does.
    basis = cholesky(solve_discrete_lyapunov(a.T, r.T @ r))
    o, r, a = basis @ o, r @ inv(basis), basis @ a @ inv(basis)

    matrices = (np.hstack([h, r]), o, states_between(a, N_BLOCKS))
    return HopMatrices(*(torch.from_numpy(matrix).float() for matrix in matrices))


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
        for name, matrix in hop_matrices()._asdict().items():
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
