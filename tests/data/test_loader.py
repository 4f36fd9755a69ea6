"""Segments are a function of (seed, epoch, index), aligned, and read no more than they need."""

import itertools
import time

import numpy as np
import pandas as pd
import psutil
import pytest
import torch
from signals import RATE, voiced, write

from lib.audio.files import AudioError, info, read
from lib.corpus import mix, sources
from lib.data.loader import collate_keep_meta, make_loader
from lib.data.mixtures import Mixtures
from lib.data.sampling import EndlessDataset, EpochSampler
from lib.data.segments import PairSegments

LENGTH = 4_800


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Pairs whose samples tell their place: clean is a ramp, noisy half of it, enhanced a quarter."""
    root = tmp_path_factory.mktemp("corpus")
    rows = []
    for i, n_samples in enumerate([20_000, 9_000, 3_000, 30_000, 12_000]):
        ramp = np.arange(n_samples) / 40_000
        row = {"id": f"r{i}", "n_samples": n_samples, "bandwidth_hz": 11_025.0}
        for name, gain in (("clean", 1.0), ("noisy", 0.5), ("enhanced", 0.25)):
            row[name] = f"{name}/r{i}.flac"
            write(root / row[name], gain * ramp, RATE)
        rows.append(row)
    return root, pd.DataFrame(rows)


def segments(corpus, **options):
    return PairSegments(*corpus, LENGTH, seed=3, **options)


def test_one_cut_and_one_gain_for_all_signals_of_a_pair(corpus):
    for index in range(5):
        enhanced, noisy, clean, meta = segments(corpus, gain=(0.5, 1.0), p_invert=0.5)[(1, index)]
        n = meta["n_samples"]
        np.testing.assert_allclose(noisy[0, :n], clean[0, :n] / 2, atol=1e-6)
        np.testing.assert_allclose(enhanced[0, :n], clean[0, :n] / 4, atol=1e-6)
        expected = meta["gain"] * (meta["start"] + np.arange(n)) / 40_000
        np.testing.assert_allclose(clean[0, :n], expected, atol=1e-6)


def test_a_short_pair_is_padded_and_says_so(corpus):
    *signals, meta = segments(corpus)[(1, 2)]
    assert meta["n_samples"] == 3_000 and meta["start"] == 0
    assert all(signal.shape == (1, LENGTH) and not signal[0, 3_000:].any() for signal in signals)


def test_metadata_holds_no_audio(corpus):
    meta = segments(corpus)[(1, 0)][-1]
    assert set(meta) == {"idx", "id", "clean", "start", "n_samples", "gain", "bandwidth_hz"}
    assert all(isinstance(value, (str, int, float)) for value in meta.values())


def test_each_epoch_has_every_item_once_in_an_order_of_its_own(corpus):
    batches = make_loader(segments(corpus), batch_size=2)
    orders = []
    for epoch in (1, 2, 3):
        batches.sampler.set_epoch(epoch)
        orders.append([meta["id"] for *_, metas in batches for meta in metas])
        assert sorted(orders[-1]) == ["r0", "r1", "r2", "r3", "r4"]
    assert len(batches) == 3 and orders[0] != orders[1] != orders[2]


def test_a_file_that_is_gone_is_named(corpus):
    root, rows = corpus
    broken = PairSegments(root, rows.assign(noisy="noisy/nowhere.flac"), LENGTH, seed=0)
    with pytest.raises(AudioError, match=r"noisy/nowhere\.flac: not readable"):
        broken[(1, 0)]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Five utterances and three noises, one shorter than a segment, at 48 kHz."""
    root = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    speech = [
        write(root / f"s{i}.wav", voiced(0.8 + 0.3 * i, i), subtype="PCM_24") for i in range(5)
    ]
    noise = [
        write(root / f"n{i}.wav", 0.1 * rng.standard_normal(length))
        for i, length in enumerate([96_000, 70_000, 9_000])
    ]
    return speech, noise


def mixtures(files, segment_length=24_000, seed=3, **options):
    return Mixtures(*files, segment_length, seed, **options)


