"""How many loader workers, and is the disk the limit? Measured with real training steps, for the notebook `workers`."""

import os
import threading
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import torch

from lib import audio, data, hearing, losses, pairs
from lib.generator import restore
from lib.progress import progress
from lib.spectral import Spectral
from lib.step import choose_device

PERIOD = 0.5  # s between two looks at the machine
GOOD_ENOUGH = 0.97  # of the best throughput: within it fewer workers are preferred
STARVED = 0.05  # share of a step that may be spent waiting for data


class Watch(threading.Thread):
    """What the machine does until `stop`; `full` is set when its memory passes `max_memory_share`."""

    def __init__(self, max_memory_share: float):
        super().__init__(daemon=True)
        self.max_memory_share, self.full, self.ended, self.peak_bytes = max_memory_share, False, threading.Event(), 0
        self.began, self.cpu_s = time.perf_counter(), _cpu_seconds()
        self.disk, self.iowait_s = psutil.disk_io_counters(), psutil.cpu_times().iowait
        self.start()

    def run(self) -> None:
        """Look at the memory now and then."""
        while True:
            self.peak_bytes = max(self.peak_bytes, sum(_of(process, _pss) for process in _family()))
            self.full |= psutil.virtual_memory().percent / 100 > self.max_memory_share
            if self.ended.wait(PERIOD):
                return

    def stop(self) -> dict:
        """Of this process and its workers: cpu_share (of all cores), peak_mb. Of the machine: iowait_share, disk_busy_share,
        disk_mb_per_s (read); NaN where it does not tell."""
        seconds, cpu_s = time.perf_counter() - self.began, _cpu_seconds() - self.cpu_s
        disk, iowait_s = psutil.disk_io_counters(), psutil.cpu_times().iowait - self.iowait_s
        self.ended.set()
        self.join()
        busy_s = (disk.busy_time - self.disk.busy_time) / 1000 if disk else np.nan
        read_mb = (disk.read_bytes - self.disk.read_bytes) / 2**20 if disk else np.nan
        return {
            "cpu_share": cpu_s / seconds / os.cpu_count(), "peak_mb": self.peak_bytes / 2**20,
            "iowait_share": iowait_s / seconds / os.cpu_count(), "disk_busy_share": min(busy_s / seconds, 1.0),
            "disk_mb_per_s": read_mb / seconds,
        }  # fmt: skip


