"""Safety: what the chain does to clean speech, to noise without speech, and to silence."""

from collections.abc import Iterator, Mapping
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

MAX_SECONDS = 10.0  # of each signal without speech
WHITE_NOISE_DB = -40.0  # dBFS
# The three systems that get clean speech.
FIRST_STAGE = "DeepFilterNet3"
CHAIN = "DeepFilterNet3 and restorer"
ALONE = "restorer alone"


def clean_speech(
    generator: nn.Module, corpus: str, rows: pd.DataFrame, n_processes: int = 1
) -> pd.DataFrame:
    """Scores of clean recordings that went through the chain, against themselves.

    A recording goes through DeepFilterNet3; through DeepFilterNet3 and the restorer, which gets
    the recording itself as its noisy input; and through the restorer alone, which gets the
    recording as both inputs.

    Args:
        generator: in eval mode.
        corpus: name of the corpus.
        rows: rows of its manifest, one for each recording.

    Returns: columns item_id, system, and `registry.CORE`.
    """

    def items() -> Iterator[tuple[dict, dict[str, np.ndarray]]]:
        for row in rows.itertuples(index=False):
            clean = manifest.load_pair(corpus, row)["clean"]
            # A clean recording as if it were the noisy one: the chain should leave it alone.
            enhanced = enhance(clean)
            columns = {"item_id": row.id, "bandwidth_hz": row.bandwidth_hz}
            yield (
                columns,
                {
                    FIRST_STAGE: enhanced,
                    CHAIN: restore_signal(generator, enhanced, clean),
                    ALONE: restore_signal(generator, clean, clean),
                    "clean": clean,
                },
            )

    scores = score_table(items(), SAMPLE_RATE, n_processes, 4 * len(rows), registry.CORE)
    if not len(scores):
        return scores
    return scores[scores.system != "clean"].drop(columns="bandwidth_hz")


def without_speech(generator: nn.Module, signals: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Levels of signals without speech before, between and behind the two stages.

    Args:
        generator: in eval mode.
        signals: name -> noisy `[T]` at 48 kHz.

    Returns: columns signal, noisy_db, enhanced_db, restored_db (dBFS), and added_db, which is
        restored - enhanced: the energy that the restorer adds. NaN where one of them is silent.
    """
    rows = []
    for name, noisy in signals.items():
        enhanced = enhance(noisy)
        restored = restore_signal(generator, enhanced, noisy)
        noisy_db, enhanced_db, restored_db = map(level_db, (noisy, enhanced, restored))
        # The level of digital silence is -inf.
        finite = np.isfinite([enhanced_db, restored_db]).all()
        added_db = restored_db - enhanced_db if finite else np.nan
        rows.append([name, noisy_db, enhanced_db, restored_db, added_db])
    columns = ["signal", "noisy_db", "enhanced_db", "restored_db", "added_db"]
    return pd.DataFrame(rows, columns=columns)


def speechless_signals(corpus: str, rows: pd.DataFrame, seed: int = 0) -> dict[str, np.ndarray]:
    """Signals without speech, at most 10 s each: the corpus' noises, white noise, silence.

    Each noise comes once, at its level in a mixture. White noise has -40 dBFS.

    Args:
        corpus: name of the corpus.
        rows: rows of its manifest.
        seed: of the white noise.
    """
    n_samples = round(MAX_SECONDS * SAMPLE_RATE)
    # Only in a mixture without room and faults of the recorder is noisy - clean the noise alone.
    faults = (rows.lowpass_hz != 0) | (rows.clip_db != 0) | (rows.codec != "")
    plain = (rows.rir == "") & ~faults
    mixtures = rows[plain & (rows.noise_path != "")]
    signals = {}
    for row in mixtures.drop_duplicates("noise_path").itertuples(index=False):
        pair = manifest.load_pair(corpus, row)
        signals[Path(row.noise_path).stem] = (pair["noisy"] - pair["clean"])[:n_samples]
    white = np.random.default_rng(seed).standard_normal(n_samples)
    white = white * 10 ** (WHITE_NOISE_DB / 20) / np.sqrt(2)  # the RMS of a full-scale sine
    signals["white noise"] = white.astype(np.float32)
    signals["silence"] = np.zeros(n_samples, np.float32)
    return signals
