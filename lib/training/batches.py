"""Training batches: segments of prepared pairs, or mixtures that are made on the fly."""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.profiler import record_function
from torch.utils.data import Dataset

from lib.config.train import Train
from lib.corpus import manifest
from lib.data.loader import collate_keep_meta
from lib.data.segments import PairSegments
from lib.deepfilter.grid import DELAY
from lib.deepfilter.model import load
from lib.training.fresh_mixtures import LEAD_IN_LENGTH, fresh_mixtures
from lib.training.step import Batch


def training_items(p: Train, rows: pd.DataFrame) -> Dataset:
    """What an epoch passes over: a segment of each pair, or with `p.on_the_fly` a fresh mixture."""
    gain = (p.gain_min, p.gain_max)
    if p.on_the_fly:
        speed = (p.speed_min, p.speed_max)
        return fresh_mixtures(p.corpus, rows, p.segment_length, p.seed, speed, gain, p.p_invert)
    folder = manifest.corpus_folder(p.corpus)
    return PairSegments(folder, rows, p.segment_length, p.seed, gain, p.p_invert)


def training_item(p: Train, rows: pd.DataFrame, epoch: int, index: int) -> dict[str, np.ndarray]:
    """The signals noisy, enhanced and clean `[T]` of an item, as an epoch of training has them."""
    batch = to_batch(p, collate_keep_meta([training_items(p, rows)[epoch, index]]), "cpu")
    return {name: getattr(batch, name)[0, 0].numpy() for name in ("noisy", "enhanced", "clean")}


def to_batch(p: Train, loaded: tuple, device: str) -> Batch:
    """What the loader gives, as the learner takes it, on `device`."""
    with record_function("DeepFilterNet3"):
        *signals, metas = (
            enhance_mixtures(loaded, p.segment_length, device) if p.on_the_fly else loaded
        )
    signals = (signal.to(device, non_blocking=True) for signal in signals)
    return Batch(*signals, *lengths_and_bandwidths(metas, device))


def enhance_mixtures(
    loaded: tuple, length: int, device: str
) -> tuple[Tensor, Tensor, Tensor, list[dict]]:
    """A loaded batch of `Mixtures` as one of `PairSegments`; DeepFilterNet3 runs on `device`.

    DeepFilterNet3 warms up on the lead-in, which is cut off afterwards.

    Args:
        length: of the resulting signals, in samples.

    Returns: enhanced, noisy, clean `[B, 1, length]`, and the metadata.
    """
    noisy, clean, _, metas = loaded
    whole_length = LEAD_IN_LENGTH + length + DELAY
    noisy, clean = (
        F.pad(signal, (0, whole_length - signal.shape[-1])).to(device) for signal in (noisy, clean)
    )
    enhanced = load(device=device)(noisy[:, 0])[0][:, None, LEAD_IN_LENGTH + DELAY :]
    segment = slice(LEAD_IN_LENGTH, LEAD_IN_LENGTH + length)
    metas = [
        meta | {"n_samples": min(meta["noisy_len"] - LEAD_IN_LENGTH, length)} for meta in metas
    ]
    return enhanced, noisy[..., segment], clean[..., segment], metas


def lengths_and_bandwidths(metas: list[dict], device: str) -> tuple[Tensor, Tensor]:
    """True lengths in samples and bandwidths in Hz of a batch, each `[B]`.

    >>> lengths_and_bandwidths([{"n_samples": 480, "bandwidth_hz": 8_000}], "cpu")
    (tensor([480]), tensor([8000.]))
    """
    n_samples = torch.tensor([meta["n_samples"] for meta in metas], device=device)
    bandwidths = [meta["bandwidth_hz"] for meta in metas]
    return n_samples, torch.tensor(bandwidths, dtype=torch.float32, device=device)


def grouped(batches: Iterable, n: int) -> Iterator[list]:
    """The micro-batches of each optimiser step; the last step may have fewer.

    >>> list(grouped("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    group = []
    for batch in batches:
        group.append(batch)
        if len(group) == n:
            yield group
            group = []
    if group:
        yield group


def crop_start(batches: list[Batch], length: int, seed: int, step: int) -> int:
    """First sample of the part that the discriminators hear in a step; `length` 0: they hear all.

    The part ends within every item, as far as the items are long enough.
    """
    if not length:
        return 0
    shortest = min(int(batch.n_samples.min()) for batch in batches)
    return int(np.random.default_rng([seed, step]).integers(max(0, shortest - length) + 1))
