"""Pairs or fresh mixtures -> batches with light metadata; every item is a function of (seed, epoch, index) alone.

A dataset is indexed by `(epoch, index)`, which the sampler hands out, so that the epoch reaches workers that live on and any
number of them draws the same; a plain `index` means epoch 0.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler, get_worker_info

from lib import audio, degrade
from lib.audio import SAMPLE_RATE

TIMEOUT = 120.0  # s that a batch may take its workers
NYQUIST_HZ = SAMPLE_RATE / 2
PASSBAND = 0.91  # of half the sample rate is what the resampler leaves untouched
N_DRAWS = 20  # cuts that are tried until one holds speech and noise


class PairSegments(Dataset):
    """Random segments `(enhanced, noisy, clean, meta)` of prepared pairs; one cut for all signals of a pair.

    Only the segment is read, and nothing is resampled.

    Args:
        root: the corpus folder.
        rows: usable manifest rows of one split.
        segment_length: samples; a shorter pair is padded with zeros, its true length is `meta["n_samples"]`.
        gain: range of the gain that all three signals get.
        p_invert: probability that the polarity of all three is turned.

    Returns: three tensors `[1, T]` and `meta`, never with audio in it: idx, id, clean (its path), start, n_samples, gain,
        bandwidth_hz.
    """

    def __init__(self, root: Path, rows: pd.DataFrame, segment_length: int, seed: int,
                 gain: tuple[float, float] = (1.0, 1.0), p_invert: float = 0.0):  # fmt: skip
        self.root, self.rows, self.length, self.seed = root, list(rows.itertuples(index=False)), segment_length, seed
        self.gain, self.p_invert = gain, p_invert

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: tuple[int, int] | int) -> tuple[Tensor, Tensor, Tensor, dict]:
        epoch, index = _place(key)
        row = self.rows[index]
        rng = np.random.default_rng([self.seed, epoch, index])
        start = int(rng.integers(max(row.n_samples - self.length, 0) + 1))
        gain = float(rng.uniform(*self.gain)) * (-1 if rng.random() < self.p_invert else 1)
        n_samples = min(self.length, row.n_samples)
        signals = [
            self._cut(path, start, n_samples) * np.float32(gain) for path in (row.enhanced, row.noisy, row.clean)
        ]
        meta = {"idx": index, "id": row.id, "clean": row.clean, "start": start, "n_samples": n_samples, "gain": gain}
        meta["bandwidth_hz"] = row.bandwidth_hz
        return *(torch.from_numpy(signal[None]) for signal in signals), meta

    def _cut(self, path: str, start: int, n_samples: int) -> np.ndarray:
        signal = audio.read(self.root / path, start=start, n_samples=n_samples)
        return np.pad(signal, (0, self.length - n_samples))


class Mixtures(Dataset):
    """Speech and noise mixed while training: `(noisy, clean, clean_rms, meta)`, another mixture in every epoch.

    Draws a cut of the utterance, an SNR, a level and a place in a noise file. The noise is set to the SNR over active speech,
    then noisy and clean get one gain, so that the peak of noisy is `scale`. Files are at 48 kHz (`sources.at_48_khz` makes them
    so), since nothing is resampled here and only the cut is read.

    Args:
        speech, noise: files.
        segment_length: samples; 0: whole utterances, of different lengths. A shorter utterance stays as short.
        snr_db: one of these, for each item.
        scale: range of the peak of noisy.
        speed: range of the factors that speech, and apart from it noise, is played faster by, pitch and all: other voices.
        p_second_noise: probability that a second noise sounds along, 0 to 10 dB below the first.
        bandwidth_hz: what each speech file really holds, by its path; 24 kHz for those that are not named.

    Returns: noisy and clean `[1, T]`, the RMS of that clean `[]`, and `meta`, never with audio in it: idx, id (its path),
        snr (dB), scale, clean_path, noise_path, clean_len, noisy_len (samples), start, speed, bandwidth_hz.

    Raises:
        ValueError: no speech, no noise, or a file at another rate than 48 kHz, by its name.
    """

    def __init__(self, speech: Sequence[Path], noise: Sequence[Path], segment_length: int, seed: int,
                 snr_db: Sequence[float] = (-5, 0, 5, 10, 15), scale: tuple[float, float] = (0.05, 1.0),
                 speed: tuple[float, float] = (1.0, 1.0), p_second_noise: float = 0.0,
                 bandwidth_hz: Mapping[Path, float] | None = None):  # fmt: skip
        if not speech or not noise:
            raise ValueError(f"{len(speech)} speech and {len(noise)} noise files, expected at least one of each")
        self.speech, self.noise, self.length, self.seed = list(speech), list(noise), segment_length, seed
        self.snr_db, self.scale, self.speed = list(snr_db), scale, speed
        self.p_second_noise, self.bandwidth_hz = p_second_noise, dict(bandwidth_hz or {})
        self.n_samples = {path: _length_at_48_khz(path) for path in [*self.speech, *self.noise]}

    def __len__(self) -> int:
        return len(self.speech)

    def __getitem__(self, key: tuple[int, int] | int) -> tuple[Tensor, Tensor, Tensor, dict]:
        epoch, index = _place(key)
        rng, path = np.random.default_rng([self.seed, epoch, index]), self.speech[index]
        snr_db, scale = float(rng.choice(self.snr_db)), float(rng.uniform(*self.scale))
        speed = float(rng.uniform(*self.speed))
        longest = int(self.n_samples[path] / speed)
        n_samples = min(self.length or longest, longest)
        for _ in range(N_DRAWS):
            start = int(rng.integers(self.n_samples[path] - int(n_samples * speed) + 1))
            noise_path = self.noise[rng.integers(len(self.noise))]
            clean = _faster(audio.read(path, start=start, n_samples=int(n_samples * speed)), speed, n_samples)
            try:
                noise = self._noise(noise_path, n_samples, rng)
                if rng.random() < self.p_second_noise:
                    second = self._noise(self.noise[rng.integers(len(self.noise))], n_samples, rng)
                    noise = degrade.add(noise, second, float(rng.uniform(*degrade.SECOND_NOISE_DB)))
                made = degrade.mix(clean, noise, snr_db, scale)
                break
            except ValueError as error:  # a pause, of the speech or of the noise
                reason = error
        else:
            raise audio.AudioError(
                f"{path}: no cut of {n_samples} samples among {N_DRAWS} that can be mixed ({reason})"
            )
        # `mix` keeps clean within full scale, which tensors need not
        gain = np.float32(scale / np.abs(made.noisy).max())
        noisy, clean = (torch.from_numpy(signal * gain)[None] for signal in (made.noisy, made.clean))
        meta = {
            "idx": index, "id": str(path), "snr": snr_db, "scale": scale, "clean_path": str(path), "noise_path": str(noise_path),
            "clean_len": n_samples, "noisy_len": n_samples, "start": start, "speed": speed,
            "bandwidth_hz": self._bandwidth_hz(path, speed),
        }  # fmt: skip
        return noisy, clean, clean.square().mean().sqrt(), meta

    def _bandwidth_hz(self, path: Path, speed: float) -> float:
        """What a file holds when it is played at `speed`; playing it faster takes the last of the highs."""
        highest = PASSBAND * NYQUIST_HZ if speed > 1 else NYQUIST_HZ
        return min(speed * self.bandwidth_hz.get(path, NYQUIST_HZ), highest)

    def _noise(self, path: Path, n_samples: int, rng: np.random.Generator) -> np.ndarray:
        """A cut of a noise file, which goes round where it is shorter."""
        speed = float(rng.uniform(*self.speed))
        wanted, there = int(n_samples * speed), self.n_samples[path]
        offset = int(rng.integers(max(there - wanted, 0) + 1))
        noise = audio.read(path, start=offset, n_samples=min(wanted, there))
        noise = noise if there >= wanted else degrade.loop(noise, int(rng.integers(there)), wanted)
        return _faster(noise, speed, n_samples)


class Endless(IterableDataset):
    """The items of a map-style dataset for ever, epoch after epoch, shuffled; workers and processes share them out.

    Whole batches go to one worker after the other, so that the loader's batches are the same for any number of workers.

    Args:
        batch_size: of the loader, which must be given the same.
        rank, n_ranks: this process among so many.

    >>> from itertools import islice
    >>> class Numbers(Dataset):
    ...     seed = 0
    ...     def __len__(self): return 4
    ...     def __getitem__(self, key): return key
    >>> items = list(islice(Endless(Numbers(), batch_size=2), 8))
    >>> sorted(items) == [(epoch, index) for epoch in range(2) for index in range(4)]
    True
    """

    def __init__(self, dataset: Dataset, batch_size: int, rank: int = 0, n_ranks: int = 1):
        self.dataset, self.batch_size, self.rank, self.n_ranks = dataset, batch_size, rank, n_ranks

    def __iter__(self) -> Iterator:
        worker = get_worker_info()
        first, n_workers = (worker.id, worker.num_workers) if worker else (0, 1)
        batch = first
        while True:
            for item in range(self.batch_size):
                place = (batch * self.n_ranks + self.rank) * self.batch_size + item
                epoch, position = divmod(place, len(self.dataset))
                yield self.dataset[epoch, int(_order(len(self.dataset), self.dataset.seed, epoch)[position])]
            batch += n_workers


class Epochs(Sampler):
    """`(epoch, index)` of every item exactly once, from (seed, epoch); `set_epoch` before each pass.

    Args:
        shuffle: in another order in each epoch; else in their own.
        rank, n_ranks: of several processes each takes every n-th item of one common order. The few at its end that would give
            some of them one more are left out, other ones in each epoch, since all must take equally many steps.

    >>> sampler = Epochs(5, seed=0, rank=1, n_ranks=2)
    >>> sampler.set_epoch(3)
    >>> len(sampler), len(list(sampler)), {epoch for epoch, _ in sampler}
    (2, 2, {3})
    """

    def __init__(self, n_items: int, seed: int, shuffle: bool = True, rank: int = 0, n_ranks: int = 1):
        if not 0 <= rank < n_ranks:
            raise ValueError(f"rank = {rank}: expected 0 to n_ranks - 1 = {n_ranks - 1}")
        if n_items < n_ranks:
            raise ValueError(f"{n_items} items for {n_ranks} processes: expected at least one for each")
        self.n_items, self.seed, self.shuffle, self.rank, self.n_ranks = n_items, seed, shuffle, rank, n_ranks
        self.epoch = self.n_done = 0

    def set_epoch(self, epoch: int, n_done: int = 0) -> None:
        """Choose the draw of the next pass; the first `n_done` of this process's items are left out of it."""
        self.epoch, self.n_done = epoch, n_done

    def __len__(self) -> int:
        return self.n_items // self.n_ranks

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = _order(self.n_items, self.seed, self.epoch) if self.shuffle else np.arange(self.n_items)
        share = order[self.rank :: self.n_ranks][self.n_done : len(self)]
        return ((self.epoch, int(index)) for index in share)


