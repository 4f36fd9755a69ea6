"""Scores of many signals: in parallel processes, and none computed twice."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import cache, partial
from importlib.metadata import version
from itertools import islice

import numpy as np
import pandas as pd
from joblib import delayed

from lib import REPO
from lib.metrics import registry
from lib.metrics.registry import compute_scores
from lib.runtime import parallel
from lib.runtime.cache import get, get_or_compute
from lib.runtime.progress import progress

PACKAGES = (
    "numpy scipy soxr pesq pystoi librosa pyloudnorm speechmos onnxruntime".split()
)  # that score


def score_table(
    items: Iterable[tuple[dict, Mapping[str, np.ndarray]]],
    sample_rate: int,
    n_processes: int = 1,
    n_signals: int | None = None,
    names: Sequence[str] = registry.ALL,
) -> pd.DataFrame:
    """Scores of each system of each item against its clean signal, as the long table of `lib.evaluation.summary`; none is computed twice.

    Args:
        items: pairs of a row (`item_id snr_db speaker noise bandwidth_hz` and whatever else the table is to hold) and
            its signals (system -> `[T]`), `clean` among them. May be a generator that restores: few are held at a time.
        sample_rate: of all signals, Hz.
        n_signals: of all items together, for the progress bar.
        names: which scores.
    """
    rows = []

    def jobs() -> Iterator[tuple]:
        for row, signals in items:
            for system, signal in signals.items():
                rows.append(row | {"system": system})
                yield signal, signals["clean"], row["bandwidth_hz"]

    scores = score_all(jobs(), sample_rate, n_processes, names, n_signals, keep=True)
    return pd.DataFrame([row | score for row, score in zip(rows, scores, strict=True)])


def score_all(
    jobs: Iterable[tuple[np.ndarray, np.ndarray, float]],
    sample_rate: int,
    n_processes: int = 1,
    names: Sequence[str] = registry.NAMES,
    total: int | None = None,
    keep: bool = False,
) -> list[dict[str, float]]:
    """The scores of every job `(estimate, reference, bandwidth_hz)`, in their order.

    The number of processes changes the rounding at most.

    Args:
        jobs: may be a generator that reads or restores: it runs in the caller's thread, `8 * n_processes` jobs at a time.
        sample_rate: of all signals, Hz.
        n_processes: 1 works here; more are joblib workers of one thread each.
        names: which scores.
        total: the number of jobs, for the progress bar, where `jobs` has no length.
        keep: read what was computed before, and keep what is computed now.
    """
    total = len(jobs) if total is None and hasattr(jobs, "__len__") else total
    return list(progress(_score_each(jobs, sample_rate, n_processes, names, keep), "scores", total))


def cached_scores(
    estimate: np.ndarray,
    reference: np.ndarray,
    sample_rate: int,
    bandwidth_hz: float,
    names: Sequence[str] = registry.NAMES,
) -> dict[str, float]:
    """As `metrics.scores`, but what the same code and packages computed once for the same samples is read from a file."""
    arguments = (estimate, reference, sample_rate, bandwidth_hz)
    found = {}
    for wanted, about in _groups(*arguments, names):
        found |= get_or_compute("scores", about, partial(compute_scores, *arguments, wanted))
    return {name: found[name] for name in names}


@cache
def scoring_version() -> list[str]:
    """What scores follow from besides the signals: the versions of the packages, and the hash of our own files."""
    paths = [
        path for folder in ("audio", "metrics") for path in (REPO / "lib" / folder).glob("*.py")
    ]
    own = b"".join(path.read_bytes() for path in sorted(paths))
    return [*(f"{name} {version(name)}" for name in PACKAGES), hashlib.sha256(own).hexdigest()]


def _score_each(jobs, sample_rate, n_processes, names, keep):
    score, jobs = cached_scores if keep else compute_scores, iter(jobs)
    # joblib would draw jobs in a thread of its own, where torch's no_grad of the caller does not hold: hand it lists
    with parallel.pool(n_processes) if n_processes > 1 else nullcontext(_one_by_one) as pool:
        while batch := list(islice(jobs, 8 * n_processes)):
            batch = [
                (estimate, reference, sample_rate, hz, names) for estimate, reference, hz in batch
            ]
            found = [
                _cached(*job) if keep else None for job in batch
            ]  # read here: a process gets nothing but work
            computed = iter(
                pool(
                    delayed(score)(*job)
                    for job, one in zip(batch, found, strict=True)
                    if one is None
                )
            )
            yield from (one or next(computed) for one in found)


def _one_by_one(calls: Iterable[tuple]) -> list:
    return [function(*arguments) for function, arguments, _ in calls]


def _cached(estimate, reference, sample_rate, bandwidth_hz, names) -> dict[str, float] | None:
    found = {}
    for _, about in _groups(estimate, reference, sample_rate, bandwidth_hz, names):
        if (part := get("scores", about)) is None:
            return None
        found |= part
    return {name: found[name] for name in names}


def _groups(estimate, reference, sample_rate, bandwidth_hz, names) -> list[tuple[list[str], list]]:
    """The names that are kept together, with all that their values follow from: the quick ones, and the rest."""
    signals = hashlib.sha256(
        np.asarray(estimate, np.float32).tobytes() + np.asarray(reference, np.float32).tobytes()
    )
    about = [signals.hexdigest(), sample_rate, float(bandwidth_hz), scoring_version()]
    groups = (
        [name for name in registry.ALL if name in names and (name in registry.NAMES) == quick]
        for quick in (True, False)
    )
    return [(wanted, [*about, wanted]) for wanted in groups if wanted]
