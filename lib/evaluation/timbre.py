"""The timbre profile: the change of power in each of DeepFilterNet3's 32 ERB bands."""

from typing import Any

import numpy as np
import pandas as pd

from lib.audio import stft
from lib.audio.files import SAMPLE_RATE
from lib.corpus.manifest import load_pair
from lib.deepfilter.grid import HOP_LENGTH, N_FFT, erb_widths
from lib.runtime import parallel

ACTIVE_RATIO = 1e-4  # -40 dB: frames whose clean power is at least this much of the loudest one's
MIN_POWER = 1e-12  # keeps the logarithm finite


def measure(corpus: str, manifest: pd.DataFrame, n_processes: int = 1) -> pd.DataFrame:
    """The `change` from clean to enhanced of each usable pair of a corpus.

    Args:
        corpus: its name.
        manifest: its rows.

    Returns: a row for each pair and band, with the columns id, split, snr_db, band, hz (middle of
        the band), change_db. `snr_db` of recorded pairs is the SI-SDR of noisy, rounded to 5 dB.
    """
    rows = manifest[manifest.verdict == "ok"]
    rows = rows.assign(snr_db=rows.snr_db.fillna((rows.si_sdr_noisy_db / 5).round() * 5))
    arguments = [(corpus, row) for row in rows.itertuples(index=False)]
    tables = parallel.each(_measure_row, arguments, "timbre profile", n_processes)
    return pd.concat(tables, ignore_index=True)


def change(estimate: np.ndarray, clean: np.ndarray, bandwidth_hz: float) -> pd.DataFrame:
    """Power of `estimate` over power of `clean` in each ERB band.

    The frames last 20 ms and come every 10 ms; those count in which clean is within 40 dB of its
    loudest. 0 dB: as clean; below: speech was taken; above: noise is left.

    Args:
        estimate, clean: `[T]` at 48 kHz, sample-aligned.
        bandwidth_hz: upper edge of what clean holds; bands that reach beyond it are left out.

    Returns: columns band (0 to 31), hz (middle of the band), change_db.

    >>> noise = np.random.default_rng(0).standard_normal(48_000)
    >>> table = change(noise / 2, noise, 24_000)
    >>> len(table), set(table.change_db.round(2))
    (32, {-6.02})
    """
    estimate_power, clean_power = _powers(estimate), _powers(clean)
    loudness = clean_power.sum(axis=1)
    # Pauses hold noise, not timbre.
    active = loudness >= loudness.max() * ACTIVE_RATIO
    # DeepFilterNet3's own bands: its mask has one gain for each.
    edges = np.cumsum([0, *erb_widths()])  # bins
    ratio = (_band_powers(estimate_power[active], edges) + MIN_POWER) / (
        _band_powers(clean_power[active], edges) + MIN_POWER
    )
    hz_per_bin = SAMPLE_RATE / N_FFT
    upper_hz = (edges[1:] - 1) * hz_per_bin
    middle_hz = (edges[:-1] + edges[1:] - 1) / 2 * hz_per_bin
    columns = {"band": range(len(ratio)), "hz": middle_hz, "change_db": 10 * np.log10(ratio)}
    # An estimated bandwidth may lie a little below the edge that it is an estimate of.
    return pd.DataFrame(columns)[upper_hz <= bandwidth_hz * 1.001]


def profile(table: pd.DataFrame, by: str = "snr_db") -> pd.DataFrame:
    """Median and quartiles of `change_db` over pairs, for each band and value of a column.

    Args:
        table: from `measure`, or from `change` with further columns.
        by: the column, `snr_db` or `system`.

    Returns: columns `by`, hz, low, median, high (dB), n_pairs.

    >>> table = pd.DataFrame({"snr_db": 0.0, "hz": 100.0, "change_db": [-3.0, -1.0, 1.0, 3.0, 5.0]})
    >>> profile(table).to_dict("records")
    [{'snr_db': 0.0, 'hz': 100.0, 'low': -1.0, 'median': 1.0, 'high': 3.0, 'n_pairs': 5}]
    """
    groups = table.groupby([by, "hz"]).change_db
    low, median, high = (groups.quantile(q) for q in (0.25, 0.5, 0.75))
    columns = {"low": low, "median": median, "high": high, "n_pairs": groups.size()}
    return pd.DataFrame(columns).reset_index()


def _measure_row(corpus: str, row: Any) -> pd.DataFrame:
    signals = load_pair(corpus, row)
    table = change(signals["enhanced"], signals["clean"], row.bandwidth_hz)
    return table.assign(id=row.id, split=row.split, snr_db=row.snr_db)


def _powers(signal: np.ndarray) -> np.ndarray:
    """`[frames, 481]` of 20 ms Hann windows every 10 ms; a full-scale sine has 1."""
    window = np.hanning(N_FFT + 1)[:-1]
    frames = stft.frames(signal, N_FFT, HOP_LENGTH)
    return np.abs(np.fft.rfft(frames * window) * (2 / window.sum())) ** 2


def _band_powers(powers: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """`[frames, 481]` -> `[32]`: the power of each band over all frames."""
    return np.add.reduceat(powers.sum(axis=0), edges[:-1])
