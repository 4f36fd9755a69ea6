"""Baselines: simple ways to give timbre back, which a network has to beat.

    enhanced           nothing is done
    noisy mixed in     a constant share of enhanced is replaced by noisy
    attenuation limit  DeepFilterNet3 takes away at most so many dB, as its users can ask it to
    ERB gains          one fixed gain for each ERB band undoes DeepFilterNet3's mean loss

The setting of the second and third, and the gains, are fitted on validation pairs. The setting is
the one that DistillMOS prefers: a judge that knows neither our losses nor the clean recording.
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.signal

from lib.audio.files import SAMPLE_RATE
from lib.corpus import manifest
from lib.deepfilter.enhance import enhance
from lib.deepfilter.settings import Settings, identity
from lib.evaluation import summary
from lib.metrics import colour, registry, stats
from lib.metrics.batch import scoring_version
from lib.runtime import parallel
from lib.runtime.cache import get_or_compute

SCORES = ("distillmos", "dnsmos_p808", "visqol", "lsd_db", "pesq")  # PESQ is reported only
FITTED_BY = "distillmos"
NOTHING = "enhanced"
ERB_GAINS = "ERB gains"
GRIDS = {
    "noisy mixed in": (-25.0, -20.0, -15.0, -10.0),  # dB: level of noisy's share
    # Where no hop is muted the limit is a mixture, too; its grid goes beyond the other's ends.
    "attenuation limit": (6.0, 12.0, 24.0, 40.0),  # dB
}
MAX_FIT_PAIRS = 8
MAX_GAIN_DB = 20.0  # of a band
N_TAPS = 2047  # of the filter with the ERB gains; it is symmetric, so that it delays nothing
N_GRID = 1025  # frequencies at which its gains are given


class Fitted(NamedTuple):
    """What was fitted on validation pairs.

    Args:
        settings: method -> its setting; NaN for the ERB gains, which have none.
        gains_db: of the ERB bands, `[32]`.
        means: the judge's mean for each setting: columns method, setting, `FITTED_BY`.
    """

    settings: dict[str, float]
    gains_db: np.ndarray
    means: pd.DataFrame


def fit(corpus: str, rows: pd.DataFrame, n_processes: int = 1) -> Fitted:
    """Fit all baselines on at most 8 of these pairs.

    Args:
        corpus: name of the corpus.
        rows: usable rows of its manifest, of validation pairs.
    """
    # One setting is fitted: 8 pairs are enough, and the same ones each time.
    rows = rows.sample(min(MAX_FIT_PAIRS, len(rows)), random_state=0)
    gains_db = erb_gains_db(corpus, rows)
    candidates = [(method, setting) for method, grid in GRIDS.items() for setting in grid]
    arguments = (corpus, rows, candidates, gains_db, (FITTED_BY,), n_processes)
    table = _score_pairs(*arguments, "fitting baselines")
    means = table.groupby(["method", "setting"], sort=False)[FITTED_BY].mean()
    settings = {method: means.loc[method].idxmax() for method in GRIDS}
    return Fitted(settings | {ERB_GAINS: np.nan}, gains_db, means.reset_index())


def score(corpus: str, rows: pd.DataFrame, fitted: Fitted, n_processes: int = 1) -> pd.DataFrame:
    """Scores of the fitted baselines on other pairs, a row for each pair and baseline.

    Returns: columns item_id, method, setting, and `SCORES`. Enhanced is not among them: every
        score table has it.
    """
    baselines = list(fitted.settings.items())
    arguments = (corpus, rows, baselines, fitted.gains_db, SCORES, n_processes)
    return _score_pairs(*arguments, "baselines")


def against(
    scores: pd.DataFrame, baselines: pd.DataFrame, seed: int = 0, n_bootstrap: int = 2000
) -> pd.DataFrame:
    """Restored against enhanced and against each baseline, on the items of the baselines.

    Args:
        scores: a score table with the systems restored and enhanced.
        baselines: from `score`.
        seed: of the bootstrap.
        n_bootstrap: resamples behind each interval.

    Returns: columns part, metric, method, setting, baseline (its mean), restored, difference (the
        mean of restored - baseline over the same items), low, high (its 95 % bootstrap interval),
        n_items, beaten (whether the whole interval is on the better side).
    """
    scores = scores[scores.item_id.isin(baselines.item_id)]
    enhanced = scores[scores.system == "enhanced"].assign(method=NOTHING, setting=np.nan)
    restored = scores[scores.system == "restored"].set_index("item_id")
    rows = []
    for method, part in pd.concat([enhanced, baselines]).groupby("method", sort=False):
        for metric in SCORES:
            values = {"restored": restored[metric], "baseline": part.set_index("item_id")[metric]}
            # Paired: only items that have both scores.
            pairs = pd.DataFrame(values).dropna()
            difference = (pairs.restored - pairs.baseline).to_numpy()
            low, high = stats.bootstrap_interval(difference, seed, n_bootstrap)
            sign = registry.SIGN[metric]
            row = {"part": summary.PART[metric], "metric": metric}
            row |= {"method": method, "setting": part.setting.iloc[0]}
            row |= pairs.mean()[["baseline", "restored"]].to_dict()
            row |= {"difference": (pairs.restored - pairs.baseline).mean()}
            row |= {"low": low, "high": high, "n_items": len(pairs)}
            rows.append(row | {"beaten": bool(min(sign * low, sign * high) > 0)})
    order = {metric: i for i, metric in enumerate(SCORES)}
    table = pd.DataFrame(rows)
    return table.sort_values("metric", key=lambda x: x.map(order), kind="stable", ignore_index=True)


def erb_gains_db(corpus: str, rows: pd.DataFrame) -> np.ndarray:
    """The gain of each ERB band `[32]`: the mean of clean - enhanced over pairs, in dB.

    Only frames of active speech count, and only bands below a pair's bandwidth. Within 20 dB.
    """
    changes_db = []
    for row in rows.itertuples(index=False):
        signals = manifest.load_pair(corpus, row)
        pair = signals["enhanced"], signals["clean"]
        changes_db.append(colour.band_changes_db(*pair, SAMPLE_RATE, row.bandwidth_hz))
    # Above the widest bandwidth nothing is known: no gain there.
    losses_db = -pd.DataFrame(changes_db).mean().fillna(0.0).to_numpy()
    return np.clip(losses_db, -MAX_GAIN_DB, MAX_GAIN_DB)


def apply(
    method: str, setting: float, signals: Mapping[str, np.ndarray], gains_db: np.ndarray
) -> np.ndarray:
    """One baseline's output `[T]`, aligned with its input.

    Args:
        method: a key of `GRIDS`, or `ERB_GAINS`.
        setting: dB, as in `GRIDS`; the ERB gains have none.
        signals: `noisy`, and `enhanced` where the method needs it.
        gains_db: of the ERB bands, `[32]`.

    Raises:
        KeyError: there is no such method.

    >>> signals = {"enhanced": np.zeros(8, np.float32), "noisy": np.ones(8, np.float32)}
    >>> apply("noisy mixed in", -20.0, signals, np.zeros(32)).round(3).tolist()[:2]
    [0.1..., 0.1...]
    """
    share = 10 ** (setting / 20)
    methods = {
        "noisy mixed in": lambda: (1 - share) * signals["enhanced"] + share * signals["noisy"],
        "attenuation limit": lambda: enhance(signals["noisy"], Settings(atten_lim_db=setting)),
        # "same" takes the filter's delay back.
        ERB_GAINS: lambda: scipy.signal.fftconvolve(
            signals["enhanced"], _erb_filter(tuple(gains_db)), "same"
        ),
    }
    return methods[method]().astype(np.float32)


def _score_pairs(
    corpus: str,
    rows: pd.DataFrame,
    baselines: Sequence[tuple[str, float]],
    gains_db: np.ndarray,
    names: Sequence[str],
    n_processes: int,
    label: str,
) -> pd.DataFrame:
    """Scores of (method, setting) on every pair, in parallel; `label` is for the progress bar."""
    arguments = [(corpus, row, baselines, gains_db, names) for row in rows.to_dict("records")]
    tables = parallel.each(_score_pair, arguments, label, n_processes)
    return pd.DataFrame([row for table in tables for row in table])


def _score_pair(
    corpus: str,
    row: dict,
    baselines: Sequence[tuple[str, float]],
    gains_db: np.ndarray,
    names: Sequence[str],
) -> list[dict]:
    """Scores of one pair, from the cache if nothing that they depend on has changed."""
    signals = manifest.load_pair(corpus, pd.Series(row))
    bandwidth_hz = row["bandwidth_hz"]
    inputs = [signals[name].tobytes() for name in manifest.SIGNALS]
    # Samples, gains and this file: a change of any of them is another result.
    hashes = [
        hashlib.sha256(data).hexdigest()
        for data in (*inputs, gains_db.tobytes(), Path(__file__).read_bytes())
    ]
    key = [*hashes, bandwidth_hz, baselines, names, scoring_version(), identity()]

    def compute() -> list[dict]:
        rows = []
        for method, setting in baselines:
            output = apply(method, setting, signals, gains_db)
            clean = signals["clean"]
            scores = registry.compute_scores(output, clean, SAMPLE_RATE, bandwidth_hz, names)
            rows.append({"method": method, "setting": setting} | scores)
        return rows

    return [{"item_id": row["id"]} | score for score in get_or_compute("baselines", key, compute)]


@cache
def _erb_filter(gains_db: tuple[float, ...]) -> np.ndarray:
    """A linear-phase filter with these gains in the middles of the ERB bands."""
    middles_hz, _ = colour.band_edges_hz(SAMPLE_RATE)
    hz = np.linspace(0, SAMPLE_RATE / 2, N_GRID)
    # Between the middles the level changes evenly: steps would ring.
    gains = 10 ** (np.interp(hz, middles_hz, gains_db) / 20)
    return scipy.signal.firwin2(N_TAPS, hz, gains, fs=SAMPLE_RATE)