def test_a_mixture_is_what_it_says(files):
    dataset = mixtures(files, bandwidth_hz={files[0][1]: 8_000.0})
    seen = [dataset[epoch, index] for epoch in range(6) for index in range(len(dataset))]
    for noisy, clean, clean_rms, meta in seen:
        assert noisy.shape == clean.shape == (1, 24_000) and clean_rms.shape == ()
        assert noisy.abs().max().item() == pytest.approx(meta["scale"], rel=1e-5)
        assert clean_rms.item() == pytest.approx(clean.square().mean().sqrt().item(), rel=1e-5)
        assert mix.snr_db(clean[0].numpy(), (noisy - clean)[0].numpy()) == pytest.approx(
            meta["snr"], abs=0.01
        )
        whole = read(meta["clean_path"])[meta["start"] :][:24_000]
        gain = float(clean[0].numpy() @ whole / (whole @ whole))
        np.testing.assert_allclose(clean[0], gain * whole, atol=1e-5)
        assert meta["bandwidth_hz"] == (8_000.0 if meta["idx"] == 1 else 24_000.0)
    metas = [item[-1] for item in seen]
    assert {meta["snr"] for meta in metas} == {-5.0, 0.0, 5.0, 10.0, 15.0}
    assert (
        all(0.05 <= meta["scale"] <= 1.0 for meta in metas)
        and len({meta["noise_path"] for meta in metas}) == 3
    )
    assert len({(meta["start"], meta["scale"]) for meta in metas}) == len(
        metas
    )  # never the same mixture twice


def test_a_mixtures_metadata_is_light_and_has_the_keys_that_were_agreed(files):
    meta = mixtures(files)[2][-1]
    assert {"idx", "snr", "scale", "clean_path", "noise_path", "clean_len", "noisy_len"} <= set(
        meta
    )
    assert all(isinstance(value, (str, int, float)) for value in meta.values())


def test_whole_utterances_are_padded_together_and_keep_their_lengths(files):
    dataset = mixtures(files, segment_length=0)
    noisy, clean, clean_rms, metas = collate_keep_meta([dataset[i] for i in range(5)])
    lengths = [info(path).n_samples for path in files[0]]
    assert noisy.shape == clean.shape == (5, 1, max(lengths)) and clean_rms.shape == (5,)
    assert [meta["clean_len"] for meta in metas] == [meta["noisy_len"] for meta in metas] == lengths
    for signal, length in zip(noisy, lengths, strict=True):
        assert signal[0, :length].any() and not signal[0, length:].any()


def test_a_pause_is_no_segment_and_a_file_of_silence_is_named(files, tmp_path):
    late = write(
        tmp_path / "late.wav", np.concatenate([np.zeros(20_000), voiced(0.3)]), subtype="PCM_24"
    )
    for epoch in range(5):
        assert Mixtures([late], files[1], 9_600, 0)[epoch, 0][1].any()
    silent = write(tmp_path / "silent.wav", np.zeros(30_000))
    with pytest.raises(
        AudioError, match=r"silent\.wav: no cut of 9600 samples .* \(speech is silent"
    ):
        Mixtures([silent], files[1], 9_600, 0)[0]


def test_another_rate_is_refused_by_name_and_made_right_once(files, tmp_path, monkeypatch):
    slow = write(tmp_path / "slow.wav", voiced(1.0, 3, 16_000), 16_000)
    with pytest.raises(ValueError, match=r"slow\.wav: at 16000 Hz, expected 48000 Hz"):
        Mixtures([slow], files[1], 9_600, 0)
    made = sources.at_48_khz([files[0][0], slow])
    assert made[0] == files[0][0] and info(made[1]).sample_rate == RATE
    written = made[1].stat().st_mtime_ns
    assert sources.at_48_khz([slow]) == [made[1]] and made[1].stat().st_mtime_ns == written
    np.testing.assert_allclose(read(made[1]), read(slow, RATE), atol=1e-6)


def drawn(batches, epochs):
    found = []
    for epoch in epochs:
        batches.sampler.set_epoch(epoch)
        found += [(tuple(signals), metas) for *signals, metas in batches]
    return found


