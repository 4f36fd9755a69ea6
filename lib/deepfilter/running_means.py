"""The running means by which the network's features are normalised."""

import numpy as np

from lib.deepfilter.grid import N_DF, N_ERB

NORM_ALPHA = 0.99  # of the running means: a time constant of one second


def first_means() -> np.ndarray:
    """The running means before any signal `[128]`: of 32 ERB levels in dB, of 96 magnitudes.

    >>> first_means()[[0, 31, 32, 127]]
    array([-6.e+01, -9.e+01,  1.e-03,  1.e-04], dtype=float32)
    """
    parts = np.linspace(-60.0, -90.0, N_ERB), np.linspace(0.001, 0.0001, N_DF)
    return np.concatenate(parts).astype(np.float32)


def running_means(values: np.ndarray, means: np.ndarray) -> np.ndarray:
    """The means after each frame, which include it.

    Shape:
        - values, result: `[B, frames, n]`; means, before the first frame: `[B, n]`

    >>> running_means(np.ones((1, 2, 1)), np.zeros((1, 1))).round(4).ravel()
    array([0.01  , 0.0199])
    """
    history = np.empty_like(values)
    for i in range(values.shape[1]):
        means = values[:, i] + (means - values[:, i]) * NORM_ALPHA
        history[:, i] = means
    return history
