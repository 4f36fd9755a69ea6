"""Mixtures have the SNR, level, speed and bandwidth that their metadata say."""

from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.signal import fftconvolve
from signals import RATE, voiced, write

from lib.audio.files import AudioError, read
from lib.corpus import mix
from lib.corpus.equaliser import equalise
from lib.corpus.formants import shift
from lib.corpus.mixed_pairs import mix_row, read_room
from lib.corpus.sources import Sources
from lib.data.conditions import Conditions
from lib.data.mixtures import Mixtures


def mixtures(files, segment_length=24_000, seed=3, **options):
    return Mixtures(*files, segment_length, seed, **options)


def write_hiss(path, n_samples):
    hiss = 0.1 * np.random.default_rng(0).standard_normal(n_samples)
    return write(path, hiss, subtype="FLOAT")


def test_a_mixture_has_the_values_of_its_metadata(files):
    dataset = mixtures(files, bandwidth_hz={files[0][1]: 8_000.0})
    items = [dataset[epoch, index] for epoch in range(6) for index in range(len(dataset))]
    for noisy, clean, clean_rms, meta in items:
        assert noisy.shape == clean.shape == (1, 24_000) and clean_rms.shape == ()
        assert noisy.abs().max().item() == pytest.approx(meta["scale"], rel=1e-5)
        assert clean_rms.item() == pytest.approx(clean.square().mean().sqrt().item(), rel=1e-5)
        snr_db = mix.snr_db(clean[0].numpy(), (noisy - clean)[0].numpy())
        assert snr_db == pytest.approx(meta["snr"], abs=0.01)
        cut = read(meta["clean_path"])[meta["start"] :][:24_000]
        gain = float(clean[0].numpy() @ cut / (cut @ cut))
        np.testing.assert_allclose(clean[0], gain * cut, atol=1e-5)
        assert meta["bandwidth_hz"] == (8_000.0 if meta["idx"] == 1 else 24_000.0)
    metas = [item[-1] for item in items]
    assert {meta["snr"] for meta in metas} == {-5.0, 0.0, 5.0, 10.0, 15.0}
    assert all(0.05 <= meta["scale"] <= 1.0 for meta in metas)
    assert len({meta["noise_path"] for meta in metas}) == 3
    # Never the same mixture twice.
    assert len({(meta["start"], meta["scale"]) for meta in metas}) == len(metas)


def test_metadata_are_light_and_have_the_keys_that_were_agreed(files):
    meta = mixtures(files)[2][-1]
    agreed = {"idx", "snr", "scale", "clean_path", "noise_path", "clean_len", "noisy_len"}
    assert agreed <= set(meta)
    assert all(isinstance(value, (str, int, float)) for value in meta.values())


def test_a_pause_is_no_segment_and_a_file_of_silence_is_named(files, tmp_path):
    late = np.concatenate([np.zeros(20_000), voiced(0.3)])
    path = write(tmp_path / "late.wav", late, subtype="PCM_24")
    for epoch in range(5):
        assert Mixtures([path], files[1], 9_600, 0)[epoch, 0][1].any()
    silent = write(tmp_path / "silent.wav", np.zeros(30_000))
    message = r"silent\.wav: no cut of 9600 samples .* \(speech is silent"
    with pytest.raises(AudioError, match=message):
        Mixtures([silent], files[1], 9_600, 0)[0]


def test_a_noise_that_breaks_while_training_is_named_at_once(files, tmp_path):
    """Another noise would do for the item, and nobody would know."""
    broken = write_hiss(tmp_path / "broken.wav", 30_000)
    dataset = Mixtures(files[0], [broken, *files[1]], 9_600, 0)
    broken.write_bytes(b"no audio any more")
    with pytest.raises(AudioError, match=r"broken\.wav"):
        for epoch in range(20):
            dataset[epoch, 0]


def test_another_rate_is_refused_by_name(files, tmp_path):
    slow = write(tmp_path / "slow.wav", voiced(1.0, 3, 16_000), 16_000)
    with pytest.raises(ValueError, match=r"slow\.wav: at 16000 Hz, expected 48000 Hz"):
        Mixtures([slow], files[1], 9_600, 0)


