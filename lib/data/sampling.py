"""The order of items: each once an epoch, or for ever."""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Dataset, IterableDataset, Sampler, get_worker_info


class EndlessDataset(IterableDataset):
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
    >>> items = list(islice(EndlessDataset(Numbers(), batch_size=2), 8))
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
                yield self.dataset[
                    epoch, int(epoch_order(len(self.dataset), self.dataset.seed, epoch)[position])
                ]
            batch += n_workers


class EpochSampler(Sampler):
    """`(epoch, index)` of every item exactly once, from (seed, epoch); `set_epoch` before each pass.

    Args:
        shuffle: in another order in each epoch; else in their own.
        rank, n_ranks: of several processes each takes every n-th item of one common order. The few at its end that would give
            some of them one more are left out, other ones in each epoch, since all must take equally many steps.

    >>> sampler = EpochSampler(5, seed=0, rank=1, n_ranks=2)
    >>> sampler.set_epoch(3)
    >>> len(sampler), len(list(sampler)), {epoch for epoch, _ in sampler}
    (2, 2, {3})
    """

    def __init__(
        self, n_items: int, seed: int, shuffle: bool = True, rank: int = 0, n_ranks: int = 1
    ):
        if not 0 <= rank < n_ranks:
            raise ValueError(f"rank = {rank}: expected 0 to n_ranks - 1 = {n_ranks - 1}")
        if n_items < n_ranks:
            raise ValueError(
                f"{n_items} items for {n_ranks} processes: expected at least one for each"
            )
        self.n_items, self.seed, self.shuffle, self.rank, self.n_ranks = (
            n_items,
            seed,
            shuffle,
            rank,
            n_ranks,
        )
        self.epoch = self.n_done = 0

    def set_epoch(self, epoch: int, n_done: int = 0) -> None:
        """Choose the draw of the next pass; the first `n_done` of this process's items are left out of it."""
        self.epoch, self.n_done = epoch, n_done

    def __len__(self) -> int:
        return self.n_items // self.n_ranks

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = (
            epoch_order(self.n_items, self.seed, self.epoch)
            if self.shuffle
            else np.arange(self.n_items)
        )
        share = order[self.rank :: self.n_ranks][self.n_done : len(self)]
        return ((self.epoch, int(index)) for index in share)


def epoch_and_index(key: tuple[int, int] | int) -> tuple[int, int]:
    return key if isinstance(key, tuple) else (0, int(key))


def epoch_order(n_items: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(n_items)
