"""What a network has to beat: simple ways to give timbre back, their one setting fitted on validation pairs.

    equaliser          a fixed curve that undoes DeepFilterNet3's mean spectral loss, at a strength of 0 to 1
    low-pass           enhanced, without what it has left of the highs
    attenuation limit  DeepFilterNet3 told to take away no more than so many dB
    noisy mixed in     a constant share of the noisy recording beside enhanced

Each is fitted for LSD and, apart from that, for PESQ: so it is as good as it can be in either.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.signal

from lib.audio import stft
from lib.audio.files import SAMPLE_RATE
from lib.corpus import manifest, mix
from lib.deepfilter.enhance import enhance
from lib.deepfilter.model import Settings, identity
from lib.metrics import registry, stats
from lib.metrics.batch import scoring_version
from lib.runtime import parallel
from lib.runtime.cache import get_or_compute

SCORES = ("lsd_db", "pesq")
GRIDS = {
    "equaliser": (0.25, 0.5, 0.75, 1.0),
    "low-pass": (4_000.0, 6_000.0, 8_000.0, 10_000.0, 12_000.0, 16_000.0, 20_000.0),  # Hz
    "attenuation limit": (1.0, 3.0, 6.0, 9.0, 12.0, 15.0, 18.0, 24.0, 30.0, 40.0),  # dB
    "noisy mixed in": (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8),
}
MAX_FIT_PAIRS = 32  # that are fitted on
SMOOTHED_OCTAVES = 1 / 3  # by the equaliser's curve
MAX_GAIN_DB = 20.0  # of the equaliser
N_TAPS = 2047  # of its filter, which is symmetric: it delays nothing


def fit(corpus: str, rows: pd.DataFrame, n_processes: int = 1) -> tuple[pd.DataFrame, np.ndarray]:
    """The best setting of each baseline for each of `SCORES` on at most 32 of these pairs, and the equaliser's curve.

    Returns: a table with the columns method, fitted_for, setting; the curve in dB at `metrics.N_FFT // 2 + 1` frequencies.
    """
    rows = rows.sample(min(MAX_FIT_PAIRS, len(rows)), random_state=0)
    curve = loss_curve(corpus, rows)
    every = [(method, setting) for method, grid in GRIDS.items() for setting in grid]
    table = _scored(corpus, rows, every, curve, n_processes, "fitting baselines")
    means = table.groupby(["method", "setting"])[list(SCORES)].mean()
    best = []
    for method in GRIDS:
        for name in SCORES:
            best.append((method, name, (registry.SIGN[name] * means.loc[method][name]).idxmax()))
    return pd.DataFrame(best, columns=["method", "fitted_for", "setting"]), curve


def score(
    corpus: str, rows: pd.DataFrame, fitted: pd.DataFrame, curve: np.ndarray, n_processes: int = 1
) -> pd.DataFrame:
    """Scores of fitted baselines: a row for each pair and baseline, with the columns item_id, method, setting, and `SCORES`."""
    every = sorted(set(zip(fitted.method, fitted.setting, strict=True)))
    return _scored(corpus, rows, every, curve, n_processes, "baselines")


def against(
    restored: pd.DataFrame, baselines: pd.DataFrame, fitted: pd.DataFrame, seed: int = 0
) -> pd.DataFrame:
    """Restored beside each baseline where that was fitted for the score: means, and the paired difference with its interval.

    Args:
        restored: rows of one system with item_id and `SCORES`.
        baselines: from `score`.

    Returns: columns metric, method, setting, baseline (its mean), restored, difference (restored - baseline), low, high
        (95 % bootstrap), beaten (whether the interval lies on the better side).
    """
    rows, ours = [], restored.set_index("item_id")
    for one in fitted.itertuples():
        theirs = baselines[
            (baselines.method == one.method) & (baselines.setting == one.setting)
        ].set_index("item_id")
        pair = pd.DataFrame(
            {"ours": ours[one.fitted_for], "theirs": theirs[one.fitted_for]}
        ).dropna()
        difference = (pair.ours - pair.theirs).to_numpy()
        low, high = stats.bootstrap_interval(difference, seed)
        rows.append({
            "metric": one.fitted_for, "method": one.method, "setting": one.setting, "baseline": pair.theirs.mean(),
            "restored": pair.ours.mean(), "difference": difference.mean(), "low": low, "high": high,
            "beaten": bool(min(registry.SIGN[one.fitted_for] * low, registry.SIGN[one.fitted_for] * high) > 0),
        })  # fmt: skip
    return pd.DataFrame(rows).sort_values(["metric", "method"], ignore_index=True)


def loss_curve(corpus: str, rows: pd.DataFrame) -> np.ndarray:
    """What DeepFilterNet3 takes on average, in dB at each frequency of `metrics.N_FFT`, in active frames below each bandwidth."""
    hz = np.fft.rfftfreq(stft.N_FFT, 1 / SAMPLE_RATE)
    lost = []
    for row in rows.itertuples(index=False):
        signals = manifest.load_pair(corpus, row)
        enhanced, clean = stft.active_levels_db(signals["enhanced"], signals["clean"])
        lost.append(np.where(hz < row.bandwidth_hz, (clean - enhanced).mean(axis=0), np.nan))
    curve = (
        pd.DataFrame(lost).mean().fillna(0.0).to_numpy()
    )  # nothing is known above the widest bandwidth
    low, high = (np.searchsorted(hz, hz * 2 ** (side * SMOOTHED_OCTAVES / 2)) for side in (-1, 1))
    smooth = [curve[a : max(b, a + 1)].mean() for a, b in zip(low, high, strict=True)]
    return np.clip(smooth, -MAX_GAIN_DB, MAX_GAIN_DB)


def apply(
    method: str, setting: float, signals: Mapping[str, np.ndarray], curve: np.ndarray
) -> np.ndarray:
    """One baseline's output `[T]`, aligned. Raises `KeyError` for a method that there is not.

    >>> signals = {"enhanced": np.zeros(8, np.float32), "noisy": np.ones(8, np.float32)}
    >>> apply("noisy mixed in", 0.25, signals, np.zeros(1025)).tolist()[:2]
    [0.25, 0.25]
    """
    ways = {
        "equaliser": lambda: scipy.signal.fftconvolve(
            signals["enhanced"], _equaliser(tuple(setting * curve)), "same"
        ),
        "low-pass": lambda: mix.low_pass(signals["enhanced"], setting),
        "attenuation limit": lambda: enhance(signals["noisy"], Settings(atten_lim_db=setting)),
        "noisy mixed in": lambda: (1 - setting) * signals["enhanced"] + setting * signals["noisy"],
    }
    return ways[method]().astype(np.float32)


def _scored(
    corpus: str, rows: pd.DataFrame, every: list, curve: np.ndarray, n_processes: int, what: str
) -> pd.DataFrame:
    arguments = [(corpus, row, every, curve) for row in rows.to_dict("records")]
    return pd.DataFrame(
        [row for some in parallel.each(_score_pair, arguments, what, n_processes) for row in some]
    )


def _score_pair(corpus: str, row: dict, every: list, curve: np.ndarray) -> list[dict]:
    signals = manifest.load_pair(corpus, pd.Series(row))
    parts = [hashlib.sha256(signals[name].tobytes()).hexdigest() for name in manifest.SIGNALS]
    own = [
        hashlib.sha256(data).hexdigest() for data in (curve.tobytes(), Path(__file__).read_bytes())
    ]
    about = [*parts, row["bandwidth_hz"], every, *own, scoring_version(), identity()]
    scores = get_or_compute(
        "baselines", about, lambda: _scores_of(signals, row["bandwidth_hz"], every, curve)
    )
    return [{"item_id": row["id"]} | one for one in scores]


def _scores_of(
    signals: Mapping[str, np.ndarray], bandwidth_hz: float, every: list, curve: np.ndarray
) -> list[dict]:
    found = []
    for method, setting in every:
        output = apply(method, setting, signals, curve)
        scores = registry.compute_scores(
            output, signals["clean"], SAMPLE_RATE, bandwidth_hz, SCORES
        )
        found.append({"method": method, "setting": setting} | scores)
    return found


@cache
def _equaliser(curve: tuple[float, ...]) -> np.ndarray:
    return scipy.signal.firwin2(N_TAPS, np.linspace(0, 1, len(curve)), 10 ** (np.array(curve) / 20))
