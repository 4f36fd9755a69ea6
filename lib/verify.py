"""Measure prepared pairs again, from their files: can they be trusted, and what did DeepFilterNet3 take?"""

import numpy as np
import pandas as pd

from lib import align, audio, deepfilter, degrade, jobs, metrics, pairs
from lib.audio import SAMPLE_RATE
from lib.sources import Sources

MEASURES = ["achieved_snr_db", "snr_error_db", "df_lag_ms", "df_lag_confidence", "room_lag_ms", "room_lag_confidence"]


def measure(corpus: str, manifest: pd.DataFrame, n_processes: int = 1) -> pd.DataFrame:
    """Measure the usable pairs of a corpus: a row each.

    Columns: id, split, snr_db (claimed), achieved_snr_db (the saved noisy minus the speech, which is rendered again alone,
    against that speech; NaN for own pairs, for a saved piece of an utterance and where the sources are gone), snr_error_db,
    df_lag_ms (of enhanced behind noisy), room_lag_ms (of noisy behind clean; the way of the direct sound was removed) with
    their confidences, level_clean_db, peak of the three signals, clipped_noisy, and problem (unequal lengths, clipped,
    identical, empty, ...).
    """
    given = pairs.stored_sources(corpus)
    rows = manifest[manifest.verdict == "ok"]
    arguments = [(corpus, row, given) for row in rows.itertuples(index=False)]
    table = pd.DataFrame(list(jobs.each(_measure_row, arguments, "measuring pairs", n_processes)))
    return table.reindex(columns=[*dict.fromkeys([*table.columns, *MEASURES])])  # no pair's lengths may agree


def misses(
    table: pd.DataFrame, max_lag_ms: float, max_room_lag_ms: float, max_snr_error_db: float, min_level_db: float
) -> pd.Series:
    """What each pair of `measure` misses, as a line; empty where it passes. A lag counts where its estimate is sure.

    Args:
        max_lag_ms, max_room_lag_ms: of DeepFilterNet3 and of the room.
        max_snr_error_db: difference of achieved and claimed SNR.
        min_level_db: of clean, dBFS.
    """
    lines = table.problem.copy()
    gates = [
        ("df_lag_ms", _sure(table, "df") & (table.df_lag_ms.abs() > max_lag_ms), "enhanced {:.2f} ms behind noisy"),
        (
            "room_lag_ms",
            _sure(table, "room") & (table.room_lag_ms.abs() > max_room_lag_ms),
            "noisy {:.2f} ms behind clean",
        ),
        ("snr_error_db", table.snr_error_db.abs() > max_snr_error_db, "SNR off by {:+.2f} dB"),
        ("level_clean_db", table.level_clean_db < min_level_db, "clean at {:.1f} dBFS"),
    ]
    for column, missed, text in gates:
        said = table[column].map(text.format)
        lines = lines.where(~missed, lines.where(lines == "", lines + ", ") + said)
    return lines


def unsure(table: pd.DataFrame) -> pd.DataFrame:
    """The pairs of `measure` of which a lag cannot be told: heavy noise, or little speech."""
    return table[~(_sure(table, "df") & _sure(table, "room"))]


def timbre(corpus: str, manifest: pd.DataFrame, n_processes: int = 1) -> pd.DataFrame:
    """What DeepFilterNet3 took from each usable pair: `change_db` of each of its 32 ERB bands, a row for each pair and band.

    Power of enhanced over power of clean in a band, in dB, over the frames (20 ms, every 10 ms) in which clean is within 40 dB of
    its loudest. 0 dB: as clean; below: speech was taken; above: noise is left. Bands that reach beyond the pair's
    bandwidth are left out.

    Columns: id, split, snr_db (of own pairs: the SI-SDR of noisy, to 5 dB), band, hz (middle of the band), change_db.
    """
    rows = manifest[manifest.verdict == "ok"]
    rows = rows.assign(snr_db=rows.snr_db.fillna((rows.si_sdr_noisy_db / 5).round() * 5))
    arguments = [(corpus, row) for row in rows.itertuples(index=False)]
    return pd.concat(jobs.each(_timbre_row, arguments, "timbre profile", n_processes), ignore_index=True)