def test_no_files_are_refused(files):
    with pytest.raises(ValueError, match="5 speech and 0 noise files, expected at least one of"):
        Mixtures(files[0], [], 9_600, 0)


def test_speech_at_another_speed_has_another_pitch_and_bandwidth_and_the_snr_holds(tmp_path):
    """A tone of 1 kHz, played 1.25 times as fast: 1.25 kHz; a band that ended at 8 kHz at 10."""
    t = np.arange(3 * RATE) / RATE
    speech = write(tmp_path / "tone.wav", 0.5 * np.sin(2 * np.pi * 1_000 * t), subtype="FLOAT")
    noise = write_hiss(tmp_path / "noise.wav", 2 * RATE)
    options = {"snr_db": [10.0], "scale": (0.5, 0.5), "speed": (1.25, 1.25)}
    dataset = Mixtures([speech], [noise], RATE, 0, bandwidth_hz={speech: 8_000.0}, **options)
    noisy, clean, _, meta = dataset[1, 0]
    assert noisy.shape == clean.shape == (1, RATE)
    assert meta["speed"] == 1.25 and meta["bandwidth_hz"] == 10_000.0
    assert np.abs(np.fft.rfft(clean[0].numpy())).argmax() == 1_250  # Hz, over one second
    assert mix.snr_db(clean[0].numpy(), (noisy - clean)[0].numpy()) == pytest.approx(10.0, abs=0.2)


def test_speed_and_a_second_noise_change_the_draw_and_repeat_from_the_seed(tmp_path):
    speech = write(tmp_path / "speech.wav", voiced(3.0), subtype="FLOAT")
    noise = write_hiss(tmp_path / "noise.wav", RATE)
    first, second = (
        Mixtures([speech], [noise], RATE, 0, speed=(0.8, 1.2), p_second_noise=1.0) for _ in range(2)
    )
    assert torch.equal(first[1, 0][0], second[1, 0][0])
    assert not torch.equal(first[1, 0][1], first[2, 0][1])


def test_conditions_are_those_of_prepared_pairs_and_change_no_other_draw(files, tmp_path):
    """A mixture on the fly is what `mix` makes of its metadata; cut, SNR and level stay."""
    rir = np.zeros(2_400)
    rir[[50, 1_500]] = 0.8, 0.3
    room = write(tmp_path / "room.wav", rir, subtype="FLOAT")
    conditions = Conditions(0.4, 0.5, (room,), 960, 0.4, (4_000.0,), 0.4, 0.4, 0.5)
    plain, dataset = mixtures(files), mixtures(files, conditions=conditions)
    seen = set()
    for epoch in range(6):
        noisy, clean, _, meta = dataset[epoch, 1]
        before = plain[epoch, 1]
        same = ["start", "scale", "speed", "clean_path"]
        assert [meta[name] for name in same] == [before[3][name] for name in same]
        assert np.isnan(meta["snr"]) == (meta["noise_path"] == "")
        seen |= {
            name for name in ("rir", "equaliser", "lowpass_hz", "clip_db", "codec") if meta[name]
        }
        seen |= {"clean"} if not meta["noise_path"] else set()
        # The target is the cut in the early part of its room, coloured alike.
        target = equalise(read(meta["clean_path"])[meta["start"] :][:24_000], meta["equaliser"])
        if meta["rir"]:
            response = read_room(room)[0][: 960 + 1]
            target = fftconvolve(target, response)[:24_000]
        gain = float(clean[0].numpy() @ target / (target @ target))
        np.testing.assert_allclose(clean[0], gain * target, atol=1e-5)
        assert noisy.abs().max().item() == pytest.approx(meta["scale"], rel=1e-5)
    assert seen == {"clean", "rir", "equaliser", "lowpass_hz", "clip_db", "codec"}


