"""Lags by generalised cross-correlation, beside plain correlation and dot products."""

import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from lib.audio import align, files
from lib.audio.files import SAMPLE_RATE
from lib.corpus import mix
from lib.corpus.sources import Sources
from lib.deepfilter.enhance import enhance_batch
from lib.runtime.progress import progress

MAX_LAG = 2_000  # samples to either side
MIN_SECONDS, MAX_SECONDS = 2, 7  # of a pair
SCALE = 0.5  # peak of the mixtures
BATCH_SIZE = 16  # mixtures that DeepFilterNet3 gets at once
COARSE_STEP = 16  # samples between the lags that the dot products try first


class LagPair(NamedTuple):
    """`estimate` comes `lag` samples behind `reference`; unrelated signals have no lag."""

    estimate: np.ndarray  # [T], DeepFilterNet3's output
    reference: np.ndarray  # [T], clean
    lag: int
    snr_db: float
    related: bool


class Drawn(NamedTuple):
    """A mixture with its lag, before DeepFilterNet3; `max_lag` samples longer at either end."""

    clean: np.ndarray
    noisy: np.ndarray
    lag: int
    snr_db: float
    utterances: set[int]  # numbers of the speech files in it


def lag_pairs(
    given: Sources, n_pairs: int, snr_db: Sequence[float], seed: int = 0, max_lag: int = MAX_LAG
) -> list[LagPair]:
    """Related pairs of 2 to 7 s out of joined utterances; behind them 2 unrelated ones for every 5.

    An unrelated pair is the output for one utterance beside the clean signal of another one; one in
    ten is beside silence.

    Args:
        given: folders of speech and noise.
        n_pairs: related pairs.
        snr_db: over active speech, one after the other.
        seed: of all draws.
        max_lag: lags are drawn from -max_lag to max_lag samples.
    """
    rng, read = np.random.default_rng(seed), lru_cache(16)(files.read)
    speech, noise = files.find(given.speech), files.find(given.noise)
    drawn = [
        _draw(rng, read, speech, noise, snr_db[i % len(snr_db)], max_lag) for i in range(n_pairs)
    ]
    pairs = []
    for first in progress(range(0, n_pairs, BATCH_SIZE), "pairs to align"):
        batch = drawn[first : first + BATCH_SIZE]
        outputs = enhance_batch([mixture.noisy for mixture in batch])
        for mixture, output in zip(batch, outputs, strict=True):
            stop = len(mixture.clean) - max_lag
            # Cutting the output `lag` samples earlier delays it against clean.
            estimate = output.signal[max_lag - mixture.lag : stop - mixture.lag]
            reference = mixture.clean[max_lag:stop]
            pairs.append(LagPair(estimate, reference, mixture.lag, mixture.snr_db, True))
    for i in range(2 * n_pairs // 5):
        estimate, _, _, snr, _ = pairs[i]
        # Pairs that share an utterance may have a true lag.
        others = [
            k for k in rng.permutation(n_pairs) if not drawn[k].utterances & drawn[i].utterances
        ]
        silent = not others or i % 10 == 9
        reference = np.zeros(1, np.float32) if silent else pairs[others[0]].reference
        pairs.append(LagPair(estimate, np.resize(reference, len(estimate)), 0, snr, False))
    return pairs


def _draw(
    rng: np.random.Generator,
    read: Callable[[Path, int], np.ndarray],
    speech: Sequence[Path],
    noise: Sequence[Path],
    snr_db: float,
    max_lag: int,
) -> Drawn:
    n_samples = int(rng.uniform(MIN_SECONDS, MAX_SECONDS) * SAMPLE_RATE) + 2 * max_lag
    utterances, clean = set(), np.zeros(0, np.float32)
    # Utterances are joined until they are long enough.
    while len(clean) < n_samples:
        utterance = int(rng.integers(len(speech)))
        utterances.add(utterance)
        clean = np.concatenate([clean, files.read(speech[utterance], SAMPLE_RATE)])
    noise_signal = read(noise[rng.integers(len(noise))], SAMPLE_RATE)
    offset = int(rng.integers(len(noise_signal)))
    noise_signal = mix.loop(noise_signal, offset, n_samples)
    lag = int(rng.integers(-max_lag, max_lag + 1))
    mixture = mix.mix(clean[:n_samples], noise_signal, snr_db, SCALE)
    return Drawn(mixture.clean, mixture.noisy, lag, snr_db, utterances)


def measure_alignment(pairs: Sequence[LagPair], max_lag: int = MAX_LAG) -> pd.DataFrame:
    """The lag of each pair by three methods, by turns.

    The methods are `align.lag`; `numpy.correlate`; and dot products, at every 16th lag and then
    around the best of these.

    Args:
        pairs: from `lag_pairs`.
        max_lag: samples to either side that are searched.

    Returns: a row for each pair and method, with the columns method, related, snr_db, error
        (samples), confidence (of align.lag alone), ms.
    """
    methods = {
        "align.lag": _gcc_lag,
        "numpy.correlate": _correlation_lag,
        "dot product": _dot_product_lag,
    }
    rows = []
    for pair in progress(list(pairs), "alignment"):
        for method, find_lag in methods.items():
            began = time.perf_counter()
            lag, confidence = find_lag(pair.estimate, pair.reference, max_lag)
            rows.append(
                {
                    "method": method,
                    "related": pair.related,
                    "snr_db": pair.snr_db,
                    "error": lag - pair.lag,
                    "confidence": confidence,
                    "ms": 1000 * (time.perf_counter() - began),
                }
            )
    return pd.DataFrame(rows)


def alignment_summary(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each method, from the table of `measure_alignment`.

    Returns: the share of related pairs that are exact, a column for each SNR; unrelated accepted
        (share of unrelated pairs whose lag is believed); median ms; times (that of align.lag).
    """
    related, unrelated = table[table.related], table[~table.related]
    exact = (related.error == 0).groupby([related.method, related.snr_db]).mean().unstack()
    exact.columns = [f"exact at {snr_db:g} dB" for snr_db in exact]
    # Two of the methods have no confidence: NaN, not False.
    accepted = (unrelated.confidence >= align.MIN_CONFIDENCE).where(unrelated.confidence.notna())
    ms = table.groupby("method").ms.median()
    columns = {
        "unrelated accepted": accepted.groupby(unrelated.method).mean(),
        "median ms": ms,
        "times": ms / ms["align.lag"],
    }
    return exact.assign(**columns)


def _gcc_lag(estimate: np.ndarray, reference: np.ndarray, max_lag: int) -> tuple[int, float]:
    lag = align.lag(estimate, reference, max_lag)
    return lag.samples, lag.confidence


def _correlation_lag(
    estimate: np.ndarray, reference: np.ndarray, max_lag: int
) -> tuple[int, float]:
    # Index i of the result is the lag i - max_lag.
    correlation = np.correlate(np.pad(estimate, max_lag), reference, "valid")
    return int(np.argmax(correlation)) - max_lag, np.nan


def _dot_product_lag(
    estimate: np.ndarray, reference: np.ndarray, max_lag: int
) -> tuple[int, float]:
    padded, n = np.pad(estimate, max_lag), len(reference)

    def best(lags: Sequence[int]) -> int:
        return max(lags, key=lambda lag: np.dot(padded[max_lag + lag :][:n], reference))

    coarse = best(range(-max_lag, max_lag + 1, COARSE_STEP))
    start = max(coarse - COARSE_STEP + 1, -max_lag)
    stop = min(coarse + COARSE_STEP - 1, max_lag) + 1
    return best(range(start, stop)), np.nan