def equal(one, other):
    return len(one) == len(other) and all(
        left[1] == right[1]
        and all(torch.equal(a, b) for a, b in zip(left[0], right[0], strict=True))
        for left, right in zip(one, other, strict=True)
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


def test_the_shares_of_two_processes_do_not_overlap_and_miss_at_most_one_item(corpus):
    for epoch in range(6):
        shares = []
        for rank in range(2):
            sampler = EpochSampler(5, seed=1, rank=rank, n_ranks=2)
            sampler.set_epoch(epoch)
            shares.append([index for _, index in sampler])
        assert len(shares[0]) == len(shares[1]) == 2 and len(set(shares[0] + shares[1])) == 4


def test_without_shuffling_the_order_is_the_datasets_own_and_the_last_batch_may_be_dropped(corpus):
    batches = make_loader(segments(corpus), 2, shuffle=False)
    assert [[meta["id"] for meta in metas] for *_, metas in batches] == [
        ["r0", "r1"],
        ["r2", "r3"],
        ["r4"],
    ]
    assert [len(metas) for *_, metas in make_loader(segments(corpus), 2, drop_last=True)] == [2, 2]


@pytest.mark.parametrize("n_workers", [0, 1, 3])
def test_the_endless_stream_is_the_same_for_any_number_of_workers_and_shares(files, n_workers):
    streams = [
        make_loader(EndlessDataset(mixtures(files), 3, rank, 2), 3, n_workers) for rank in range(2)
    ]
    taken = [[metas for *_, metas in itertools.islice(stream, 5)] for stream in streams]
    order = [meta["idx"] for pair in zip(*taken, strict=True) for metas in pair for meta in metas]
    assert len(order) == 30  # both shares together are six passes, each item once in each
    assert all(sorted(order[5 * k : 5 * k + 5]) == [0, 1, 2, 3, 4] for k in range(6))


@pytest.mark.parametrize(
    ("given", "message"),
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
def test_what_excludes_each_other_is_refused(corpus, given, message):
    with pytest.raises(ValueError, match=message):
        make_loader(segments(corpus), **given)


def test_an_endless_dataset_refuses_what_it_decides_itself(files):
    endless = EndlessDataset(mixtures(files), 4)
    with pytest.raises(ValueError, match="an iterable dataset excludes shuffle"):
        make_loader(endless, 4, shuffle=True)
    with pytest.raises(ValueError, match="batch_size = 2, but the endless dataset was made for 4"):
        make_loader(endless, 2)


@pytest.mark.parametrize("damage", ["gone", "short", "broken"])
def test_a_bad_file_reaches_the_user_by_name_through_the_workers_border(corpus, tmp_path, damage):
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
    seed = 0

    def __len__(self):
        return 2

    def __getitem__(self, key):
        time.sleep(6)


def test_a_worker_that_is_stuck_is_an_error_and_workers_end_with_their_loader(corpus):
    with pytest.raises(RuntimeError, match="timed out after 1 seconds"):
        list(make_loader(Stuck(), 1, n_workers=1, timeout=1))
    before = set(psutil.Process().children())
    batches = make_loader(segments(corpus), 2, n_workers=2)
    list(batches)
    mine = set(psutil.Process().children()) - before
    workers = [process for process in mine if "resource_tracker" not in " ".join(process.cmdline())]
    assert len(workers) >= 2
    del batches
    assert not psutil.wait_procs(workers, timeout=10)[1]


def test_speech_at_another_speed_has_another_pitch_and_bandwidth_and_the_snr_holds(tmp_path):
    """A buzz of 1 kHz whose cut is played 1.25 times as fast: 1.25 kHz, and what ended at 8 kHz ends at 10 kHz."""
    t = np.arange(3 * RATE) / RATE
    speech = write(tmp_path / "tone.wav", 0.5 * np.sin(2 * np.pi * 1_000 * t), subtype="FLOAT")
    noise = write(
        tmp_path / "noise.wav",
        0.1 * np.random.default_rng(0).standard_normal(2 * RATE),
        subtype="FLOAT",
    )
    mixtures = Mixtures(
        [speech],
        [noise],
        RATE,
        0,
        [10.0],
        (0.5, 0.5),
        speed=(1.25, 1.25),
        bandwidth_hz={speech: 8_000.0},
    )
    noisy, clean, _, meta = mixtures[1, 0]
    assert (
        noisy.shape == clean.shape == (1, RATE)
        and meta["speed"] == 1.25
        and meta["bandwidth_hz"] == 10_000.0
    )
    assert np.abs(np.fft.rfft(clean[0].numpy())).argmax() == 1_250  # Hz, over one second
    assert mix.snr_db(clean[0].numpy(), (noisy - clean)[0].numpy()) == pytest.approx(10.0, abs=0.2)


def test_speed_and_a_second_noise_change_the_draw_and_repeat_from_the_seed(tmp_path):
    speech = write(tmp_path / "speech.wav", voiced(3.0), subtype="FLOAT")
    noise = write(
        tmp_path / "noise.wav",
        0.1 * np.random.default_rng(0).standard_normal(RATE),
        subtype="FLOAT",
    )
    made = [
        Mixtures([speech], [noise], RATE, 0, speed=(0.8, 1.2), p_second_noise=1.0) for _ in range(2)
    ]
    assert torch.equal(made[0][1, 0][0], made[1][1, 0][0])
    assert not torch.equal(made[0][1, 0][1], made[0][2, 0][1])
