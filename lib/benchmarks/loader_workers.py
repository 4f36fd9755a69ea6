"""How many loader workers, and is the disk the limit? Measured with real training steps, for the notebook `workers`."""

import time
from itertools import count

import pandas as pd
import psutil
import torch

from lib.benchmarks.watch import Watch
from lib.corpus import manifest
from lib.data.loader import make_loader
from lib.data.segments import PairSegments
from lib.losses.reconstruction import ReconstructionLoss
from lib.models.generator import restore_aligned
from lib.models.spectral import Spectral
from lib.runtime.progress import progress
from lib.runtime.threads import choose_device
from lib.training.batches import lengths_and_bandwidths

GOOD_ENOUGH = 0.97  # of the best throughput: within it fewer workers are preferred
STARVED = 0.05  # share of a step that may be spent waiting for data


def measure_workers(p, rows: pd.DataFrame) -> pd.DataFrame:
    """Training steps with each number of workers, by turns: a row for each number and repeat.

    Columns: n_workers, repeat, step_ms (a whole step), wait_ms (of it, for data), items_per_s, those of `Watch.stop`, and
    not_tried: empty, or why. Nothing is started that would fill the memory beyond `p.max_memory_share`.

    Args:
        p: config.Workers.
        rows: usable manifest rows to train on.
    """
    done, reasons = [], {}
    turns = [
        (repeat, n_workers) for repeat in range(p.n_repeats) for n_workers in sorted(p.n_workers)
    ]
    for repeat, n_workers in progress(turns, "workers"):
        reason = reasons.get(n_workers) or _too_much(
            pd.DataFrame(done), n_workers, p.max_memory_share
        )
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
    medians = medians.assign(
        waiting_share=medians.wait_ms / medians.step_ms, re_best=medians.items_per_s / best
    )
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
    lines += [
        f"Not tried: {row.n_workers} workers ({row.not_tried})." for row in skipped.itertuples()
    ]
    return "\n".join(lines)


def _trial(p, rows: pd.DataFrame, n_workers: int) -> tuple[dict, bool]:
    """Steps with so many workers, and whether the memory became full."""
    torch.manual_seed(p.seed)
    device = choose_device(p.device)
    segments = PairSegments(manifest.corpus_folder(p.corpus), rows, p.segment_length, p.seed)
    batches, step = make_loader(segments, p.batch_size, n_workers, drop_last=True), _step(p, device)
    endless, watch, waited, ended = _without_end(batches), None, 0.0, 0
    for i in range(p.n_warmup_steps + p.n_steps):
        if i == p.n_warmup_steps:
            watch, waited, began = Watch(p.max_memory_share), 0.0, time.perf_counter()
        asked = time.perf_counter()
        batch = next(endless)
        waited += time.perf_counter() - asked
        step(batch)
        ended = i + 1 - p.n_warmup_steps
        if watch and watch.full:
            break
    seconds = time.perf_counter() - began
    measured = {"step_ms": 1000 * seconds / ended, "wait_ms": 1000 * waited / ended}
    return measured | {"items_per_s": ended * p.batch_size / seconds} | watch.stop(), watch.full


def _step(p, device: str):
    """A training step as before the GAN: generator, spectral loss and L1, optimiser."""
    generator = Spectral(p.channels, p.condition_on_noisy).to(device)
    compare = ReconstructionLoss(("l1", "spectral")).to(device)
    adam = torch.optim.AdamW(generator.parameters(), 1e-4)

    def step(batch: tuple) -> None:
        enhanced, noisy, clean = (signal.to(device, non_blocking=True) for signal in batch[:3])
        n_samples, bandwidth_hz = lengths_and_bandwidths(batch[3], device)
        inputs = torch.cat([enhanced, noisy], dim=1) if p.condition_on_noisy else enhanced
        restored = restore_aligned(generator, inputs)
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
    return (
        f"{expected / 2**30:.1f} GB expected, {free / 2**30:.1f} GB free" if expected > free else ""
    )
