"""The output hop by hop as rows `[n, 513]`: 480 samples, 32 gains, the local SNR.

One array holds all three, so that they are cut, put in order and joined together.
"""

from typing import NamedTuple

import numpy as np

from lib.deepfilter.grid import HOP_LENGTH, LSNR_MIN, N_ERB

ROW_LENGTH = HOP_LENGTH + N_ERB + 1


class Enhanced(NamedTuple):
    """What DeepFilterNet3 made of a signal.

    Row i of `gains` and `lsnr_db` is about the 20 ms that begin with sample 480 i.
    """

    signal: np.ndarray  # [T]
    gains: np.ndarray  # [ceil(T / 480), 32], of the ERB bands, 0 to 1
    lsnr_db: np.ndarray  # [ceil(T / 480)], estimate of the SNR, -15 to 35 dB


def silent_rows(n_hops: int) -> np.ndarray:
    """Rows of hops that are muted: zeros, and the lowest local SNR.

    >>> silent_rows(2)[:, -2:]
    array([[  0., -15.],
           [  0., -15.]], dtype=float32)
    """
    rows = np.zeros((n_hops, ROW_LENGTH), np.float32)
    rows[:, -1] = LSNR_MIN
    return rows


def samples_of(rows: np.ndarray) -> np.ndarray:
    """The signal alone, `[480 n]`."""
    return rows[:, :HOP_LENGTH].ravel()


def unpack(rows: np.ndarray, n_samples: int) -> Enhanced:
    """Signal, gains and local SNR of a signal of `n_samples`, which may end within the last hop."""
    # Copies: a view would keep the whole array in memory.
    gains = rows[:, HOP_LENGTH : HOP_LENGTH + N_ERB]
    return Enhanced(samples_of(rows)[:n_samples], gains.copy(), rows[:, -1].copy())