def loader(
    dataset: Dataset,
    batch_size: int | None = None,
    n_workers: int = 0,
    *,
    shuffle: bool | None = None,
    sampler: Sampler | None = None,
    batch_sampler: Sampler | None = None,
    drop_last: bool | None = None,
    rank: int = 0,
    n_ranks: int = 1,
    timeout: float = TIMEOUT,
) -> DataLoader:
    """Batches of `dataset`; `loader(...).sampler.set_epoch(epoch)` chooses the draw of the next pass.

    Workers live on from pass to pass, memory is pinned where there is CUDA, a batch that takes longer than `timeout` seconds is
    an error, and one in a worker reaches the caller with the file's name.

    Args:
        shuffle: in another order in each epoch (default), or in their own order.
        sampler, batch_sampler: of one's own, instead of `Epochs`.
        drop_last: leave out the last batch where it is smaller; by default it is kept.
        rank, n_ranks: this process's share.

    Raises:
        ValueError: things are given that exclude each other.
    """
    given = {"shuffle": shuffle, "sampler": sampler, "batch_size": batch_size, "drop_last": drop_last}
    endless = isinstance(dataset, IterableDataset)
    excluded = {
        "batch_sampler": (batch_sampler is not None, ("batch_size", "shuffle", "sampler", "drop_last")),
        "sampler": (sampler is not None, ("shuffle",)),
        "an iterable dataset": (endless, ("shuffle", "sampler", "drop_last")),
    }
    for name, (is_given, others) in excluded.items():
        if is_given and (wrong := [other for other in others if given[other] is not None]):
            raise ValueError(f"{name} excludes {', '.join(wrong)}: it decides that itself")
    if endless and batch_sampler is not None:
        raise ValueError("an iterable dataset excludes batch_sampler: it decides that itself")
    if (sampler is not None or batch_sampler is not None or endless) and n_ranks > 1:
        raise ValueError(
            f"n_ranks = {n_ranks} beside a sampler or an iterable dataset: these share out the items themselves"
        )
    if endless and getattr(dataset, "batch_size", batch_size) != batch_size:
        raise ValueError(f"batch_size = {batch_size}, but the endless dataset was made for {dataset.batch_size}")
    common = {
        "num_workers": n_workers, "collate_fn": collate_keep_meta, "persistent_workers": n_workers > 0,
        "pin_memory": torch.cuda.is_available(), "timeout": timeout if n_workers else 0,
    }  # fmt: skip
    if batch_sampler is not None:
        return DataLoader(dataset, batch_sampler=batch_sampler, **common)
    if endless:
        return DataLoader(dataset, batch_size or 1, **common)
    if sampler is None:
        sampler = Epochs(len(dataset), dataset.seed, shuffle is not False, rank, n_ranks)
    return DataLoader(dataset, batch_size or 1, sampler=sampler, drop_last=bool(drop_last), **common)


