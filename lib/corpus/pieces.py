"""A rendered pair -> pieces on disk: each is cut, measured, judged, and saved if it is usable."""

from itertools import pairwise
from pathlib import Path

import numpy as np

from lib.audio import align, files, levels
from lib.audio.files import SAMPLE_RATE
from lib.corpus import mix, survey
from lib.corpus.manifest import MIN_ITEM_LENGTH, SIGNALS, too_short
from lib.metrics.si_sdr import si_sdr_db

MAX_DF_LAG = 24  # samples (0.5 ms) that enhanced may be behind or before noisy
IDENTICAL_SI_SDR_DB = 75.0  # from here on noisy is clean, but for rounding to 16 bits


def save_pieces(root: Path, name: str, signals: dict[str, np.ndarray], common: dict) -> list[dict]:
    """Cut a pair into pieces and write the usable ones; returns a manifest row for each.

    A pair that exceeds full scale is turned down as a whole: DeepFilterNet3 may overshoot, a
    recorded pair may be loud.

    Args:
        root: the corpus folder.
        name: of the pair; a piece of it is called `<name>_p000` and so on.
        signals: `clean`, `noisy`, `enhanced`, `[T]` each.
        common: columns that all pieces share; `save_segment_length` is the length of a piece in
            samples, 0 for all of it. A rest that is too short for an item belongs to the last one.
    """
    peak = max(np.abs(signal).max(initial=1e-9) for signal in signals.values())
    gain = min(1.0, mix.HEADROOM / peak)
    common = common | {
        "scale": float(np.abs(signals["noisy"]).max() * gain),
        "gain": common["gain"] * gain,
    }
    n_samples = len(signals["noisy"])
    length = common["save_segment_length"] or max(n_samples, 1)
    starts = [*range(0, n_samples, length)] or [0]
    if len(starts) > 1 and n_samples - starts[-1] < MIN_ITEM_LENGTH:
        starts.pop()
    rows = []
    for number, (start, stop) in enumerate(pairwise([*starts, n_samples])):
        piece = {key: signal[start:stop] * np.float32(gain) for key, signal in signals.items()}
        piece_name = name if length >= n_samples else f"{name}_p{number:03d}"
        row = common | {"id": piece_name, "start": start, "n_samples": len(piece["noisy"])}
        row |= measure(piece) | {"verdict": "ok", "reason": ""}
        if reason := faults(piece, row):
            row |= {"verdict": "refused", "reason": reason}
        else:
            for key, signal in piece.items():
                row[key] = f"{key}/{piece_name}{files.EXTENSION}"
                files.write(root / row[key], signal, SAMPLE_RATE)
        rows.append(row)
    return rows


def measure(piece: dict[str, np.ndarray]) -> dict[str, float]:
    """Levels, clipping and SI-SDR of a piece, as columns of the manifest."""
    clean = piece["clean"]
    row = {f"level_{name}_db": levels.level_db(signal) for name, signal in piece.items()}
    row |= {f"clipped_{name}": levels.clipped_share(piece[name]) for name in ("clean", "noisy")}
    for name in ("noisy", "enhanced"):
        row[f"si_sdr_{name}_db"] = (
            si_sdr_db(piece[name], clean) if _equal_lengths(piece) else np.nan
        )
    return row


def faults(piece: dict[str, np.ndarray], row: dict) -> str:
    """Why a piece is not usable, from its signals and its row; empty if it is usable."""
    clean, noisy, enhanced = (piece[name] for name in SIGNALS)
    reasons = []
    if len(noisy) < MIN_ITEM_LENGTH:
        reasons.append(too_short(len(noisy)))
    if not _equal_lengths(piece):
        reasons.append("lengths differ")
    # Noise alone has a silent target, and DeepFilterNet3 may leave nothing of it.
    noise_alone = row.get("snr_db") == mix.NOISE_ALONE_DB
    name, heard = ("noisy", noisy) if noise_alone else ("clean", clean)
    if np.abs(heard).max(initial=0.0) < levels.SILENT_PEAK:
        reasons.append(f"{name} is silent")
    if row["clipped_clean"] > survey.MAX_CLIPPED_SHARE:
        reasons.append(f"{row['clipped_clean']:.1%} of clean is clipped")
    # A pair that was mixed without noise is clean on purpose.
    mixed_clean = row.get("noise_path") == row.get("noisy_path") == ""
    if row["si_sdr_noisy_db"] > IDENTICAL_SI_SDR_DB and not mixed_clean:
        reasons.append(f"noisy is clean (SI-SDR {row['si_sdr_noisy_db']:.0f} dB)")
    if np.array_equal(noisy, enhanced):
        reasons.append("DeepFilterNet3 changed nothing")
    if np.abs(enhanced).max(initial=0.0) < levels.SILENT_PEAK and not noise_alone:
        reasons.append("DeepFilterNet3 left nothing over")
    lag = row["df_lag"] if row["df_lag_confidence"] >= align.MIN_CONFIDENCE else 0
    if abs(lag) > MAX_DF_LAG:
        reasons.append(f"enhanced is {lag} samples off noisy")
    return ", ".join(reasons)


def _equal_lengths(piece: dict[str, np.ndarray]) -> bool:
    return len({len(signal) for signal in piece.values()}) == 1
