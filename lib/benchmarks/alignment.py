"""Lags by generalised cross-correlation, beside plain correlation and dot products."""

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from lib.audio import align, files
from lib.audio.files import SAMPLE_RATE
from lib.corpus import mix
from lib.corpus.sources import Sources
from lib.deepfilter.enhance import enhance_batch
from lib.runtime.progress import progress

MAX_LAG = 2_000  # samples to either side, where lags are sought


class LagPair(NamedTuple):
    """`estimate` comes `lag` samples behind `reference`; unrelated ones have none (`related` is False)."""

    estimate: np.ndarray  # [T], DeepFilterNet3's output
    reference: np.ndarray  # [T], clean
    lag: int
    snr_db: float
    related: bool


def lag_pairs(
    given: Sources, n_pairs: int, snr_db: Sequence[float], seed: int = 0, max_lag: int = MAX_LAG
) -> list[LagPair]:
    """Pairs of 2 to 7 s out of joined utterances, with lags of up to `max_lag` samples; behind them 2 for every 5, unrelated.

    An unrelated pair is the output of one utterance beside the clean one of another, or beside silence.
    """
    rng, read = np.random.default_rng(seed), lru_cache(16)(files.read)
    speech, noise = files.find(given.speech), files.find(given.noise)
    drawn = []  # clean, noisy, lag, SNR, utterances
    for i in range(n_pairs):
        n_samples, chosen, clean = (
            int(rng.uniform(2, 7) * SAMPLE_RATE) + 2 * max_lag,
            set(),
            np.zeros(0, np.float32),
        )
        while len(clean) < n_samples:
            utterance = int(rng.integers(len(speech)))
            chosen.add(utterance)
            clean = np.concatenate([clean, files.read(speech[utterance], SAMPLE_RATE)])
        disturbing = read(noise[rng.integers(len(noise))], SAMPLE_RATE)
        disturbing = mix.loop(disturbing, int(rng.integers(len(disturbing))), n_samples)
        snr, lag = snr_db[i % len(snr_db)], int(rng.integers(-max_lag, max_lag + 1))
        made = mix.mix(clean[:n_samples], disturbing, snr, 0.5)
        drawn.append((made.clean, made.noisy, lag, snr, chosen))
    pairs = []
    for first in progress(range(0, n_pairs, 16), "pairs to align"):
        group = drawn[first : first + 16]
        enhanced = enhance_batch([noisy for _, noisy, *_ in group])
        for (clean, _, lag, snr, _), output in zip(group, enhanced, strict=True):
            late = output.signal[max_lag - lag : len(clean) - max_lag - lag]
            pairs.append(LagPair(late, clean[max_lag : len(clean) - max_lag], lag, snr, True))
    for i in range(2 * n_pairs // 5):
        others = [k for k in rng.permutation(n_pairs) if not drawn[k][4] & drawn[i][4]]
        reference = pairs[others[0]].reference if others and i % 10 < 9 else np.zeros(1, np.float32)
        reference = np.resize(reference, len(pairs[i].estimate))
        pairs.append(LagPair(pairs[i].estimate, reference, 0, pairs[i].snr_db, False))
    return pairs


def measure_alignment(pairs: Sequence[LagPair], max_lag: int = MAX_LAG) -> pd.DataFrame:
    """Three ways to a lag, by turns: a row for each pair and method.

    Columns: method (align.lag; numpy.correlate; dot product: every 16th lag, then each around the best),
    related, snr_db, error (samples), confidence (of align.lag alone), ms.
    """
    rows = []
    methods = {
        "align.lag": _lag_aligned,
        "numpy.correlate": _lag_correlated,
        "dot product": _lag_by_dots,
    }
    for pair in progress(list(pairs), "alignment"):
        for method, find in methods.items():
            began = time.perf_counter()
            found, confidence = find(pair.estimate, pair.reference, max_lag)
            ms = 1000 * (time.perf_counter() - began)
            about = {"method": method, "related": pair.related, "snr_db": pair.snr_db}
            rows.append(about | {"error": found - pair.lag, "confidence": confidence, "ms": ms})
    return pd.DataFrame(rows)


def alignment_summary(table: pd.DataFrame) -> pd.DataFrame:
    """By method: share of related pairs that are exact at each SNR, of unrelated ones accepted, median ms, times align.lag's."""
    related, unrelated = table[table.related], table[~table.related]
    exact = (related.error == 0).groupby([related.method, related.snr_db]).mean().unstack()
    exact.columns = [f"exact at {snr_db:g} dB" for snr_db in exact]
    accepted = (unrelated.confidence >= align.MIN_CONFIDENCE).where(unrelated.confidence.notna())
    ms = table.groupby("method").ms.median()
    more = {
        "unrelated accepted": accepted.groupby(unrelated.method).mean(),
        "median ms": ms,
        "times": ms / ms["align.lag"],
    }
    return exact.assign(**more)


def _lag_aligned(estimate: np.ndarray, reference: np.ndarray, max_lag: int) -> tuple[int, float]:
    found = align.lag(estimate, reference, max_lag)
    return found.samples, found.confidence


def _lag_correlated(estimate: np.ndarray, reference: np.ndarray, max_lag: int) -> tuple[int, float]:
    return int(
        np.argmax(np.correlate(np.pad(estimate, max_lag), reference, "valid"))
    ) - max_lag, np.nan


def _lag_by_dots(estimate: np.ndarray, reference: np.ndarray, max_lag: int) -> tuple[int, float]:
    padded, n = np.pad(estimate, max_lag), len(reference)

    def best(lags):
        return max(
            lags, key=lambda lag: np.dot(padded[max_lag + lag : max_lag + lag + n], reference)
        )

    coarse = best(range(-max_lag, max_lag + 1, 16))
    return best(range(max(coarse - 15, -max_lag), min(coarse + 15, max_lag) + 1)), np.nan