def band_change(estimate: np.ndarray, clean: np.ndarray, bandwidth_hz: float) -> pd.DataFrame:
    """The change of power in each ERB band of one signal, as `timbre` describes it: columns band, hz, change_db."""
    powers = [_powers(signal) for signal in (estimate, clean)]
    loud = powers[1].sum(axis=1)
    loud = loud >= loud.max() * 1e-4  # 40 dB
    edges = np.cumsum([0, *deepfilter.erb_widths()])
    bands = [np.add.reduceat(power[loud].sum(axis=0), edges[:-1]) for power in powers]
    hz_per_bin = SAMPLE_RATE / deepfilter.N_FFT
    upper_hz, middle_hz = (edges[1:] - 1) * hz_per_bin, (edges[:-1] + edges[1:] - 1) / 2 * hz_per_bin
    change_db = 10 * np.log10((bands[0] + 1e-12) / (bands[1] + 1e-12))
    table = pd.DataFrame({"band": range(len(middle_hz)), "hz": middle_hz, "change_db": change_db})
    return table[upper_hz <= bandwidth_hz * 1.001]


def profile(table: pd.DataFrame, by: str = "snr_db") -> pd.DataFrame:
    """Median and quartiles over the pairs of `timbre`: columns `by`, hz, low, median, high (dB), n_pairs.

    Args:
        by: what else than the band makes a group: `snr_db`, or `system`.

    >>> table = pd.DataFrame({"snr_db": 0.0, "hz": 100.0, "change_db": [-3.0, -1.0, 1.0, 3.0, 5.0]})
    >>> profile(table).to_dict("records")
    [{'snr_db': 0.0, 'hz': 100.0, 'low': -1.0, 'median': 1.0, 'high': 3.0, 'n_pairs': 5}]
    """
    groups = table.groupby([by, "hz"]).change_db
    low, median, high = (groups.quantile(q) for q in (0.25, 0.5, 0.75))
    return pd.DataFrame({"low": low, "median": median, "high": high, "n_pairs": groups.size()}).reset_index()


def _sure(table: pd.DataFrame, which: str) -> pd.Series:
    return table[f"{which}_lag_confidence"] >= align.CONFIDENT


def _measure_row(corpus: str, row, given: Sources) -> dict:
    signals = pairs.load(corpus, row)
    clean, noisy, enhanced = (signals[name] for name in pairs.SIGNALS)
    peaks = {f"peak_{name}": float(np.abs(signal).max(initial=0.0)) for name, signal in signals.items()}
    about = {"id": row.id, "split": row.split, "snr_db": row.snr_db, **peaks, "problem": ""}
    about |= {"level_clean_db": audio.level_db(clean), "clipped_noisy": audio.clipped_share(noisy)}
    if len({len(clean), len(noisy), len(enhanced), row.n_samples}) > 1:
        lengths = {name: len(signal) for name, signal in signals.items()}
        return about | {"problem": f"lengths {lengths}, the manifest says {row.n_samples}"}
    problems = [f"{name} is empty" for name in signals if peaks[f"peak_{name}"] < audio.SILENT_PEAK]
    problems += [f"{name} is clipped" for name in signals if peaks[f"peak_{name}"] >= 1.0]
    problems += ["DeepFilterNet3 changed nothing"] if np.array_equal(noisy, enhanced) else []
    problems += ["noisy is clean"] if metrics.si_sdr_db(noisy, clean) > pairs.SAME_DB else []
    df_lag, room_lag = align.lags([enhanced, noisy], [noisy, clean])
    about |= {"df_lag_ms": 1000 * df_lag.samples / SAMPLE_RATE, "df_lag_confidence": df_lag.confidence}
    about |= {"room_lag_ms": 1000 * room_lag.samples / SAMPLE_RATE, "room_lag_confidence": room_lag.confidence}
    achieved = _achieved_snr_db(row, noisy, given)
    return about | {"problem": ", ".join(problems), "achieved_snr_db": achieved, "snr_error_db": achieved - row.snr_db}


def _achieved_snr_db(row, noisy: np.ndarray, given: Sources) -> float:
    """Of what the saved file holds; a recorder's faults do not count as noise."""
    if row.noisy_path:
        return np.nan
    try:
        made = pairs.mixture(row, given)
    except (audio.AudioError, ValueError):
        return np.nan
    if len(made.noisy) != len(noisy):
        return np.nan
    return degrade.snr_db(made.speech, made.noise + (noisy - made.noisy))


def _timbre_row(corpus: str, row) -> pd.DataFrame:
    signals = pairs.load(corpus, row)
    table = band_change(signals["enhanced"], signals["clean"], row.bandwidth_hz)
    return table.assign(id=row.id, split=row.split, snr_db=row.snr_db)


def _powers(signal: np.ndarray) -> np.ndarray:
    """`[frames, 481]`: of 20 ms Hann windows every 10 ms; a full-scale sine has 1."""
    window = np.hanning(deepfilter.N_FFT + 1)[:-1]
    frames = metrics.frames_of(signal, deepfilter.N_FFT, deepfilter.HOP_LENGTH)
    return np.abs(np.fft.rfft(frames * window) * (2 / window.sum())) ** 2
