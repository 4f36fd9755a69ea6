"""Levels of signals: RMS, peaks, clipping."""

import numpy as np

SILENT_PEAK = 1e-4  # -80 dBFS: a signal that stays below is taken for silence
MAX_PEAK = 0.999  # to which signals beyond full scale are turned down


def within_full_scale(signals: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Signals that are played or saved side by side, all turned down alike if one clips.

    They come back unchanged if all are within full scale, so that their levels can be compared.

    >>> signals = {"clean": np.array([0.5]), "restored": np.array([2.0])}
    >>> {name: float(signal[0]) for name, signal in within_full_scale(signals).items()}
    {'clean': 0.24975, 'restored': 0.999}
    """
    peak = max(float(np.max(np.abs(signal), initial=0.0)) for signal in signals.values())
    if peak <= 1:
        return signals
    return {name: signal * (MAX_PEAK / peak) for name, signal in signals.items()}


def clipped_share(signal: np.ndarray) -> float:
    """Share of the samples that lie in flat tops, 0 to 1.

    A flat top is three or more samples in a row at the peak of the signal.

    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(48_000) / 48_000)
    >>> round(clipped_share(np.clip(tone, -0.9, 0.9)), 2)
    0.29
    >>> clipped_share(tone), clipped_share(np.zeros(9))
    (0.0, 0.0)
    """
    peak = np.max(np.abs(signal), initial=0.0)
    if not peak:
        return 0.0
    n_flat = 0
    for side in (signal, -signal):
        at_peak = np.pad(side >= peak * (1 - 1e-6), 2)
        ends_three = at_peak[2:] & at_peak[1:-1] & at_peak[:-2]
        # A sample is in three rows of three; it counts if one of them lies at the peak.
        n_flat += int(np.count_nonzero(ends_three[2:] | ends_three[1:-1] | ends_three[:-2]))
    return n_flat / len(signal)


def level_db(signal: np.ndarray) -> float:
    """RMS level in dB of a full-scale sine (dBFS); -inf for silence.

    >>> tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(48_000) / 48_000)
    >>> round(level_db(tone), 2), level_db(np.zeros(8))
    (-6.02, -inf)
    """
    # The mean square of a full-scale sine is 1/2, hence the factor 2 below.
    power = float(np.mean(np.square(signal, dtype=np.float64))) if len(signal) else 0.0
    return 10 * float(np.log10(2 * power)) if power > 0 else -np.inf