def test_drawn_alike_a_mixture_on_the_fly_is_the_prepared_pair(files, tmp_path):
    """Sample by sample, whatever was drawn; the noises are longer and shorter than the speech."""
    rir = np.zeros(2_400)
    rir[[50, 1_500]] = 0.8, 0.3
    room = write(tmp_path / "room.wav", rir, subtype="FLOAT")
    noises = [write_hiss(tmp_path / f"{n}.wav", n) for n in (20_000, 200_000)]
    conditions = Conditions(0.1, 0.5, (room,), 960, 0.4, (4_000.0,), 0.4, 0.4, 0.5, 0.1, 0.9, 1.2)
    options = {"conditions": conditions, "p_second_noise": 0.5, "scale": (0.3, 1.0)}
    dataset = Mixtures(files[0], noises, 0, 3, **options)
    seen, n_as_loud = set(), 0
    for epoch, index in product(range(2), range(len(dataset))):
        noisy, clean, _, meta = dataset[epoch, index]
        seen |= {name for name, value in meta.items() if isinstance(value, str) and value}
        row = SimpleNamespace(**meta, snr_db=meta["snr"])
        prepared = mix_row(row, Sources(*3 * [Path("/")]))
        factor = meta["scale"] / np.abs(prepared.noisy).max()
        n_as_loud += abs(factor - 1) < 1e-5
        assert factor > 0.99999  # at full scale the prepared pair is lower
        for signal, expected in ((noisy, prepared.noisy), (clean, prepared.clean)):
            np.testing.assert_allclose(signal[0], factor * expected, atol=1e-6)
    assert {"rir", "equaliser", "codec", "second_noise_path"} <= seen and n_as_loud > 5


def test_gain_and_polarity_are_those_of_segments_and_change_no_other_draw(files):
    plain, dataset = mixtures(files), mixtures(files, gain=(0.5, 0.8), p_invert=0.5)
    gains = []
    for epoch in range(20):
        noisy, clean, clean_rms, meta = dataset[epoch, 1]
        before = plain[epoch, 1]
        gains.append(meta["gain"])
        assert meta | {"gain": 1.0} == before[3]
        torch.testing.assert_close(noisy, gains[-1] * before[0])
        torch.testing.assert_close(clean, gains[-1] * before[1])
        torch.testing.assert_close(clean_rms, abs(gains[-1]) * before[2])
    assert all(0.5 <= abs(gain) <= 0.8 for gain in gains) and len(set(gains)) == 20
    assert 4 < sum(gain < 0 for gain in gains) < 16


def test_a_clean_item_has_nothing_to_restore(files):
    noisy, clean, _, meta = mixtures(files, conditions=Conditions(p_clean=1.0))[0]
    assert torch.equal(noisy, clean) and meta["noise_path"] == "" and np.isnan(meta["snr"])


def test_noise_alone_has_silence_as_its_target_at_all_frequencies(files, tmp_path):
    room = write(tmp_path / "room.wav", np.repeat([1.0, 0.0], [1, 4_799]), subtype="FLOAT")
    everything = {"p_reverb": 1.0, "rooms": (room,), "p_codec": 0.5, "formant_max": 1.2}
    conditions = Conditions(p_noise_alone=1.0, **everything)
    dataset = mixtures(files, bandwidth_hz={files[0][0]: 8_000.0}, conditions=conditions)
    plain = mixtures(files)
    for epoch in range(3):
        noisy, clean, clean_rms, meta = dataset[epoch, 0]
        assert not clean.any() and clean_rms == 0
        assert noisy.abs().max().item() == pytest.approx(meta["scale"], rel=1e-5)
        assert meta["snr"] == -np.inf and meta["noise_path"] and meta["bandwidth_hz"] == 24_000
        assert meta["scale"] == plain[epoch, 0][3]["scale"]


def test_formants_move_in_clean_and_noisy_alike(files):
    conditions = Conditions(p_clean=1.0, formant_min=1.2, formant_max=1.2)
    noisy, clean, _, meta = mixtures(files, conditions=conditions)[0]
    cut = read(meta["clean_path"])[meta["start"] :][:24_000]
    target = shift(cut, 1.2)
    gain = float(clean[0].numpy() @ target / (target @ target))
    np.testing.assert_allclose(clean[0], gain * target, atol=1e-5)
    assert torch.equal(noisy, clean) and meta["formant"] == 1.2
