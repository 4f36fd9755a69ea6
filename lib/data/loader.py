"""Items -> batches with light metadata; combinations of options that contradict are refused."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler

from lib.data.sampling import EpochSampler

TIMEOUT = 120.0  # s that workers may take for a batch


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
    """Batches of `dataset`; call `loader.sampler.set_epoch(epoch)` before each pass.

    Workers live on from pass to pass. Memory is pinned where there is CUDA. An error in a worker
    reaches the caller with the file's name; so does a batch that takes too long.

    Args:
        dataset: map-style or iterable; a map-style one has a `seed`.
        batch_size: items in a batch; 1 by default.
        n_workers: processes that read; 0: this one.
        shuffle: another order in each epoch (default), or the items' own order.
        sampler, batch_sampler: instead of `EpochSampler`.
        drop_last: leave out the last batch if it is smaller; by default it is kept.
        rank, n_ranks: this process among so many, for its share of the items.
        timeout: seconds that workers may take for a batch.

    Raises:
        ValueError: options contradict each other.

    >>> from lib.data.sampling import EndlessDataset
    >>> make_loader(EndlessDataset([1, 2], batch_size=2), batch_size=2, shuffle=True)
    Traceback (most recent call last):
    ValueError: an iterable dataset excludes shuffle: it decides that itself
    """
    endless = isinstance(dataset, IterableDataset)
    options = {
        "batch_size": batch_size,
        "shuffle": shuffle,
        "sampler": sampler,
        "batch_sampler": batch_sampler,
        "drop_last": drop_last,
    }
    # None means not given, so that a value that equals the default is refused, too.
    given = {name for name, value in options.items() if value is not None}
    if "batch_sampler" in given:
        _refuse("batch_sampler", ("batch_size", "shuffle", "sampler", "drop_last"), given)
    if "sampler" in given:
        _refuse("sampler", ("shuffle",), given)
    if endless:
        _refuse("an iterable dataset", ("shuffle", "sampler", "drop_last"), given)
        _refuse("an iterable dataset", ("batch_sampler",), given)
    # Otherwise `rank` would be ignored, and all processes would train on the same items.
    if n_ranks > 1 and (endless or given & {"sampler", "batch_sampler"}):
        raise ValueError(
            f"n_ranks = {n_ranks} beside a sampler or an iterable dataset:"
            " these share out the items themselves"
        )
    # The dataset deals out whole batches of its own size to the workers.
    if endless and getattr(dataset, "batch_size", batch_size) != batch_size:
        raise ValueError(
            f"batch_size = {batch_size}, but the endless dataset was made for {dataset.batch_size}"
        )

    # PyTorch refuses workers that live on, or that are waited for, where there are none.
    common = {
        "num_workers": n_workers,
        "collate_fn": collate_keep_meta,
        "persistent_workers": n_workers > 0,
        "pin_memory": torch.cuda.is_available(),
        "timeout": timeout if n_workers else 0,
    }
    # PyTorch refuses other options beside a batch sampler, and samplers of iterable datasets.
    if batch_sampler is not None:
        return DataLoader(dataset, batch_sampler=batch_sampler, **common)
    if endless:
        return DataLoader(dataset, batch_size or 1, **common)
    if sampler is None:
        # None, the default of `shuffle`, means yes.
        sampler = EpochSampler(len(dataset), dataset.seed, shuffle is not False, rank, n_ranks)
    return DataLoader(
        dataset, batch_size or 1, sampler=sampler, drop_last=bool(drop_last), **common
    )


def collate_keep_meta(items: list[tuple]) -> tuple:
    """Stack the tensors of items `(*tensors, meta)`; the metadata stay a list of dicts.

    Tensors of different lengths are padded with zeros to the longest. The metadata hold the true
    length (`n_samples`, in samples), unless they have one already.

    >>> items = [(torch.zeros(1, 4), {"id": "a"}), (torch.ones(1, 3), {"id": "b"})]
    >>> signals, metas = collate_keep_meta(items)
    >>> list(signals.shape), signals[1, 0].tolist()
    ([2, 1, 4], [1.0, 1.0, 1.0, 0.0])
    >>> metas
    [{'id': 'a', 'n_samples': 4}, {'id': 'b', 'n_samples': 3}]
    """
    *columns, metas = zip(*items, strict=True)
    # Signals of one item are equally long: the first one has the length of all.
    first_tensors = columns[0]
    # A number (no axes) has no length.
    if first_tensors[0].dim():
        lengths = [tensor.shape[-1] for tensor in first_tensors]
        metas = map(_with_length, metas, lengths)
    return *(torch.stack(_padded(tensors)) for tensors in columns), list(metas)


def _refuse(name: str, excluded: Sequence[str], given: set[str]) -> None:
    """Raise `ValueError` if an option that `name` excludes was given."""
    if wrong := [other for other in excluded if other in given]:
        raise ValueError(f"{name} excludes {', '.join(wrong)}: it decides that itself")


def _padded(signals: Sequence[Tensor]) -> list[Tensor]:
    # Numbers, such as a level, are stacked as they are.
    if not signals[0].dim():
        return list(signals)
    longest = max(signal.shape[-1] for signal in signals)
    return [F.pad(signal, (0, longest - signal.shape[-1])) for signal in signals]


def _with_length(meta: dict, n_samples: int) -> dict:
    # Mixtures have `clean_len` and `noisy_len` instead.
    return meta if "n_samples" in meta or "clean_len" in meta else meta | {"n_samples": n_samples}
