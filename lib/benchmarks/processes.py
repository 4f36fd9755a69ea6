"""The command `python -m lib.restore` as a process: how long users wait, and its peak memory."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from lib import REPO
from lib.audio.files import SAMPLE_RATE
from lib.benchmarks.items import Item
from lib.inference.light_models import first_stage_model, restorer_model
from lib.runtime.progress import progress

# Whoever starts a process counts to its peak, so that it has to tell its own.
COMMAND = """
import runpy, sys
try:
    runpy.run_module("lib.restore", run_name="__main__")
finally:
    print(*(line for line in open("/proc/self/status") if "VmHWM" in line), file=sys.stderr)
"""
FIRST_READ = 480  # samples of the first read of a stream: a hop


def process_costs(
    item: Item, seconds: Sequence[float] = (3.0, 60.0), n_repeats: int = 3
) -> pd.DataFrame:
    """Whole processes that restore a file, and a stream up to its first sample, on a CPU.

    Args:
        item: the signal; it is repeated as often as needed.
        seconds: lengths of the files.

    Returns: a row for each length, then one for the stream, with the columns task, wall_s, cpu_s
        (NaN for the stream) and peak_mb; medians over the repeats, which take turns.
    """
    first_stage_model(), restorer_model()  # made once, which must not count
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for length in seconds:
            signal = np.resize(item.noisy, round(length * SAMPLE_RATE))
            soundfile.write(Path(folder, f"{length:g}.wav"), signal.clip(-1, 1), SAMPLE_RATE)
        for _ in progress(range(n_repeats), "processes"):
            rows += [_file(Path(folder), f"{length:g}") for length in seconds]
            rows.append(_stream(item))
    return pd.DataFrame(rows).groupby("task", sort=False).median().reset_index()


def _file(folder: Path, name: str) -> dict[str, object]:
    words = [folder / f"{name}.wav", folder / "restored.wav", "--overwrite", "--device", "cpu"]
    before, began = os.times(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *words], cwd=REPO, capture_output=True, text=True
    )
    wall_s, after = time.perf_counter() - began, os.times()
    if done.returncode:
        raise RuntimeError(f"python -m lib.restore failed: {done.stdout}")
    system_s = after.children_system - before.children_system
    cpu_s = after.children_user - before.children_user + system_s
    return {
        "task": f"a file of {name} s",
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "peak_mb": _peak_mb(done.stderr),
    }


def _stream(item: Item) -> dict[str, object]:
    """From the start of the process to its first sample, of a hop that waits for it."""
    hop = (item.noisy[:FIRST_READ].clip(-1, 1) * (2**15 - 1)).astype("<i2").tobytes()
    words = [sys.executable, "-c", COMMAND, "--stream", "--device", "cpu"]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    began = time.perf_counter()
    with subprocess.Popen(words, cwd=REPO, **pipes) as process:
        process.stdin.write(hop)
        process.stdin.flush()
        process.stdout.read(1)
        wall_s = time.perf_counter() - began
        _, errors = process.communicate()
    peak_mb = _peak_mb(errors.decode())
    return {
        "task": "a stream's first sample",
        "wall_s": wall_s,
        "cpu_s": np.nan,
        "peak_mb": peak_mb,
    }


def _peak_mb(status: str) -> float:
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024
