"""The order of items: each once an epoch, or without end.

A dataset is indexed by `(epoch, index)`, so that the epoch reaches workers that live on from pass
to pass, and any number of workers draws the same items. A plain `index` means epoch 0.
"""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Dataset, IterableDataset, Sampler, get_worker_info


def epoch_and_index(key: tuple[int, int] | int) -> tuple[int, int]:
    """The epoch and the index of a dataset's key.

    >>> epoch_and_index((3, 5)), epoch_and_index(5)
    ((3, 5), (0, 5))
    """
    return key if isinstance(key, tuple) else (0, int(key))


def epoch_order(n_items: int, seed: int, epoch: int) -> np.ndarray:
    """The shuffled indices `[n_items]` of an epoch.

    >>> sorted(epoch_order(4, seed=0, epoch=1).tolist())
    [0, 1, 2, 3]
    """
    # Seeded by the epoch: a resumed training finds its order without the epochs before.
    return np.random.default_rng([seed, epoch]).permutation(n_items)


class EpochSampler(Sampler):
    """`(epoch, index)` of every item exactly once; call `set_epoch` before each pass.

    Args:
        n_items: of the dataset.
        seed: of the order.
        shuffle: another order in each epoch; otherwise the items' own order.
        rank, n_ranks: this process among so many. Each takes every n-th item of one common order.
            All processes must take equally many steps, so a remainder at the end of the order is
            left out: other items in each epoch.

    Raises:
        ValueError: there is no such rank, or there are fewer items than processes.

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
        # Fewer items leave each process a share of none, and an epoch without a step.
        if n_items < n_ranks:
            raise ValueError(
                f"{n_items} items for {n_ranks} processes: expected at least one for each"
            )
        self.n_items = n_items
        self.seed = seed
        self.shuffle = shuffle
        self.rank = rank
        self.n_ranks = n_ranks
        self.epoch = 0
        self.n_done = 0

    def set_epoch(self, epoch: int, n_done: int = 0) -> None:
        """Choose the epoch of the next pass, and skip the first `n_done` items of this process."""
        self.epoch = epoch
        self.n_done = n_done

    def __len__(self) -> int:
        # Without `n_done`: the schedule counts the steps of whole epochs.
        return self.n_items // self.n_ranks

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.arange(self.n_items)
        if self.shuffle:
            order = epoch_order(self.n_items, self.seed, self.epoch)
        # Every process draws the same order, so no exchange is needed to share it out.
        share = order[self.rank :: self.n_ranks][self.n_done : len(self)]
        return ((self.epoch, int(index)) for index in share)


class EndlessDataset(IterableDataset):
    """The items of a map-style dataset without end, epoch after epoch, shuffled.

    Workers and processes share the items. Whole batches go to one worker after the other, so that
    the loader's batches are the same for any number of workers.

    Args:
        dataset: has a `seed` and is indexed by `(epoch, index)`.
        batch_size: the one that the loader gets.
        rank, n_ranks: this process among so many.

    >>> from itertools import islice
    >>> class Numbers(Dataset):
    ...     seed = 0
    ...
    ...     def __len__(self):
    ...         return 4
    ...
    ...     def __getitem__(self, key):
    ...         return key
    >>> items = list(islice(EndlessDataset(Numbers(), batch_size=2), 8))
    >>> sorted(items) == [(epoch, index) for epoch in range(2) for index in range(4)]
    True
    """

    def __init__(self, dataset: Dataset, batch_size: int, rank: int = 0, n_ranks: int = 1):
        self.dataset = dataset
        self.batch_size = batch_size
        self.rank = rank
        self.n_ranks = n_ranks

    def __iter__(self) -> Iterator:
        # A loader takes one batch of each worker in turn: worker w has w, w + n, w + 2 n, ...
        worker = get_worker_info()
        batch, n_workers = (worker.id, worker.num_workers) if worker else (0, 1)
        n_items, seed = len(self.dataset), self.dataset.seed
        while True:
            # Batches are numbered over all processes: of `n_ranks` in a row each takes one.
            first = (batch * self.n_ranks + self.rank) * self.batch_size
            for number in range(first, first + self.batch_size):
                # Items are counted without end, so a batch may reach into the next epoch.
                epoch, position = divmod(number, n_items)
                yield self.dataset[epoch, int(epoch_order(n_items, seed, epoch)[position])]
            batch += n_workers
