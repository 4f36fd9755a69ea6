"""Levels of signals: RMS, peaks, clipping."""

import numpy as np

SILENT_PEAK = 1e-4  # -80 dBFS: nothing that anybody hears


def within_full_scale(signals: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Signals that are to be played or saved together: all turned down alike where one exceeds full scale.

    >>> {name: float(x[0]) for name, x in within_full_scale({"clean": np.array([0.5]), "restored": np.array([2.0])}).items()}
    {'clean': 0.24975, 'restored': 0.999}
    """
    peak = max(float(np.max(np.abs(signal), initial=0.0)) for signal in signals.values())
    return (
        signals
        if peak <= 1
        else {name: signal * (0.999 / peak) for name, signal in signals.items()}
    )


def clipped_share(signal: np.ndarray) -> float:
    """Share of the samples that lie in flat tops: three or more in a row at the signal's own peak.

    >>> t = np.arange(48_000) / 48_000
    >>> tone = np.sin(2 * np.pi * 1000 * t)
    >>> round(clipped_share(np.clip(tone, -0.9, 0.9)), 2), clipped_share(tone), clipped_share(np.zeros(9))
    (0.29, 0.0, 0.0)
    """
    peak = np.max(np.abs(signal), initial=0.0)
    if not peak:
        return 0.0
    n_flat = 0
    for side in (signal, -signal):
        at = np.pad(side >= peak * (1 - 1e-6), 2)
        third = at[2:] & at[1:-1] & at[:-2]  # of three in a row
        n_flat += int(np.count_nonzero(third[2:] | third[1:-1] | third[:-2]))
    return n_flat / len(signal)


def level_db(signal: np.ndarray) -> float:
    """RMS level in dB of a full-scale sine (dBFS); -inf for silence.

    >>> t = np.arange(48_000) / 48_000
    >>> round(level_db(np.sin(2 * np.pi * 1000 * t)), 2), level_db(np.zeros(8))
    (0.0, -inf)
    """
    power = float(np.mean(np.square(signal, dtype=np.float64))) if len(signal) else 0.0
    return 10 * float(np.log10(2 * power)) if power > 0 else -np.inf
