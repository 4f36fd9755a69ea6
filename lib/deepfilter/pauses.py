"""Which hops are pauses. They are muted, and the network does not hear them."""

import numpy as np

from lib.deepfilter.grid import HOP_LENGTH

QUIET_POWER = 1e-7  # -70 dB re full scale, the threshold of upstream's runtime


def are_quiet(hops: np.ndarray, gain_db: np.ndarray | float = 0.0) -> np.ndarray:
    """Which hops `[n, 480]` are pauses, if they are heard with this gain: `[n]`."""
    return np.square(hops).mean(axis=1) < QUIET_POWER / 10 ** (gain_db / 10)


def is_quiet(noisy: np.ndarray) -> np.ndarray:
    """Which hops of a signal `[T]` that is heard as it is are pauses: `[ceil(T / 480)]`.

    >>> is_quiet(np.repeat([0.0, 0.1], 480))
    array([ True, False])
    """
    return are_quiet(whole_hops(noisy))


def whole_hops(noisy: np.ndarray) -> np.ndarray:
    """A signal `[T]` as hops `[ceil(T / 480), 480]`.

    >>> whole_hops(np.ones(481)).shape
    (2, 480)
    """
    # A part of a hop at the end is judged by its own level, not thinned out by zeros.
    whole = np.concatenate([noisy, mirrored_end(noisy, -len(noisy) % HOP_LENGTH)])
    return whole.reshape(-1, HOP_LENGTH)


def active_stretch(quiet: np.ndarray) -> tuple[int, int] | None:
    """First hop that is no pause and the one behind the last, if no pause lies between them.

    >>> active_stretch(np.array([True, False, False, True]))
    (1, 3)
    >>> active_stretch(np.array([False, True, False])) is None
    True
    """
    # Hops without a gap can be worked on in a batch, as one signal; others need a stream.
    active = np.flatnonzero(~quiet)
    if not len(active) or active[-1] - active[0] + 1 > len(active):
        return None
    return int(active[0]), int(active[-1]) + 1


def mirrored_end(signal: np.ndarray, length: int) -> np.ndarray:
    """The last `length` samples backwards, zeros behind them if there are fewer.

    Behind a signal they push its last hops out: behind zeros the network would take the last 10 ms
    for silence, too.

    >>> mirrored_end(np.array([1.0, 2.0, 3.0]), 2), mirrored_end(np.array([1.0, 2.0]), 3)
    (array([3., 2.]), array([2., 1., 0.]))
    """
    return np.pad(signal, (max(0, length - len(signal)), 0))[::-1][:length]
