"""The memory of a long stream through DeepFilterNet3: it must not grow with the length."""

import re
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

from lib.audio.files import SAMPLE_RATE
from lib.deepfilter.enhance import enhance_stream
from lib.runtime.progress import progress


def peak_memory(minutes: Sequence[float]) -> pd.DataFrame:
    """Peak memory of a process that streams so many minutes through DeepFilterNet3.

    Returns: a row for each length, with the columns minutes, peak_mb, audio_per_s (seconds of audio
        in a second).
    """
    rows = []
    for length in progress(list(minutes), "peak memory"):
        # A peak is one of a process's whole life: each length gets a new process.
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            rows.append(process.submit(_stream, length).result())
    return pd.DataFrame(rows)


def _stream(minutes: float) -> dict[str, float]:
    rng, began = np.random.default_rng(0), time.perf_counter()
    # Drawn one by one: the whole signal would be the peak itself.
    chunks = (0.1 * rng.standard_normal(SAMPLE_RATE) for _ in range(round(60 * minutes)))
    n_samples = sum(len(part) for part in enhance_stream(chunks))
    seconds = time.perf_counter() - began
    # getrusage would count what the parent had at the fork.
    status = Path("/proc/self/status").read_text()
    peak_mb = int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024
    return {
        "minutes": minutes,
        "peak_mb": peak_mb,
        "audio_per_s": n_samples / SAMPLE_RATE / seconds,
    }
