"""Scores of many signals: in several processes, and none of them computed twice."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import cache, partial
from importlib.metadata import version
from itertools import chain, groupby, islice
from typing import NamedTuple

import numpy as np
import pandas as pd
from joblib import delayed

from lib import REPO
from lib.metrics import registry
from lib.metrics.registry import compute_scores
from lib.runtime import parallel
from lib.runtime.cache import get, get_or_compute
from lib.runtime.progress import progress

# The packages that compute scores: another version may give other values.
PACKAGES = (
    "numpy scipy soxr torch pesq pystoi librosa pyloudnorm speechmos onnxruntime distillmos"
    " visqol-python Resemblyzer pocketsphinx"
).split()
JOBS_PER_PROCESS = 12  # jobs that are handed over at a time

Job = tuple[np.ndarray, np.ndarray, float]  # estimate, reference, bandwidth_hz


class _Arguments(NamedTuple):
    """The arguments of `compute_scores`."""

    estimate: np.ndarray
    reference: np.ndarray
    sample_rate: int
    bandwidth_hz: float
    names: Sequence[str]


def score_table(
    items: Iterable[tuple[dict, Mapping[str, np.ndarray]]],
    sample_rate: int,
    n_processes: int = 1,
    n_signals: int | None = None,
    names: Sequence[str] = registry.ALL,
) -> pd.DataFrame:
    """The long table of `lib.evaluation.summary`: a row for each system of each item.

    Every system is compared with the clean signal of its item. Scores that were computed before
    are read from the cache.

    Args:
        items: pairs of a row (`item_id snr_db speaker noise bandwidth_hz` and what else the table
            shall hold) and its signals (system -> `[T]`), `clean` among them. It may be a generator
            that restores: only a few items are held at a time.
        sample_rate: of all signals, Hz.
        n_processes: as for `score_all`.
        n_signals: number of all signals, for the progress bar.
        names: which scores.
    """
    rows = []

    def jobs() -> Iterator[Job]:
        for row, signals in items:
            for system, signal in signals.items():
                rows.append(row | {"system": system})
                yield signal, signals["clean"], row["bandwidth_hz"]

    scores = score_all(jobs(), sample_rate, n_processes, names, n_signals, use_cache=True)
    return pd.DataFrame([row | score for row, score in zip(rows, scores, strict=True)])


def score_all(
    jobs: Iterable[Job],
    sample_rate: int,
    n_processes: int = 1,
    names: Sequence[str] = registry.CORE,
    total: int | None = None,
    use_cache: bool = False,
) -> list[dict[str, float]]:
    """The scores of each job, in the order of the jobs.

    The number of processes changes nothing but the rounding.

    Args:
        jobs: `(estimate, reference, bandwidth_hz)`. It may be a generator that reads or restores:
            it runs in the thread of the caller, `12 * n_processes` jobs at a time, while those
            before are scored. Neighbours with one reference share what is computed from it.
        sample_rate: of all signals, Hz.
        n_processes: 1 computes in this process; more are joblib workers of one thread each.
        names: which scores.
        total: number of jobs for the progress bar, where `jobs` has no length.
        use_cache: read scores that were computed before, and store new ones.
    """
    total = len(jobs) if total is None and hasattr(jobs, "__len__") else total
    scores = _score_each(jobs, sample_rate, n_processes, names, use_cache)
    return list(progress(scores, "scores", total))


def cached_scores(
    estimate: np.ndarray,
    reference: np.ndarray,
    sample_rate: int,
    bandwidth_hz: float,
    names: Sequence[str] = registry.CORE,
) -> dict[str, float]:
    """As `compute_scores`, but scores that the same code computed before are read from the cache.

    The same code means the same packages, too.
    """
    arguments = _Arguments(estimate, reference, sample_rate, bandwidth_hz, names)
    scores = {}
    for group, inputs in _cache_inputs(arguments):
        compute = partial(compute_scores, *arguments._replace(names=group))
        scores |= get_or_compute("scores", inputs, compute)
    return {name: scores[name] for name in names}


@cache
def scoring_version() -> list[str]:
    """What scores follow from besides the signals: versions of packages, hash of our own code."""
    folders = [REPO / "lib" / name for name in ("audio", "metrics")]
    paths = sorted(path for folder in folders for path in folder.glob("*.py"))
    code = b"".join(path.read_bytes() for path in paths)
    return [*(f"{name} {version(name)}" for name in PACKAGES), hashlib.sha256(code).hexdigest()]


def _score_each(
    jobs: Iterable[Job],
    sample_rate: int,
    n_processes: int,
    names: Sequence[str],
    use_cache: bool,
) -> Iterator[dict[str, float]]:
    function = cached_scores if use_cache else compute_scores
    jobs = iter(jobs)
    several = n_processes > 1
    with parallel.pool(n_processes, "generator") if several else nullcontext(_run_here) as pool:
        # joblib would draw jobs in a thread of its own, where torch.no_grad of the caller does not
        # hold. So they are drawn here and handed over in lists.
        scores: Iterator[dict[str, float]] = iter(())
        while batch := list(islice(jobs, JOBS_PER_PROCESS * n_processes)):
            yield from scores  # of the list before: it was scored while this one was drawn
            calls = [
                _Arguments(estimate, reference, sample_rate, bandwidth_hz, names)
                for estimate, reference, bandwidth_hz in batch
            ]
            scores = _start(pool, function, calls, use_cache)
        yield from scores


def _start(
    pool: Callable, function: Callable, calls: Sequence[_Arguments], use_cache: bool
) -> Iterator[dict[str, float]]:
    """Start to score; the iterator waits for the scores, which come in the order of the calls."""
    # The cache is read here, so that the processes share what is left to compute evenly.
    stored = [_stored_scores(call) if use_cache else None for call in calls]
    missing = [call for call, scores in zip(calls, stored, strict=True) if scores is None]
    # The systems of an item go to one process: it computes once what it needs of clean.
    groups = [list(group) for _, group in groupby(missing, lambda call: id(call.reference))]
    # The longest first: at the end no process waits long for the others.
    order = sorted(range(len(groups)), key=lambda i: -sum(len(x.estimate) for x in groups[i]))
    results = pool(delayed(_score_group)(function, groups[i]) for i in order)

    def scores() -> Iterator[dict[str, float]]:
        by_group = dict(zip(order, results, strict=True))
        computed = chain.from_iterable(by_group[i] for i in range(len(groups)))
        yield from (next(computed) if known is None else known for known in stored)

    return scores()


def _score_group(function: Callable, calls: Iterable[_Arguments]) -> list[dict[str, float]]:
    return [function(*call) for call in calls]


def _run_here(calls: Iterable[tuple]) -> list:
    """As a pool of joblib, without one."""
    return [function(*arguments, **keywords) for function, arguments, keywords in calls]


def _stored_scores(arguments: _Arguments) -> dict[str, float] | None:
    """All scores from the cache; None if one is missing."""
    scores = {}
    for _, inputs in _cache_inputs(arguments):
        if (stored := get("scores", inputs)) is None:
            return None
        scores |= stored
    return {name: scores[name] for name in arguments.names}


def _cache_inputs(arguments: _Arguments) -> list[tuple[list[str], list]]:
    """The groups of names that are stored together, each with all that their values follow from.

    The quick scores are a group of their own: some ask for them alone.
    """
    estimate, reference, sample_rate, bandwidth_hz, names = arguments
    signals = hashlib.sha256(
        np.asarray(estimate, np.float32).tobytes() + np.asarray(reference, np.float32).tobytes()
    )
    inputs = [signals.hexdigest(), sample_rate, float(bandwidth_hz), scoring_version()]
    wanted = [name for name in registry.ALL if name in names]
    core = [name for name in wanted if name in registry.CORE]
    others = [name for name in wanted if name not in registry.CORE]
    return [(group, [*inputs, group]) for group in (core, others) if group]
