"""Pairs or fresh mixtures -> batches with light metadata; every item is a function of (seed, epoch, index) alone.

A dataset is indexed by `(epoch, index)`, which the sampler hands out, so that the epoch reaches workers that live on and any
number of them draws the same; a plain `index` means epoch 0.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler

from lib.data.sampling import EpochSampler

TIMEOUT = 120.0  # s that a batch may take its workers


def make_loader(
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
    given = {
        "shuffle": shuffle,
        "sampler": sampler,
        "batch_size": batch_size,
        "drop_last": drop_last,
    }
    endless = isinstance(dataset, IterableDataset)
    excluded = {
        "batch_sampler": (
            batch_sampler is not None,
            ("batch_size", "shuffle", "sampler", "drop_last"),
        ),
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
        raise ValueError(
            f"batch_size = {batch_size}, but the endless dataset was made for {dataset.batch_size}"
        )
    common = {
        "num_workers": n_workers, "collate_fn": collate_keep_meta, "persistent_workers": n_workers > 0,
        "pin_memory": torch.cuda.is_available(), "timeout": timeout if n_workers else 0,
    }  # fmt: skip
    if batch_sampler is not None:
        return DataLoader(dataset, batch_sampler=batch_sampler, **common)
    if endless:
        return DataLoader(dataset, batch_size or 1, **common)
    if sampler is None:
        sampler = EpochSampler(len(dataset), dataset.seed, shuffle is not False, rank, n_ranks)
    return DataLoader(
        dataset, batch_size or 1, sampler=sampler, drop_last=bool(drop_last), **common
    )


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