def collate_keep_meta(items: list[tuple]) -> tuple:
    """Stack the tensors; the metadata stays a list of dicts and on the CPU.

    Tensors of different lengths are padded with zeros to the longest; the metadata then holds their true one (`n_samples`, in
    samples), unless it tells a length already.

    >>> *signals, metas = collate_keep_meta([(torch.zeros(1, 4), {"id": "a"}), (torch.ones(1, 3), {"id": "b"})])
    >>> list(signals[0].shape), signals[0][1, 0].tolist(), metas
    ([2, 1, 4], [1.0, 1.0, 1.0, 0.0], [{'id': 'a', 'n_samples': 4}, {'id': 'b', 'n_samples': 3}])
    """
    *columns, metas = zip(*items, strict=True)
    metas = [
        _with_length(meta, item[0].shape[-1]) if item[0].dim() else meta
        for meta, item in zip(metas, items, strict=True)
    ]
    return *(torch.stack(_padded(signals)) for signals in columns), list(metas)


def _padded(signals: Sequence[Tensor]) -> list[Tensor]:
    if not signals[0].dim():
        return list(signals)
    longest = max(signal.shape[-1] for signal in signals)
    return [F.pad(signal, (0, longest - signal.shape[-1])) for signal in signals]


def _with_length(meta: dict, n_samples: int) -> dict:
    return meta if "n_samples" in meta or "clean_len" in meta else meta | {"n_samples": n_samples}


def _faster(signal: np.ndarray, speed: float, n_samples: int) -> np.ndarray:
    """`int(n_samples * speed)` samples in the time of `n_samples`."""
    if speed == 1:
        return signal
    resampled = audio.resample(signal, speed * SAMPLE_RATE, SAMPLE_RATE)[:n_samples]
    return np.pad(resampled, (0, n_samples - len(resampled)))


def _place(key: tuple[int, int] | int) -> tuple[int, int]:
    return key if isinstance(key, tuple) else (0, int(key))


def _order(n_items: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(n_items)


def _length_at_48_khz(path: Path) -> int:
    head = audio.info(path)
    if head.sample_rate != SAMPLE_RATE:
        raise ValueError(
            f"{path}: at {head.sample_rate} Hz, expected {SAMPLE_RATE} Hz: nothing is resampled while training"
        )
    return head.n_samples
