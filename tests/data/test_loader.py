"""Batches are the same for any number of workers; errors reach the user by file name."""

import time

import numpy as np
import psutil
import pytest
import torch
from data.pairs import LENGTH
from signals import RATE, write

from lib.audio.files import AudioError, info
from lib.data.loader import collate_keep_meta, make_loader
from lib.data.mixtures import Mixtures
from lib.data.sampling import EndlessDataset, EpochSampler
from lib.data.segments import PairSegments


def segments(corpus, **options):
    return PairSegments(*corpus, LENGTH, seed=3, **options)


def mixtures(files, segment_length=24_000):
    return Mixtures(*files, segment_length, seed=3)


def test_each_epoch_has_every_item_once_in_an_order_of_its_own(corpus):
    loader = make_loader(segments(corpus), batch_size=2)
    orders = []
    for epoch in (1, 2, 3):
        loader.sampler.set_epoch(epoch)
        orders.append([meta["id"] for *_, metas in loader for meta in metas])
        assert sorted(orders[-1]) == ["r0", "r1", "r2", "r3", "r4"]
    assert len(loader) == 3 and orders[0] != orders[1] != orders[2]


def test_whole_utterances_are_padded_together_and_keep_their_lengths(files):
    dataset = mixtures(files, segment_length=0)
    noisy, clean, clean_rms, metas = collate_keep_meta([dataset[i] for i in range(5)])
    lengths = [info(path).n_samples for path in files[0]]
    assert noisy.shape == clean.shape == (5, 1, max(lengths)) and clean_rms.shape == (5,)
    assert [meta["clean_len"] for meta in metas] == lengths
    assert [meta["noisy_len"] for meta in metas] == lengths
    for signal, length in zip(noisy, lengths, strict=True):
        assert signal[0, :length].any() and not signal[0, length:].any()


def drawn(loader, epochs):
    """The batches of some epochs: tensors and metadata of each."""
    batches = []
    for epoch in epochs:
        loader.sampler.set_epoch(epoch)
        batches += [(tuple(signals), metas) for *signals, metas in loader]
    return batches


def equal(left, right):
    return len(left) == len(right) and all(
        metas == other_metas
        and all(torch.equal(a, b) for a, b in zip(signals, other_signals, strict=True))
        for (signals, metas), (other_signals, other_metas) in zip(left, right, strict=True)
    )


@pytest.mark.parametrize("n_workers", [1, 2, 4])
@pytest.mark.parametrize("rank, n_ranks", [(0, 1), (0, 2), (1, 2)])
def test_any_number_of_workers_draws_the_same_in_every_share_over_three_epochs(
    corpus, files, n_workers, rank, n_ranks
):
    for dataset in (segments(corpus, gain=(0.8, 1.0), p_invert=0.5), mixtures(files)):
        alone, several = (
            drawn(make_loader(dataset, 2, n, rank=rank, n_ranks=n_ranks), (1, 2, 3))
            for n in (0, n_workers)
        )
        assert equal(alone, several) and len(alone) == 3 * (3 if n_ranks == 1 else 1)
        assert alone[0][1] != alone[len(alone) // 3][1]  # another epoch, another draw


def test_without_shuffling_the_order_is_the_datasets_own_and_the_last_batch_may_be_dropped(corpus):
    loader = make_loader(segments(corpus), 2, shuffle=False)
    order = [[meta["id"] for meta in metas] for *_, metas in loader]
    assert order == [["r0", "r1"], ["r2", "r3"], ["r4"]]
    assert [len(metas) for *_, metas in make_loader(segments(corpus), 2, drop_last=True)] == [2, 2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sampler": EpochSampler(5, 0), "shuffle": True}, "sampler excludes shuffle"),
        ({"batch_sampler": [[0, 1]], "batch_size": 2}, "batch_sampler excludes batch_size"),
        (
            {"batch_sampler": [[0, 1]], "drop_last": True, "shuffle": False},
            "batch_sampler excludes shuffle, drop_last",
        ),
        ({"sampler": EpochSampler(5, 0), "n_ranks": 2}, "n_ranks = 2 beside a sampler"),
        ({"rank": 2, "n_ranks": 2}, "rank = 2: expected 0 to n_ranks - 1 = 1"),
    ],
)
def test_options_that_exclude_each_other_are_refused(corpus, options, message):
    with pytest.raises(ValueError, match=message):
        make_loader(segments(corpus), **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 4, "shuffle": True}, "an iterable dataset excludes shuffle"),
        ({"batch_sampler": [[0]]}, "an iterable dataset excludes batch_sampler"),
        ({"batch_size": 4, "n_ranks": 2}, "n_ranks = 2 beside .* an iterable dataset"),
        ({"batch_size": 2}, "batch_size = 2, but the endless dataset was made for 4"),
    ],
)
def test_an_endless_dataset_refuses_what_it_decides_itself(files, options, message):
    with pytest.raises(ValueError, match=message):
        make_loader(EndlessDataset(mixtures(files), 4), **options)


@pytest.mark.parametrize("damage", ["gone", "short", "broken"])
def test_a_bad_file_in_a_worker_reaches_the_user_by_name(corpus, tmp_path, damage):
    root, rows = corpus
    path = tmp_path / "bad.flac"
    if damage == "short":
        write(path, np.zeros(100), RATE)
    elif damage == "broken":
        path.write_text("no audio")
    broken = PairSegments(root, rows.assign(noisy=str(path)), LENGTH, seed=0)
    with pytest.raises(AudioError, match=r"bad\.flac"):
        list(make_loader(broken, 2, n_workers=2))


class Stuck(torch.utils.data.Dataset):
    """Items that take longer than anybody waits."""

    seed = 0

    def __len__(self):
        return 2

    def __getitem__(self, key):
        time.sleep(6)


def test_a_worker_that_is_stuck_is_an_error():
    with pytest.raises(RuntimeError, match="timed out after 1 seconds"):
        list(make_loader(Stuck(), 1, n_workers=1, timeout=1))


def test_workers_end_with_their_loader(corpus):
    before = set(psutil.Process().children())
    loader = make_loader(segments(corpus), 2, n_workers=2)
    list(loader)
    new = set(psutil.Process().children()) - before
    workers = [process for process in new if "resource_tracker" not in " ".join(process.cmdline())]
    assert len(workers) >= 2
    del loader
    assert not psutil.wait_procs(workers, timeout=10)[1]
