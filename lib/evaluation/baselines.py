"""Baselines: simple ways to give timbre back, which a network has to beat.

    equaliser          a fixed curve undoes DeepFilterNet3's mean loss, at a strength of 0 to 1
    attenuation limit  DeepFilterNet3 takes away at most so many dB
    noisy mixed in     a constant share of the noisy recording is added to enhanced

Each has one setting. It is fitted on validation pairs, once for LSD and once for PESQ, so that a
baseline is as good as it can be by either score.
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.signal

from lib.audio import stft
from lib.audio.files import SAMPLE_RATE
from lib.corpus import manifest
from lib.deepfilter.enhance import enhance
from lib.deepfilter.settings import Settings, identity
from lib.metrics import registry, stats
from lib.metrics.batch import scoring_version
from lib.runtime import parallel
from lib.runtime.cache import get_or_compute

SCORES = ("lsd_db", "pesq")
GRIDS = {
    "equaliser": (0.25, 0.5, 0.75, 1.0),
    "attenuation limit": (1.0, 3.0, 6.0, 9.0, 12.0, 15.0, 18.0, 24.0, 30.0, 40.0),  # dB
    "noisy mixed in": (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8),
}
MAX_FIT_PAIRS = 32
SMOOTHING_OCTAVES = 1 / 3  # width over which the equaliser's curve is averaged
MAX_GAIN_DB = 20.0  # of the equaliser
N_TAPS = 2047  # of the equaliser's filter; it is symmetric, so that it delays nothing


def fit(corpus: str, rows: pd.DataFrame, n_processes: int = 1) -> tuple[pd.DataFrame, np.ndarray]:
    """The best setting of each baseline for each of `SCORES`, on at most 32 of these pairs.

    Args:
        corpus: name of the corpus.
        rows: usable rows of its manifest, of validation pairs.

    Returns: a table with the columns method, fitted_for, setting; and the equaliser's curve in dB
        at the `N_FFT // 2 + 1` frequencies of `lib.audio.stft`.
    """
    # One setting is fitted: 32 pairs are enough, and the same ones each time.
    rows = rows.sample(min(MAX_FIT_PAIRS, len(rows)), random_state=0)
    curve = loss_curve(corpus, rows)
    candidates = [(method, setting) for method, grid in GRIDS.items() for setting in grid]
    table = _score_pairs(corpus, rows, candidates, curve, n_processes, "fitting baselines")
    means = table.groupby(["method", "setting"])[list(SCORES)].mean()
    fitted = []
    for method in GRIDS:
        for score_name in SCORES:
            # With its sign a score is better when it is higher.
            signed = registry.SIGN[score_name] * means.loc[method][score_name]
            fitted.append((method, score_name, signed.idxmax()))
    return pd.DataFrame(fitted, columns=["method", "fitted_for", "setting"]), curve


def score(
    corpus: str, rows: pd.DataFrame, fitted: pd.DataFrame, curve: np.ndarray, n_processes: int = 1
) -> pd.DataFrame:
    """Scores of fitted baselines on other pairs, a row for each pair and baseline.

    Args:
        fitted, curve: from `fit`.

    Returns: columns item_id, method, setting, and `SCORES`.
    """
    # A setting that is best for both scores is computed once.
    baselines = sorted(set(zip(fitted.method, fitted.setting, strict=True)))
    return _score_pairs(corpus, rows, baselines, curve, n_processes, "baselines")


def against(
    restored: pd.DataFrame, baselines: pd.DataFrame, fitted: pd.DataFrame, seed: int = 0
) -> pd.DataFrame:
    """Restored against each baseline, by the score for which the baseline is fitted.

    Args:
        restored: rows of one system with item_id and `SCORES`.
        baselines: from `score`.
        fitted: from `fit`.
        seed: of the bootstrap.

    Returns: columns metric, method, setting, baseline (its mean), restored, difference (the mean of
        restored - baseline over the same pairs), low, high (its 95 % bootstrap interval), beaten
        (whether the whole interval is on the better side).
    """
    rows, restored = [], restored.set_index("item_id")
    for method, metric, setting in fitted.itertuples(index=False):
        chosen = (baselines.method == method) & (baselines.setting == setting)
        values = {
            "restored": restored[metric],
            "baseline": baselines[chosen].set_index("item_id")[metric],
        }
        # Paired: only items that have both scores.
        pairs = pd.DataFrame(values).dropna()
        difference = (pairs.restored - pairs.baseline).to_numpy()
        low, high = stats.bootstrap_interval(difference, seed)
        row = {"metric": metric, "method": method, "setting": setting}
        row |= {"baseline": pairs.baseline.mean(), "restored": pairs.restored.mean()}
        row |= {"difference": difference.mean(), "low": low, "high": high}
        sign = registry.SIGN[metric]
        rows.append(row | {"beaten": bool(min(sign * low, sign * high) > 0)})
    return pd.DataFrame(rows).sort_values(["metric", "method"], ignore_index=True)


def loss_curve(corpus: str, rows: pd.DataFrame) -> np.ndarray:
    """DeepFilterNet3's mean loss in dB at each frequency of `lib.audio.stft`, smoothed.

    Only frames of active speech count, and only frequencies below a pair's bandwidth.
    """
    hz = np.fft.rfftfreq(stft.N_FFT, 1 / SAMPLE_RATE)
    losses = []
    for row in rows.itertuples(index=False):
        signals = manifest.load_pair(corpus, row)
        enhanced, clean = stft.active_frames_db(signals["enhanced"], signals["clean"])
        losses.append(np.where(hz < row.bandwidth_hz, (clean - enhanced).mean(axis=0), np.nan))
    # Above the widest bandwidth nothing is known: no gain there.
    curve = pd.DataFrame(losses).mean().fillna(0.0).to_numpy()
    # Means over a third of an octave: a finer curve would follow single voices.
    half = 2 ** (SMOOTHING_OCTAVES / 2)
    starts, stops = np.searchsorted(hz, hz / half), np.searchsorted(hz, hz * half)
    smooth = [curve[a : max(b, a + 1)].mean() for a, b in zip(starts, stops, strict=True)]
    return np.clip(smooth, -MAX_GAIN_DB, MAX_GAIN_DB)


def apply(
    method: str, setting: float, signals: Mapping[str, np.ndarray], curve: np.ndarray
) -> np.ndarray:
    """One baseline's output `[T]`, aligned with its input.

    Args:
        method: a key of `GRIDS`.
        setting: strength, dB or share, as in `GRIDS`.
        signals: `noisy`, and `enhanced` where the method needs it.
        curve: from `loss_curve`.

    Raises:
        KeyError: there is no such method.

    >>> signals = {"enhanced": np.zeros(8, np.float32), "noisy": np.ones(8, np.float32)}
    >>> apply("noisy mixed in", 0.25, signals, np.zeros(1025)).tolist()[:2]
    [0.25, 0.25]
    """
    methods = {
        # "same" takes the filter's delay back.
        "equaliser": lambda: scipy.signal.fftconvolve(
            signals["enhanced"], _equaliser(tuple(setting * curve)), "same"
        ),
        "attenuation limit": lambda: enhance(signals["noisy"], Settings(atten_lim_db=setting)),
        "noisy mixed in": lambda: (1 - setting) * signals["enhanced"] + setting * signals["noisy"],
    }
    return methods[method]().astype(np.float32)


def _score_pairs(
    corpus: str,
    rows: pd.DataFrame,
    baselines: Sequence[tuple[str, float]],
    curve: np.ndarray,
    n_processes: int,
    label: str,
) -> pd.DataFrame:
    """Scores of (method, setting) on every pair, in parallel; `label` is for the progress bar."""
    arguments = [(corpus, row, baselines, curve) for row in rows.to_dict("records")]
    tables = parallel.each(_score_pair, arguments, label, n_processes)
    return pd.DataFrame([row for table in tables for row in table])


def _score_pair(
    corpus: str, row: dict, baselines: Sequence[tuple[str, float]], curve: np.ndarray
) -> list[dict]:
    """Scores of one pair, from the cache if nothing that they depend on has changed."""
    signals = manifest.load_pair(corpus, pd.Series(row))
    bandwidth_hz = row["bandwidth_hz"]
    inputs = [signals[name] for name in manifest.SIGNALS]
    # Samples, curve and this file: a change of any of them is another result.
    hashes = [
        hashlib.sha256(data).hexdigest()
        for data in (*(x.tobytes() for x in inputs), curve.tobytes(), Path(__file__).read_bytes())
    ]
    key = [*hashes, bandwidth_hz, baselines, scoring_version(), identity()]
    scores = get_or_compute(
        "baselines", key, lambda: _compute_scores(signals, bandwidth_hz, baselines, curve)
    )
    return [{"item_id": row["id"]} | score for score in scores]


def _compute_scores(
    signals: Mapping[str, np.ndarray],
    bandwidth_hz: float,
    baselines: Sequence[tuple[str, float]],
    curve: np.ndarray,
) -> list[dict]:
    rows = []
    for method, setting in baselines:
        output = apply(method, setting, signals, curve)
        scores = registry.compute_scores(
            output, signals["clean"], SAMPLE_RATE, bandwidth_hz, SCORES
        )
        rows.append({"method": method, "setting": setting} | scores)
    return rows


@cache
def _equaliser(curve: tuple[float, ...]) -> np.ndarray:
    """A linear-phase filter with these gains in dB from 0 to half the sample rate."""
    return scipy.signal.firwin2(N_TAPS, np.linspace(0, 1, len(curve)), 10 ** (np.array(curve) / 20))
