"""What training hears: segments of prepared pairs, or mixtures of the moment that DeepFilterNet3 enhances beside the training."""

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.profiler import record_function
from torch.utils.data import Dataset

from lib.audio import files
from lib.audio.files import SAMPLE_RATE
from lib.corpus import manifest, sources
from lib.data.loader import collate_keep_meta
from lib.data.mixtures import Mixtures
from lib.data.segments import PairSegments
from lib.deepfilter.model import DELAY, load
from lib.runtime.progress import echo
from lib.training.learner import Batch

LEAD_IN_LENGTH = SAMPLE_RATE  # samples before a segment that is mixed on the fly, in which DeepFilterNet3 warms up


def training_items(p, rows: pd.DataFrame) -> Dataset:
    """What an epoch passes over: segments of these pairs, or a fresh mixture for each."""
    if p.on_the_fly:
        return fresh_mixtures(p, rows)
    gain = p.gain_min, p.gain_max
    return PairSegments(
        manifest.corpus_folder(p.corpus), rows, p.segment_length, p.seed, gain, p.p_invert
    )


def fresh_mixtures(p, rows: pd.DataFrame) -> Mixtures:
    """A mixture for each of these rows, of its utterance, in every epoch another one: with any of the rows' noises and of the
    corpus' SNRs and levels.

    Each mixture has a second before its segment, in which DeepFilterNet3 warms up, and its delay behind it. Utterances that
    leave less than half a segment then are not used. There are no rooms.

    Raises:
        ValueError: the folders that the corpus was made from are gone, or hold own pairs, or no utterance is long enough.
    """
    given, settings = manifest.stored_sources(p.corpus), manifest.stored_settings(p.corpus)
    if given.noisy:
        raise ValueError(
            f"on_the_fly: {p.corpus} holds pairs that were not mixed here, so there is no noise to mix with"
        )
    bandwidth_hz = {given.speech / row.clean_path: row.bandwidth_hz for row in rows.itertuples()}
    n_items = {given.speech / path: n for path, n in rows.clean_path.value_counts().items()}
    noise = sorted({given.noise / path for path in rows.noise_path})
    if gone := [path for path in [*bandwidth_hz, *noise] if not path.exists()]:
        raise ValueError(
            f"on_the_fly: {gone[0]} is gone, one of {len(gone)} files that {p.corpus} was made from"
        )
    least, here = LEAD_IN_LENGTH + p.segment_length // 2, sources.at_48_khz(list(bandwidth_hz))
    speech = {
        path: (hz, n_items[own]) for path, (own, hz) in zip(here, bandwidth_hz.items(), strict=True)
    }
    long = {
        path: about
        for path, about in speech.items()
        if files.info(path).n_samples >= p.speed_max * least
    }
    if not long:
        raise ValueError(
            f"on_the_fly: no utterance of {p.corpus} has {least} samples: use a shorter segment_length"
        )
    if len(long) < len(speech):
        echo(
            f"{len(speech) - len(long)} of {len(speech)} utterances are too short for on_the_fly and are not used"
        )
    scale = settings["scale_min"], settings["scale_max"]
    length, speed = LEAD_IN_LENGTH + p.segment_length + DELAY, (p.speed_min, p.speed_max)
    every = [path for path, (_, n) in long.items() for _ in range(n)]
    bandwidth_hz = {path: hz for path, (hz, _) in long.items()}
    return Mixtures(
        every, sources.at_48_khz(noise), length, p.seed, settings["snr_db"], scale, speed,
        settings["p_second_noise"], bandwidth_hz,
    )  # fmt: skip


def enhance_mixtures(
    batch: tuple, length: int, device: str
) -> tuple[Tensor, Tensor, Tensor, list[dict]]:
    """A batch of `Mixtures` as one of `PairSegments`: DeepFilterNet3 runs here, warm, on `device`; `length` samples each."""
    noisy, clean, _, metas = batch
    noisy, clean = (
        F.pad(x, (0, LEAD_IN_LENGTH + length + DELAY - x.shape[-1])).to(device)
        for x in (noisy, clean)
    )
    enhanced = load(device=device)(noisy[:, 0])[0][:, None, LEAD_IN_LENGTH + DELAY :]
    metas = [
        meta | {"n_samples": min(meta["noisy_len"] - LEAD_IN_LENGTH, length)} for meta in metas
    ]
    return (
        enhanced,
        noisy[..., LEAD_IN_LENGTH : LEAD_IN_LENGTH + length],
        clean[..., LEAD_IN_LENGTH : LEAD_IN_LENGTH + length],
        metas,
    )


def to_batch(p, batch: tuple, device: str) -> Batch:
    """A loader's batch as the step takes it."""
    with record_function("DeepFilterNet3"):
        *signals, metas = (
            enhance_mixtures(batch, p.segment_length, device) if p.on_the_fly else batch
        )
    signals = (signal.to(device, non_blocking=True) for signal in signals)
    return Batch(*signals, *lengths_and_bandwidths(metas, device))


def training_item(p, rows: pd.DataFrame, epoch: int, index: int) -> dict[str, np.ndarray]:
    """The signals of one training item, as training heard them in that epoch: noisy, enhanced, clean `[T]`."""
    batch = to_batch(p, collate_keep_meta([training_items(p, rows)[epoch, index]]), "cpu")
    return {name: getattr(batch, name)[0, 0].numpy() for name in ("noisy", "enhanced", "clean")}


def lengths_and_bandwidths(metas: list[dict], device: str) -> tuple[Tensor, Tensor]:
    """True lengths in samples and bandwidths in Hz of a batch, each `[B]`."""
    n_samples = torch.tensor([meta["n_samples"] for meta in metas], device=device)
    return n_samples, torch.tensor(
        [meta["bandwidth_hz"] for meta in metas], dtype=torch.float32, device=device
    )
