"""Systems with a known fate, beside which the judges and the vetoes are tried.

python tests/evaluation/oracles.py CORPUS [N_ITEMS] measures them, and the shipped weights, on the
test pairs of a corpus.
"""

import sys
from collections.abc import Iterator, Mapping

import numpy as np
import scipy.signal

from lib.audio.files import SAMPLE_RATE
from lib.evaluation import baselines, summary, vetoes
from lib.evaluation.collecting import Collector

N_FFT, HOP_LENGTH = 960, 240
DOMINANT_DB = 30.0  # a bin is dominant if it is so near to its frame's peak
ACTIVE_DB = 40.0  # in frames so near to the loudest one
MIXED_DB = -15.0  # level of noisy's share
SYSTEMS = ("identity", "noisy at -15 dB", "dominant bins filled")


def systems(pair: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What each of `SYSTEMS` makes of a pair: signals `[T]` of noisy, enhanced and clean."""
    mixed = baselines.apply("noisy mixed in", MIXED_DB, pair, np.zeros(32))
    filled = fill_dominant(pair["enhanced"], pair["clean"])
    return dict(zip(SYSTEMS, (pair["enhanced"], mixed, filled), strict=True))


def fill_dominant(enhanced: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """Enhanced with what it lacks of clean's dominant bins: an oracle, since it knows clean.

    There the magnitude is the larger one of both; the phase is enhanced's everywhere.
    """
    # Zeros behind the signals: no frame is cut off.
    padded = [np.pad(np.asarray(x, np.float64), (0, N_FFT)) for x in (enhanced, clean)]
    ours, theirs = (spectrum(x) for x in padded)
    missing = dominant(theirs) & (np.abs(theirs) > np.abs(ours))
    filled = np.where(missing, np.abs(theirs) * np.exp(1j * np.angle(ours)), ours)
    _, signal = scipy.signal.istft(filled, SAMPLE_RATE, **_STFT)
    return signal[: len(enhanced)].astype(np.float32)


def dominant(spectra: np.ndarray) -> np.ndarray:
    """Which bins `[481, frames]` are dominant in a spectrum."""
    level_db = 20 * np.log10(np.abs(spectra) + 1e-12)
    peak_db = level_db.max(axis=0)
    energy_db = 10 * np.log10((np.abs(spectra) ** 2).sum(axis=0) + 1e-24)
    active = energy_db >= energy_db.max() - ACTIVE_DB
    return (level_db >= peak_db - DOMINANT_DB) & active


def spectrum(signal: np.ndarray) -> np.ndarray:
    """`[481, frames]`."""
    return scipy.signal.stft(signal, SAMPLE_RATE, **_STFT)[2]


_STFT = {"window": "hann", "nperseg": N_FFT, "noverlap": N_FFT - HOP_LENGTH}


def main(corpus: str, n_items: int = 0) -> None:
    """Print the summary and the vetoes of each system on the test pairs of a corpus."""
    from lib.corpus import manifest
    from lib.inference.restorer import Restorer, restore_pairs
    from lib.metrics.batch import score_table

    rows = manifest.usable_rows(manifest.read(corpus), "test")
    rows = rows.sample(min(n_items or len(rows), len(rows)), random_state=0)
    shipped = {"shipped weights": Restorer.load().generator}

    def items() -> Iterator[tuple[dict, dict[str, np.ndarray]]]:
        for row, signals in restore_pairs(shipped, corpus, rows):
            clean = signals.pop("clean")
            pair = signals | {"clean": clean}
            yield row, signals | systems(pair) | {"clean": clean}

    names = ("shipped weights", *SYSTEMS)
    collector = Collector(names)
    n_signals = (3 + len(names)) * len(rows)
    scores = score_table(collector.watch(items()), SAMPLE_RATE, 2, n_signals)
    for name in names:
        part = summary.as_restored(scores, name)
        print(f"\n== {name}\n{vetoes.as_text(vetoes.vetoes(part, collector.colours(name)))}")
        print(summary.as_text(summary.summary(part, seed=0)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0)
