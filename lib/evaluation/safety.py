"""Does the chain leave alone what needs no help? Clean speech through it, noise without speech, silence."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from lib.audio.files import SAMPLE_RATE
from lib.audio.levels import level_db
from lib.corpus import manifest
from lib.deepfilter.enhance import enhance
from lib.inference.restorer import restore_signal
from lib.metrics import registry
from lib.metrics.batch import score_table

SECONDS = 10.0  # of each noise
FIRST_STAGE, CHAIN, ALONE = "DeepFilterNet3", "DeepFilterNet3 and restorer", "restorer alone"


def clean_speech(
    generator: nn.Module, corpus: str, rows: pd.DataFrame, n_processes: int = 1
) -> pd.DataFrame:
    """Scores of what becomes of clean recordings: item_id, system (one of the three ways), and `metrics.NAMES`.

    The ways: through DeepFilterNet3; through it and the restorer, which hears clean as its noisy input; through the
    restorer alone, which hears clean as both.
    """

    def items() -> Iterator[tuple[dict, dict]]:
        for row in rows.itertuples(index=False):
            clean = manifest.load_pair(corpus, row)["clean"]
            enhanced = enhance(clean)
            chain, alone = (restore_signal(generator, heard, clean) for heard in (enhanced, clean))
            about = {"item_id": row.id, "bandwidth_hz": row.bandwidth_hz}
            yield about, {FIRST_STAGE: enhanced, CHAIN: chain, ALONE: alone, "clean": clean}

    scores = score_table(items(), SAMPLE_RATE, n_processes, 4 * len(rows), registry.NAMES)
    return scores[scores.system != "clean"].drop(columns="bandwidth_hz") if len(scores) else scores


def without_speech(generator: nn.Module, signals: dict[str, np.ndarray]) -> pd.DataFrame:
    """Levels of signals `[T]` that hold no speech, on their way: signal, noisy_db, enhanced_db, restored_db (dBFS), added_db.

    `added_db` is restored - enhanced, the energy that the restorer adds; NaN where one of them is silent.
    """
    rows = []
    for name, noisy in signals.items():
        enhanced = enhance(noisy)
        levels = [
            level_db(one) for one in (noisy, enhanced, restore_signal(generator, enhanced, noisy))
        ]
        added_db = levels[2] - levels[1] if np.isfinite(levels[1:]).all() else np.nan
        rows.append([name, *levels, added_db])
    return pd.DataFrame(
        rows, columns=["signal", "noisy_db", "enhanced_db", "restored_db", "added_db"]
    )


def speechless_signals(corpus: str, rows: pd.DataFrame, seed: int = 0) -> dict[str, np.ndarray]:
    """Signals without speech: each noise once, as it stands in a mixture without a room, white noise at -40 dBFS, and silence."""
    n_samples = round(SECONDS * SAMPLE_RATE)
    mixed = rows[
        (rows.rir == "") & (rows.noise_path != "") & (rows.lowpass_hz == 0) & (rows.clip_db == 0)
    ]
    found = {}
    for row in mixed.drop_duplicates("noise_path").itertuples(index=False):
        signals = manifest.load_pair(corpus, row)
        found[Path(row.noise_path).stem] = (signals["noisy"] - signals["clean"])[:n_samples]
    white = np.random.default_rng(seed).standard_normal(n_samples) * 10 ** (-40 / 20) / np.sqrt(2)
    return found | {
        "white noise": white.astype(np.float32),
        "silence": np.zeros(n_samples, np.float32),
    }
