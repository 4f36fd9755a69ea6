"""Measure prepared pairs again, from their files: can they be trusted?"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from lib.audio import align, files, levels
from lib.audio.files import SAMPLE_RATE
from lib.corpus import mix
from lib.corpus.manifest import SIGNALS, load_pair, stored_sources
from lib.corpus.mixed_pairs import mix_row
from lib.corpus.pieces import IDENTICAL_SI_SDR_DB
from lib.corpus.sources import Sources
from lib.metrics.si_sdr import si_sdr_db
from lib.runtime import parallel

MEASURES = (
    "achieved_snr_db",
    "snr_error_db",
    "df_lag_ms",
    "df_lag_confidence",
    "room_lag_ms",
    "room_lag_confidence",
)
# The highest sample that pairs of 24 bits can hold; the lowest one is -1.
FULL_SCALE = 1 - 2**-23


def measure(corpus: str, manifest: pd.DataFrame, n_processes: int = 1) -> pd.DataFrame:
    """Measure the usable pairs of a corpus: a row each.

    Columns:
        id, split, snr_db: as claimed by the manifest.
        achieved_snr_db: speech, which is mixed again alone, against saved noisy minus that speech.
            NaN for recorded pairs, without noise or speech, for pieces of an utterance, and where
            sources are gone.
        snr_error_db: achieved minus claimed.
        df_lag_ms, room_lag_ms: of enhanced behind noisy, of noisy behind clean (the travel time of
            the direct sound was removed), and their confidences.
        level_clean_db (dBFS), clipped_noisy (share), the peaks of the three signals.
        problem: unequal lengths, clipped, identical or empty signals, noise alone whose clean is
            not silent; "" if there is none.
    """
    folders = stored_sources(corpus)
    rows = manifest[manifest.verdict == "ok"]
    arguments = [(corpus, row, folders) for row in rows.itertuples(index=False)]
    results = list(parallel.each(_measure_row, arguments, "measuring pairs", n_processes))
    table = pd.DataFrame(results)
    # Pairs of unequal lengths have no measures; if all are such, the columns must exist anyway.
    return table.reindex(columns=[*dict.fromkeys([*table.columns, *MEASURES])])


def gate_misses(
    table: pd.DataFrame,
    max_lag_ms: float,
    max_room_lag_ms: float,
    max_snr_error_db: float,
    min_level_db: float,
) -> pd.Series:
    """What each pair of `measure` fails at, as a line; empty where it passes.

    A lag of low confidence does not count.

    Args:
        max_lag_ms, max_room_lag_ms: of DeepFilterNet3 and of the room, to either side.
        max_snr_error_db: difference of achieved and claimed SNR.
        min_level_db: of clean, dBFS; that of noise alone is silent.
    """
    lines = [[problem] if problem else [] for problem in table.problem]

    def miss(rows: pd.Series, column: str, text: Callable[[float], str]) -> None:
        for line, chosen, value in zip(lines, rows, table[column], strict=True):
            if chosen:
                line.append(text(value))

    late = _sure(table, "df") & (table.df_lag_ms.abs() > max_lag_ms)
    miss(late, "df_lag_ms", "enhanced {:.2f} ms behind noisy".format)
    late = _sure(table, "room") & (table.room_lag_ms.abs() > max_room_lag_ms)
    miss(late, "room_lag_ms", "noisy {:.2f} ms behind clean".format)
    off = table.snr_error_db.abs() > max_snr_error_db
    miss(off, "snr_error_db", "SNR off by {:+.2f} dB".format)
    faint = (table.level_clean_db < min_level_db) & (table.snr_db != mix.NOISE_ALONE_DB)
    miss(faint, "level_clean_db", "clean at {:.1f} dBFS".format)
    return pd.Series([", ".join(line) for line in lines], table.index, table.problem.dtype)


def unsure_lags(table: pd.DataFrame) -> pd.DataFrame:
    """The pairs of `measure` with a lag of low confidence: heavy noise, or little speech.

    Noise alone is not among them: there is no speech that could be late.
    """
    unsure = ~(_sure(table, "df") & _sure(table, "room"))
    return table[unsure & (table.snr_db != mix.NOISE_ALONE_DB)]


def _sure(table: pd.DataFrame, which: str) -> pd.Series:
    return table[f"{which}_lag_confidence"] >= align.MIN_CONFIDENCE


def _measure_row(corpus: str, row: Any, folders: Sources) -> dict:
    """The columns of `measure` for one manifest row."""
    signals = load_pair(corpus, row)
    clean, noisy, enhanced = (signals[name] for name in SIGNALS)
    peaks = {name: float(np.abs(signal).max(initial=0.0)) for name, signal in signals.items()}
    result = {"id": row.id, "split": row.split, "snr_db": row.snr_db}
    result |= {f"peak_{name}": peak for name, peak in peaks.items()} | {"problem": ""}
    result["level_clean_db"] = levels.level_db(clean)
    result["clipped_noisy"] = levels.clipped_share(noisy)
    lengths = {name: len(signal) for name, signal in signals.items()}
    if set(lengths.values()) != {row.n_samples}:
        return result | {"problem": f"lengths {lengths}, the manifest says {row.n_samples}"}
    result["problem"] = ", ".join(_problems(signals, peaks, row))
    df_lag, room_lag = align.lags([enhanced, noisy], [noisy, clean])
    for name, lag in (("df", df_lag), ("room", room_lag)):
        result[f"{name}_lag_ms"] = 1000 * lag.samples / SAMPLE_RATE
        result[f"{name}_lag_confidence"] = lag.confidence
    result["achieved_snr_db"] = _achieved_snr_db(row, noisy, folders)
    result["snr_error_db"] = result["achieved_snr_db"] - row.snr_db
    return result


def _problems(signals: dict[str, np.ndarray], peaks: dict[str, float], row: Any) -> list[str]:
    noise_alone = row.snr_db == mix.NOISE_ALONE_DB
    heard = ["noisy"] if noise_alone else SIGNALS
    problems = [f"{name} is empty" for name in heard if peaks[name] < levels.SILENT_PEAK]
    if noise_alone and peaks["clean"] > 0:
        problems.append("clean of noise alone is not silent")
    problems += [f"{name} is clipped" for name in signals if peaks[name] >= FULL_SCALE]
    clean, noisy, enhanced = (signals[name] for name in SIGNALS)
    if np.array_equal(noisy, enhanced):
        problems.append("DeepFilterNet3 changed nothing")
    mixed_clean = row.noise_path == row.noisy_path == ""
    if si_sdr_db(noisy, clean) > IDENTICAL_SI_SDR_DB and not mixed_clean:
        problems.append("noisy is clean")
    return problems


def _achieved_snr_db(row: Any, noisy: np.ndarray, folders: Sources) -> float:
    """SNR of the saved file; the faults of a recorder do not count as noise."""
    if row.noisy_path or not row.noise_path or row.snr_db == mix.NOISE_ALONE_DB:
        return np.nan
    try:
        mixture = mix_row(row, folders)
    except (files.AudioError, ValueError):
        return np.nan
    if len(mixture.noisy) != len(noisy):
        return np.nan
    return mix.snr_db(mixture.speech, mixture.noise + (noisy - mixture.noisy))
