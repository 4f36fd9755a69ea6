"""Each item once an epoch, whatever the number of workers and processes; or without end."""

import itertools

import pytest

from lib.data.loader import make_loader
from lib.data.mixtures import Mixtures
from lib.data.sampling import EndlessDataset, EpochSampler, epoch_order


def test_orders_follow_from_seed_and_epoch():
    orders = {tuple(epoch_order(20, *key)) for key in [(0, 1), (0, 2), (1, 1), (0, 1)]}
    assert len(orders) == 3 and all(sorted(order) == list(range(20)) for order in orders)


def test_the_shares_of_two_processes_do_not_overlap_and_miss_at_most_one_item():
    for epoch in range(6):
        shares = []
        for rank in range(2):
            sampler = EpochSampler(5, seed=1, rank=rank, n_ranks=2)
            sampler.set_epoch(epoch)
            shares.append([index for _, index in sampler])
        assert len(shares[0]) == len(shares[1]) == 2 and len(set(shares[0] + shares[1])) == 4


def test_a_pass_that_was_interrupted_goes_on_with_the_items_that_are_left():
    sampler = EpochSampler(7, seed=0)
    sampler.set_epoch(2)
    whole = list(sampler)
    sampler.set_epoch(2, n_done=3)
    assert list(sampler) == whole[3:]


def test_a_rank_that_does_not_exist_and_too_few_items_are_refused():
    with pytest.raises(ValueError, match="rank = 2: expected 0 to n_ranks - 1 = 1"):
        EpochSampler(5, seed=0, rank=2, n_ranks=2)
    with pytest.raises(ValueError, match="1 items for 2 processes: expected at least one for each"):
        EpochSampler(1, seed=0, n_ranks=2)


@pytest.mark.parametrize("n_workers", [0, 1, 3])
def test_the_endless_stream_is_the_same_for_any_number_of_workers_and_shares(files, n_workers):
    dataset = Mixtures(*files, 24_000, 3)
    streams = [make_loader(EndlessDataset(dataset, 3, rank, 2), 3, n_workers) for rank in range(2)]
    batches = [[metas for *_, metas in itertools.islice(stream, 5)] for stream in streams]
    order = [meta["idx"] for pair in zip(*batches, strict=True) for metas in pair for meta in metas]
    assert len(order) == 30  # both shares together are six passes, each item once in each
    assert all(sorted(order[5 * k : 5 * k + 5]) == [0, 1, 2, 3, 4] for k in range(6))
