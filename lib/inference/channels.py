"""A recording at any sample rate as channels at 48 kHz, and back."""

from collections.abc import Sequence

import numpy as np
import soxr

from lib.audio.files import SAMPLE_RATE


def split_channels(recording: np.ndarray, sample_rate: int) -> list[np.ndarray]:
    """`[T]` or `[T, C]` at `sample_rate` (Hz) -> C signals at 48 kHz, float32.

    >>> [channel.shape for channel in split_channels(np.zeros((4_410, 2)), 44_100)]
    [(4800,), (4800,)]
    """
    # One channel without an axis becomes a column; soxr resamples along the first axis.
    columns = np.asarray(recording, np.float32).reshape(len(recording), -1)
    return list(soxr.resample(columns, sample_rate, SAMPLE_RATE).T)


def join_channels(channels: Sequence[np.ndarray], sample_rate: int, n_samples: int) -> np.ndarray:
    """C signals at 48 kHz -> `[n_samples, C]` at `sample_rate` (Hz).

    >>> join_channels([np.zeros(4_800), np.zeros(4_800)], 44_100, 4_409).shape
    (4409, 2)
    """
    # soxr wants time first.
    columns = np.stack(channels, axis=1)
    return fit_length(soxr.resample(columns, SAMPLE_RATE, sample_rate), n_samples)


def fit_length(recording: np.ndarray, n_samples: int) -> np.ndarray:
    """Cut or pad `[T, C]` to `n_samples`: resampling there and back may miss by a sample."""
    return np.pad(recording[:n_samples], ((0, max(0, n_samples - len(recording))), (0, 0)))
