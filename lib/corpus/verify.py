"""Measure prepared pairs again, from their files: can they be trusted?"""

import numpy as np
import pandas as pd

from lib.audio import align, files, levels
from lib.audio.files import SAMPLE_RATE
from lib.corpus import mix
from lib.corpus.manifest import SIGNALS, load_pair, stored_sources
from lib.corpus.render import IDENTICAL_SI_SDR_DB, render_mixture
from lib.corpus.sources import Sources
from lib.metrics.si_sdr import si_sdr_db
from lib.runtime import parallel

MEASURES = [
    "achieved_snr_db",
    "snr_error_db",
    "df_lag_ms",
    "df_lag_confidence",
    "room_lag_ms",
    "room_lag_confidence",
]


def measure(corpus: str, manifest: pd.DataFrame, n_processes: int = 1) -> pd.DataFrame:
    """Measure the usable pairs of a corpus: a row each.

    Columns: id, split, snr_db (claimed), achieved_snr_db (the saved noisy minus the speech, which is rendered again alone,
    against that speech; NaN for own pairs, for a saved piece of an utterance and where the sources are gone), snr_error_db,
    df_lag_ms (of enhanced behind noisy), room_lag_ms (of noisy behind clean; the way of the direct sound was removed) with
    their confidences, level_clean_db, peak of the three signals, clipped_noisy, and problem (unequal lengths, clipped,
    identical, empty, ...).
    """
    given = stored_sources(corpus)
    rows = manifest[manifest.verdict == "ok"]
    arguments = [(corpus, row, given) for row in rows.itertuples(index=False)]
    table = pd.DataFrame(
        list(parallel.each(_measure_row, arguments, "measuring pairs", n_processes))
    )
    return table.reindex(
        columns=[*dict.fromkeys([*table.columns, *MEASURES])]
    )  # no pair's lengths may agree


def gate_misses(
    table: pd.DataFrame,
    max_lag_ms: float,
    max_room_lag_ms: float,
    max_snr_error_db: float,
    min_level_db: float,
) -> pd.Series:
    """What each pair of `measure` misses, as a line; empty where it passes. A lag counts where its estimate is sure.

    Args:
        max_lag_ms, max_room_lag_ms: of DeepFilterNet3 and of the room.
        max_snr_error_db: difference of achieved and claimed SNR.
        min_level_db: of clean, dBFS.
    """
    lines = table.problem.copy()
    gates = [
        (
            "df_lag_ms",
            _sure(table, "df") & (table.df_lag_ms.abs() > max_lag_ms),
            "enhanced {:.2f} ms behind noisy",
        ),
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


def unsure_lags(table: pd.DataFrame) -> pd.DataFrame:
    """The pairs of `measure` of which a lag cannot be told: heavy noise, or little speech."""
    return table[~(_sure(table, "df") & _sure(table, "room"))]


def _sure(table: pd.DataFrame, which: str) -> pd.Series:
    return table[f"{which}_lag_confidence"] >= align.MIN_CONFIDENCE


def _measure_row(corpus: str, row, given: Sources) -> dict:
    signals = load_pair(corpus, row)
    clean, noisy, enhanced = (signals[name] for name in SIGNALS)
    peaks = {
        f"peak_{name}": float(np.abs(signal).max(initial=0.0)) for name, signal in signals.items()
    }
    about = {"id": row.id, "split": row.split, "snr_db": row.snr_db, **peaks, "problem": ""}
    about |= {
        "level_clean_db": levels.level_db(clean),
        "clipped_noisy": levels.clipped_share(noisy),
    }
    if len({len(clean), len(noisy), len(enhanced), row.n_samples}) > 1:
        lengths = {name: len(signal) for name, signal in signals.items()}
        return about | {"problem": f"lengths {lengths}, the manifest says {row.n_samples}"}
    problems = [
        f"{name} is empty" for name in signals if peaks[f"peak_{name}"] < levels.SILENT_PEAK
    ]
    problems += [f"{name} is clipped" for name in signals if peaks[f"peak_{name}"] >= 1.0]
    problems += ["DeepFilterNet3 changed nothing"] if np.array_equal(noisy, enhanced) else []
    problems += ["noisy is clean"] if si_sdr_db(noisy, clean) > IDENTICAL_SI_SDR_DB else []
    df_lag, room_lag = align.lags([enhanced, noisy], [noisy, clean])
    about |= {
        "df_lag_ms": 1000 * df_lag.samples / SAMPLE_RATE,
        "df_lag_confidence": df_lag.confidence,
    }
    about |= {
        "room_lag_ms": 1000 * room_lag.samples / SAMPLE_RATE,
        "room_lag_confidence": room_lag.confidence,
    }
    achieved = _achieved_snr_db(row, noisy, given)
    return about | {
        "problem": ", ".join(problems),
        "achieved_snr_db": achieved,
        "snr_error_db": achieved - row.snr_db,
    }


def _achieved_snr_db(row, noisy: np.ndarray, given: Sources) -> float:
    """Of what the saved file holds; a recorder's faults do not count as noise."""
    if row.noisy_path:
        return np.nan
    try:
        made = render_mixture(row, given)
    except (files.AudioError, ValueError):
        return np.nan
    if len(made.noisy) != len(noisy):
        return np.nan
    return mix.snr_db(made.speech, made.noise + (noisy - made.noisy))