def sweep(p, rows: pd.DataFrame) -> pd.DataFrame:
    """Training steps with each number of workers, by turns: a row for each number and repeat.

    Columns: n_workers, repeat, step_ms (a whole step), wait_ms (of it, for data), items_per_s, those of `Watch.stop`, and
    not_tried: empty, or why. Nothing is started that would fill the memory beyond `p.max_memory_share`.

    Args:
        p: params.Workers.
        rows: usable manifest rows to train on.
    """
    done, reasons = [], {}
    turns = [(repeat, n_workers) for repeat in range(p.n_repeats) for n_workers in sorted(p.n_workers)]
    for repeat, n_workers in progress(turns, "workers"):
        reason = reasons.get(n_workers) or _too_much(pd.DataFrame(done), n_workers, p.max_memory_share)
        row = {"n_workers": n_workers, "repeat": repeat, "not_tried": reason}
        if not reason:
            measured, full = _trial(p, rows, n_workers)
            row |= measured
            if full:
                why = f"the memory passed {p.max_memory_share:.0%} with {n_workers} workers"
                reasons |= {n: why for n in p.n_workers if n >= n_workers}
        done.append(row)
    return pd.DataFrame(done)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Medians over the repeats of `sweep`, a row for each number of workers, with waiting_share and the speed re the best."""
    names = [name for name in table if name not in ("n_workers", "repeat", "not_tried")]
    medians = table.groupby("n_workers")[names].median()
    best = medians.items_per_s.max()
    medians = medians.assign(waiting_share=medians.wait_ms / medians.step_ms, re_best=medians.items_per_s / best)
    return medians.assign(not_tried=table.groupby("n_workers").not_tried.last()).reset_index()


def advice(table: pd.DataFrame) -> str:
    """What to set `n_workers` to, in words, from a `summary`."""
    tried = table[table.items_per_s.notna()]
    best = tried[tried.re_best >= GOOD_ENOUGH].iloc[0]
    lines = [f"n_workers = {best.n_workers:.0f}: {best.items_per_s:.1f} segments a second, {best.re_best:.0%} of the best;"
             f" {best.waiting_share:.1%} of a step is spent waiting for data."]  # fmt: skip
    if best.waiting_share > STARVED:
        slow = best.disk_busy_share > 0.8 or best.iowait_share > 0.2
        lines.append(f"The model starves: the {'disk' if slow else 'reading itself'} is the limit.")
    else:
        lines.append("The model is the limit, not the data.")
    skipped = table[table.items_per_s.isna()]
    lines += [f"Not tried: {row.n_workers} workers ({row.not_tried})." for row in skipped.itertuples()]
    return "\n".join(lines)


def reading(paths: Sequence[Path], n_samples: int, seed: int = 0) -> pd.DataFrame:
    """One segment of each file, read with a cold cache and then with a warm one: columns cache, ms (a segment), mb_per_s (whole
    files' bytes over the time in which they are read whole)."""
    rng, rows = np.random.default_rng(seed), []
    starts = [int(rng.integers(max(audio.info(path).n_samples - n_samples, 0) + 1)) for path in paths]
    for cache in ("cold", "warm"):
        if cache == "cold":
            _forget(paths)
        began = time.perf_counter()
        for path, start in zip(progress(paths, f"segments, {cache} cache"), starts, strict=True):
            audio.read(path, start=start, n_samples=min(n_samples, audio.info(path).n_samples))
        segment_ms = 1000 * (time.perf_counter() - began) / len(paths)
        if cache == "cold":
            _forget(paths)
        began = time.perf_counter()
        n_bytes = sum(len(path.read_bytes()) for path in paths)
        rows.append({"cache": cache, "ms": segment_ms, "mb_per_s": n_bytes / 2**20 / (time.perf_counter() - began)})
    return pd.DataFrame(rows)


def _trial(p, rows: pd.DataFrame, n_workers: int) -> tuple[dict, bool]:
    """Steps with so many workers, and whether the memory became full."""
    torch.manual_seed(p.seed)
    device = choose_device(p.device)
    segments = data.PairSegments(pairs.folder(p.corpus), rows, p.segment_length, p.seed)
    batches, step = data.loader(segments, p.batch_size, n_workers, drop_last=True), _step(p, device)
    endless, watch, waited, ended = _without_end(batches), None, 0.0, 0
    for i in range(p.n_warm_up + p.n_steps):
        if i == p.n_warm_up:
            watch, waited, began = Watch(p.max_memory_share), 0.0, time.perf_counter()
        asked = time.perf_counter()
        batch = next(endless)
        waited += time.perf_counter() - asked
        step(batch)
        ended = i + 1 - p.n_warm_up
        if watch and watch.full:
            break
    seconds = time.perf_counter() - began
    measured = {"step_ms": 1000 * seconds / ended, "wait_ms": 1000 * waited / ended}
    return measured | {"items_per_s": ended * p.batch_size / seconds} | watch.stop(), watch.full


def _step(p, device: str):
    """A training step as before the GAN: generator, spectral loss and L1, optimiser."""
    generator = Spectral(p.channels, p.condition_on_noisy).to(device)
    compare = losses.Terms(("l1", "spectral")).to(device)
    adam = torch.optim.AdamW(generator.parameters(), 1e-4)

    def step(batch: tuple) -> None:
        enhanced, noisy, clean = (signal.to(device, non_blocking=True) for signal in batch[:3])
        n_samples, bandwidth_hz = hearing.lengths_and_bandwidths(batch[3], device)
        inputs = torch.cat([enhanced, noisy], dim=1) if p.condition_on_noisy else enhanced
        restored = restore(generator, inputs)
        loss = sum(compare(restored, clean, n_samples, bandwidth_hz).values())
        adam.zero_grad()
        loss.backward()
        adam.step()
        loss.item()  # waits for the device

    return step


def _without_end(batches):
    for epoch in count(1):
        batches.sampler.set_epoch(epoch)
        yield from batches


def _too_much(done: pd.DataFrame, n_workers: int, max_memory_share: float) -> str:
    """Why so many workers are not tried: what a worker needed so far says that they would fill the memory."""
    memory = psutil.virtual_memory()
    free = max_memory_share * memory.total - (memory.total - memory.available)
    if free < 0:
        return f"the memory is {memory.percent:.0f} % full already"
    tried = done[done.peak_mb.notna()] if "peak_mb" in done else done
    if not len(tried) or n_workers <= tried.n_workers.max():
        return ""
    most = tried.loc[tried.n_workers.idxmax()]
    one = (most.peak_mb - tried.peak_mb.min()) / max(most.n_workers, 1) * 2**20
    expected = one * n_workers
    return f"{expected / 2**30:.1f} GB expected, {free / 2**30:.1f} GB free" if expected > free else ""


def _forget(paths: Sequence[Path]) -> None:
    """Drop files from the operating system's cache."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def _family() -> list[psutil.Process]:
    me = psutil.Process()
    return [me, *me.children(recursive=True)]


def _of(process: psutil.Process, what) -> float:
    try:
        return what(process)
    except psutil.Error:  # it has just ended
        return 0.0


def _pss(process: psutil.Process) -> float:
    return process.memory_full_info().pss


def _cpu_seconds() -> float:
    return sum(_of(process, lambda one: sum(one.cpu_times()[:2])) for process in _family())
