"""How many loader workers, and is the disk the limit? Measured with real training steps."""

import time
from collections.abc import Callable, Iterator
from itertools import count

import pandas as pd
import psutil
import torch
from torch.utils.data import DataLoader

from lib.benchmarks.watch import Watch
from lib.config.workers import Workers
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
STARVED = 0.05  # share of a step; a model that waits longer for its data starves
DISK_BUSY = 0.8  # share of the time from which on the disk is the limit
IOWAIT = 0.2  # share of processor time from which on the disk is the limit


def measure_workers(p: Workers, rows: pd.DataFrame) -> pd.DataFrame:
    """Training steps with each number of workers, by turns.

    A number of workers that would fill the memory beyond `p.max_memory_share` is not tried.

    Args:
        p: parameters of the notebook `workers`.
        rows: usable manifest rows to train on.

    Returns: a row for each number and repeat, with the columns n_workers, repeat, step_ms (a whole
        step), wait_ms (of it, for data), items_per_s, those of `Watch.stop`, and not_tried (empty,
        or why).
    """
    measured, reasons = [], {}
    # By turns, so that other work on the machine does not fall on one number of workers.
    turns = [
        (repeat, n_workers) for repeat in range(p.n_repeats) for n_workers in sorted(p.n_workers)
    ]
    for repeat, n_workers in progress(turns, "workers"):
        reason = reasons.get(n_workers) or reason_not_to_try(
            pd.DataFrame(measured), n_workers, p.max_memory_share
        )
        row = {"n_workers": n_workers, "repeat": repeat, "not_tried": reason}
        if not reason:
            values, full = _measure(p, rows, n_workers)
            row |= values
            if full:
                why = f"the memory passed {p.max_memory_share:.0%} with {n_workers} workers"
                # More workers would need more still.
                reasons |= {n: why for n in p.n_workers if n >= n_workers}
        measured.append(row)
    return pd.DataFrame(measured)


def reason_not_to_try(measured: pd.DataFrame, n_workers: int, max_memory_share: float) -> str:
    """Why so many workers would fill the memory, from what a worker needed so far; else empty.

    Args:
        measured: rows of `measure_workers` so far.
        n_workers: the number to try.
        max_memory_share: of the machine's memory.
    """
    memory = psutil.virtual_memory()
    free = max_memory_share * memory.total - (memory.total - memory.available)
    if free < 0:
        return f"the memory is {memory.percent:.0f} % full already"
    tried = measured[measured.peak_mb.notna()] if "peak_mb" in measured else measured
    # A number that fitted needs no estimate, nor does a smaller one.
    if not len(tried) or n_workers <= tried.n_workers.max():
        return ""
    largest = tried.loc[tried.n_workers.idxmax()]
    # What a worker adds, from the fewest to the most workers so far.
    worker_mb = (largest.peak_mb - tried.peak_mb.min()) / max(largest.n_workers, 1)
    expected = n_workers * worker_mb * 2**20
    if expected <= free:
        return ""
    return f"{expected / 2**30:.1f} GB expected, {free / 2**30:.1f} GB free"


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Medians over the repeats of `measure_workers`, a row for each number of workers.

    Returns: its columns, and waiting_share (of a step) and re_best (speed over the best speed).
    """
    names = [name for name in table if name not in ("n_workers", "repeat", "not_tried")]
    medians = table.groupby("n_workers")[names].median()
    medians["waiting_share"] = medians.wait_ms / medians.step_ms
    medians["re_best"] = medians.items_per_s / medians.items_per_s.max()
    medians["not_tried"] = table.groupby("n_workers").not_tried.last()
    return medians.reset_index()


def advice(table: pd.DataFrame) -> str:
    """What to set `n_workers` to, and what the limit is, in words.

    Args:
        table: from `summary`.
    """
    tried = table[table.items_per_s.notna()]
    # Rows are in the order of the workers: the first good one has the fewest.
    best = tried[tried.re_best >= GOOD_ENOUGH].iloc[0]
    lines = [
        f"n_workers = {best.n_workers:.0f}: {best.items_per_s:.1f} segments a second, "
        f"{best.re_best:.0%} of the best; "
        f"{best.waiting_share:.1%} of a step is spent waiting for data."
    ]
    if best.waiting_share > STARVED:
        slow_disk = best.disk_busy_share > DISK_BUSY or best.iowait_share > IOWAIT
        limit = "disk" if slow_disk else "reading itself"
        lines.append(f"The model starves: the {limit} is the limit.")
    else:
        lines.append("The model is the limit, not the data.")
    for row in table[table.items_per_s.isna()].itertuples():
        lines.append(f"Not tried: {row.n_workers} workers ({row.not_tried}).")
    return "\n".join(lines)


def _measure(p: Workers, rows: pd.DataFrame, n_workers: int) -> tuple[dict[str, float], bool]:
    """Steps with so many workers: the row's values, and whether the memory became full."""
    # The same weights in each trial.
    torch.manual_seed(p.seed)
    folder = manifest.corpus_folder(p.corpus)
    segments = PairSegments(folder, rows, p.segment_length, p.seed)
    # Batches of one size, unless there is not even one of them.
    drop_last = len(rows) >= p.batch_size
    batches = _repeat(make_loader(segments, p.batch_size, n_workers, drop_last=drop_last))
    step = _training_step(p.channels, p.condition_on_noisy, choose_device(p.device))
    # The first steps start workers and engines.
    for _ in range(p.n_warmup_steps):
        step(next(batches))
    waited_s, n_steps, n_items = 0.0, 0, 0
    with Watch(p.max_memory_share) as watch:
        began = time.perf_counter()
        for _ in range(p.n_steps):
            asked = time.perf_counter()
            batch = next(batches)
            waited_s += time.perf_counter() - asked
            step(batch)
            n_steps += 1
            n_items += len(batch[0])
            if watch.full:
                break
        seconds = time.perf_counter() - began
        seen = watch.stop()
    values = {
        "step_ms": 1000 * seconds / n_steps,
        "wait_ms": 1000 * waited_s / n_steps,
        "items_per_s": n_items / seconds,
    }
    return values | seen, watch.full


def _training_step(channels: int, condition_on_noisy: bool, device: str) -> Callable[[tuple], None]:
    """A training step as before the GAN starts: generator, spectral loss and L1, optimiser."""
    generator = Spectral(channels, condition_on_noisy).to(device)
    reconstruction = ReconstructionLoss(("l1", "spectral")).to(device)
    adam = torch.optim.AdamW(generator.parameters(), 1e-4)

    def step(batch: tuple) -> None:
        enhanced, noisy, clean = (signal.to(device, non_blocking=True) for signal in batch[:3])
        n_samples, bandwidth_hz = lengths_and_bandwidths(batch[3], device)
        inputs = torch.cat([enhanced, noisy], dim=1) if condition_on_noisy else enhanced
        restored = restore_aligned(generator, inputs)
        loss = sum(reconstruction(restored, clean, enhanced, n_samples, bandwidth_hz).values())
        adam.zero_grad()
        loss.backward()
        adam.step()
        loss.item()  # waits for the device

    return step


def _repeat(loader: DataLoader) -> Iterator[tuple]:
    """The batches of epoch after epoch, without end."""
    for epoch in count(1):
        loader.sampler.set_epoch(epoch)
        yield from loader
