"""The timbre profile: what became of the power in each of DeepFilterNet3's ERB bands, as tables and as pictures."""

import numpy as np
import pandas as pd

from lib.audio import stft
from lib.audio.files import SAMPLE_RATE
from lib.corpus.manifest import load_pair
from lib.deepfilter.grid import HOP_LENGTH, N_FFT, erb_widths
from lib.runtime import parallel


def measure(corpus: str, manifest: pd.DataFrame, n_processes: int = 1) -> pd.DataFrame:
    """What DeepFilterNet3 took from each usable pair: `change_db` of each of its 32 ERB bands, a row for each pair and band.

    Power of enhanced over power of clean in a band, in dB, over the frames (20 ms, every 10 ms) in which clean is within 40 dB of
    its loudest. 0 dB: as clean; below: speech was taken; above: noise is left. Bands that reach beyond the pair's
    bandwidth are left out.

    Columns: id, split, snr_db (of own pairs: the SI-SDR of noisy, to 5 dB), band, hz (middle of the band), change_db.
    """
    rows = manifest[manifest.verdict == "ok"]
    rows = rows.assign(snr_db=rows.snr_db.fillna((rows.si_sdr_noisy_db / 5).round() * 5))
    arguments = [(corpus, row) for row in rows.itertuples(index=False)]
    return pd.concat(
        parallel.each(_measure_row, arguments, "timbre profile", n_processes), ignore_index=True
    )


def change(estimate: np.ndarray, clean: np.ndarray, bandwidth_hz: float) -> pd.DataFrame:
    """The change of power in each ERB band of one signal, as `measure` describes it: columns band, hz, change_db."""
    powers = [_powers(signal) for signal in (estimate, clean)]
    loud = powers[1].sum(axis=1)
    loud = loud >= loud.max() * 1e-4  # 40 dB
    edges = np.cumsum([0, *erb_widths()])
    bands = [np.add.reduceat(power[loud].sum(axis=0), edges[:-1]) for power in powers]
    hz_per_bin = SAMPLE_RATE / N_FFT
    upper_hz, middle_hz = (
        (edges[1:] - 1) * hz_per_bin,
        (edges[:-1] + edges[1:] - 1) / 2 * hz_per_bin,
    )
    change_db = 10 * np.log10((bands[0] + 1e-12) / (bands[1] + 1e-12))
    table = pd.DataFrame({"band": range(len(middle_hz)), "hz": middle_hz, "change_db": change_db})
    return table[upper_hz <= bandwidth_hz * 1.001]


def profile(table: pd.DataFrame, by: str = "snr_db") -> pd.DataFrame:
    """Median and quartiles over the pairs of `measure`: columns `by`, hz, low, median, high (dB), n_pairs.

    Args:
        by: what else than the band makes a group: `snr_db`, or `system`.

    >>> table = pd.DataFrame({"snr_db": 0.0, "hz": 100.0, "change_db": [-3.0, -1.0, 1.0, 3.0, 5.0]})
    >>> profile(table).to_dict("records")
    [{'snr_db': 0.0, 'hz': 100.0, 'low': -1.0, 'median': 1.0, 'high': 3.0, 'n_pairs': 5}]
    """
    groups = table.groupby([by, "hz"]).change_db
    low, median, high = (groups.quantile(q) for q in (0.25, 0.5, 0.75))
    return pd.DataFrame(
        {"low": low, "median": median, "high": high, "n_pairs": groups.size()}
    ).reset_index()


def _measure_row(corpus: str, row) -> pd.DataFrame:
    signals = load_pair(corpus, row)
    table = change(signals["enhanced"], signals["clean"], row.bandwidth_hz)
    return table.assign(id=row.id, split=row.split, snr_db=row.snr_db)


def _powers(signal: np.ndarray) -> np.ndarray:
    """`[frames, 481]`: of 20 ms Hann windows every 10 ms; a full-scale sine has 1."""
    window = np.hanning(N_FFT + 1)[:-1]
    frames = stft.frames(signal, N_FFT, HOP_LENGTH)
    return np.abs(np.fft.rfft(frames * window) * (2 / window.sum())) ** 2
