"""Files are restored: formats are kept, long ones equal short ones, bad ones are named."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from signals import RATE, noise, odd_and_bad_speech, voiced, write

from lib.audio import files
from lib.deepfilter.enhance import enhance
from lib.inference import jobs, recordings
from lib.inference.jobs import Job
from lib.inference.light import LightRestorer
from lib.inference.recordings import restore_jobs
from lib.inference.restorer import Restorer

FORMATS = {
    "telephone.wav": (8_000, 1, "ULAW"),
    "prompt.wav": (16_000, 1, "PCM_16"),
    "stereo.ogg": (44_100, 2, "VORBIS"),
    "deep.wav": (48_000, 1, "PCM_24"),
    "float.wav": (96_000, 2, "FLOAT"),
    "lossless.flac": (22_050, 1, "PCM_24"),
    "whole.wav": (48_000, 1, "PCM_32"),
    "lossy.mp3": (44_100, 1, "MPEG_LAYER_III"),
    "old.aiff": (32_000, 1, "PCM_16"),
}


@pytest.fixture(scope="module")
def restorer():
    return Restorer.load()


def test_rate_channels_length_container_and_bits_are_kept_in_the_same_tree(restorer, tmp_path):
    for i, (name, (rate, channels, codec)) in enumerate(FORMATS.items()):
        signal = np.stack([voiced(1.0 + 0.1 * i, seed, rate) for seed in range(channels)], axis=1)
        write(tmp_path / "in" / f"folder {i % 3}" / name, signal, rate, codec)
    todo = jobs.find_jobs(tmp_path / "in", tmp_path / "out")
    outcomes = list(restore_jobs(todo, restorer))
    assert len(outcomes) == len(FORMATS) and not any(outcome.problem for outcome in outcomes)
    for job in todo:
        assert files.info(job.target) == files.info(job.source)
        assert job.target.relative_to(tmp_path / "out") == job.source.relative_to(tmp_path / "in")
    assert "9 of 9 restored" in jobs.report(outcomes)


def test_tags_are_kept_and_opus_is_opus(restorer, tmp_path):
    source = tmp_path / "in.flac"
    with soundfile.SoundFile(source, "w", RATE, 1) as file:
        file.title, file.artist = "Interview", "Me"
        file.write(voiced(0.5, 0))
    todo = [Job(source, tmp_path / name) for name in ("out.flac", "out.opus")]
    assert not any(outcome.problem for outcome in restore_jobs(todo, restorer))
    with soundfile.SoundFile(tmp_path / "out.flac") as file:
        assert (file.title, file.artist) == ("Interview", "Me")
    assert files.info(tmp_path / "out.opus")[:2] == ("OGG", "OPUS")
    other = write(tmp_path / "other.wav", voiced(0.5, 0, 44_100), 44_100)
    (outcome,) = restore_jobs([Job(other, tmp_path / "other.opus")], restorer)
    assert (
        "Opus holds 8000, 12000, 16000, 24000, 48000 Hz, but the source 44100; use .ogg"
        in outcome.problem
    )


@pytest.mark.parametrize("rate, channels", [(48_000, 1), (44_100, 2), (8_000, 1)])
def test_a_long_recording_is_what_it_would_be_as_a_short_one(
    restorer, tmp_path, monkeypatch, rate, channels
):
    signal = np.stack(
        [np.tile(voiced(2.5, seed, rate), 5)[: 12 * rate - 7] for seed in range(channels)], axis=1
    )
    source = write(tmp_path / "in.wav", signal, rate, "FLOAT")
    monkeypatch.setattr(recordings, "BLOCK_S", 1.7)
    for name, limit in (("short", 60.0), ("long", 1.0)):
        monkeypatch.setattr(recordings, "SHORT_S", limit)
        (outcome,) = restore_jobs([Job(source, tmp_path / f"{name}.wav")], restorer)
        assert not outcome.problem
    short, long = (
        soundfile.read(tmp_path / f"{name}.wav", dtype="float32")[0] for name in ("short", "long")
    )
    assert len(short) == len(long) == len(signal)
    assert np.abs(short - long).max() < 1e-4


def test_threads_give_what_one_thread_gives_in_the_same_order(tmp_path, monkeypatch):
    """Short ones in batches, a long one, a bad one."""
    for i in range(6):
        write(tmp_path / "in" / f"{i}.wav", voiced(0.3 + 0.1 * i, i), subtype="FLOAT")
    write(tmp_path / "in" / "3 long.wav", np.tile(voiced(1.0, 7), 3), subtype="FLOAT")
    (tmp_path / "in" / "4 bad.wav").write_text("no audio")
    monkeypatch.setattr(recordings, "SHORT_S", 2.0)
    light, found = LightRestorer(), {}
    for n in (1, 3):
        todo = jobs.find_jobs(tmp_path / "in", tmp_path / str(n))
        outcomes = restore_jobs(todo, light, n_threads=n)
        found[n] = [(Path(outcome.source).name, bool(outcome.problem)) for outcome in outcomes]
    assert found[1] == found[3] and len(found[1]) == 8
    assert [name for name, is_bad in found[1] if is_bad] == ["4 bad.wav"]
    for path in sorted((tmp_path / "1").iterdir()):
        one, three = (soundfile.read(tmp_path / n / path.name)[0] for n in ("1", "3"))
        np.testing.assert_array_equal(one, three)


def test_a_batch_holds_few_channels_and_half_a_minute_at_most():
    def recording(channels, seconds):
        return SimpleNamespace(info=files.Info("WAV", "PCM_16", 100, channels, 100 * seconds))

    fits = recordings._fits
    assert fits(recording(1, 5), [recording(1, 5)] * 3)
    assert not fits(recording(1, 5), [recording(1, 5)] * 4)
    assert not fits(recording(2, 5), [recording(1, 5)] * 3)
    assert not fits(recording(2, 10), [recording(1, 11)])


def test_a_recording_of_which_little_is_left_is_named(restorer, tmp_path, monkeypatch):
    """It may have held speech that the first stage took for noise."""
    noisy = write(tmp_path / "noisy.wav", noise(2.0, level=0.03), subtype="FLOAT")
    speech = write(tmp_path / "speech.wav", np.tile(voiced(1.0), 2), subtype="FLOAT")
    silent = write(tmp_path / "silent.wav", np.zeros(RATE))
    quieter_db = {}
    for folder, limit in (("short", 60.0), ("long", 0.5)):
        monkeypatch.setattr(recordings, "SHORT_S", limit)
        todo = [Job(path, tmp_path / folder / path.name) for path in (noisy, speech, silent)]
        outcomes = sorted(restore_jobs(todo, restorer), key=lambda outcome: outcome.source)
        quieter_db[folder] = [outcome.quieter_db for outcome in outcomes]
        line, summary = jobs.report(outcomes).splitlines()
        assert f"{folder}/noisy.wav: " in line and "dB quieter than the recording" in line
        assert summary.startswith("3 of 3 restored")
    of_noise, of_silence, of_speech = quieter_db["short"]
    assert of_noise > 20 and of_silence == 0 and of_speech < 20
    np.testing.assert_allclose(quieter_db["long"][1:], quieter_db["short"][1:], atol=0.05)


def test_bad_files_are_named_and_the_others_are_restored(restorer, tmp_path):
    reasons = odd_and_bad_speech(tmp_path / "in")
    todo = jobs.find_jobs(tmp_path / "in", tmp_path / "out")
    outcomes = {
        os.path.basename(outcome.source): outcome for outcome in restore_jobs(todo, restorer)
    }
    for name, reason in reasons.items():
        bad = reason in ("not readable", "lost sync", "NaN")
        assert bool(outcomes[name].problem) == bad, (name, outcomes[name].problem)
        assert (tmp_path / "out" / "odd" / name).exists() != bad
        assert not bad or name in outcomes[name].problem
    assert not list((tmp_path / "out").rglob("*.part"))


def test_a_target_that_exists_is_replaced_only_with_overwrite(restorer, tmp_path):
    source = write(tmp_path / "in.wav", voiced(0.5, 0))
    target = write(tmp_path / "out.wav", voiced(0.5, 1))
    before = target.read_bytes()
    (outcome,) = restore_jobs([Job(source, target)], restorer)
    assert "out.wav: exists; --overwrite or -p overwrite true replaces it" in outcome.problem
    assert target.read_bytes() == before
    (outcome,) = restore_jobs([Job(source, target)], restorer, overwrite=True)
    assert not outcome.problem and target.read_bytes() != before
    (outcome,) = restore_jobs([Job(source, source)], restorer, overwrite=True)
    assert "is the source itself" in outcome.problem


def test_a_second_run_over_a_folder_does_what_is_left(restorer, tmp_path):
    """After a run that was killed, each of its files was a problem."""
    sources = [write(tmp_path / "in" / f"{i}.wav", voiced(0.2, i)) for i in range(3)]
    todo = jobs.find_jobs(tmp_path / "in", tmp_path / "out")
    list(restore_jobs(todo[:2], restorer))
    first = todo[0].target.read_bytes()
    write(sources[1], voiced(0.3, 1))  # recorded anew
    outcomes = list(restore_jobs(todo, restorer))
    assert [outcome.existed for outcome in outcomes] == [True, False, False]
    assert "exists; --overwrite" in outcomes[1].problem and not outcomes[2].problem
    assert todo[0].target.read_bytes() == first
    outcomes = list(restore_jobs(todo, restorer, overwrite=True))
    assert not any(outcome.existed or outcome.problem for outcome in outcomes)


@pytest.mark.parametrize("name", ["caf\udce9.wav", 251 * "n" + ".wav"])
def test_names_may_be_any_bytes(restorer, tmp_path, name):
    write(tmp_path / "a.wav", voiced(0.2, 0)).rename(tmp_path / name)
    job = Job(tmp_path / name, tmp_path / "out" / name)
    assert "1 of 1 restored" in jobs.report(list(restore_jobs([job], restorer)))
    assert files.info(job.target).n_samples == 9_600


@pytest.mark.parametrize(
    "change, message",
    [
        ({"target": "x.xyz"}, "x.xyz: libsndfile does not write this format"),
        ({"noisy": "short.wav"}, "short.wav: 48000 Hz, 1 channels, 4800 samples; expected"),
        ({"source": "empty.wav"}, "empty.wav: holds no samples"),
    ],
)
def test_jobs_that_cannot_succeed_are_refused_before_any_work(tmp_path, change, message):
    write(tmp_path / "in.wav", voiced(1.0, 0))
    write(tmp_path / "short.wav", voiced(0.1, 0))
    write(tmp_path / "empty.wav", np.zeros(0))
    paths = {"source": "in.wav", "target": "o.wav"} | change
    job = Job(**{name: tmp_path / path for name, path in paths.items()})
    no_restorer = SimpleNamespace()
    (outcome,) = restore_jobs([job], no_restorer, already_enhanced=True)
    assert message in outcome.problem


def test_recordings_that_are_enhanced_already_are_restored_as_in_the_chain(restorer, tmp_path):
    hiss = 0.02 * np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32)
    noisy = 3 * voiced(2.0, 0) + hiss
    for name, signal in {"noisy": noisy, "enhanced": enhance(noisy)}.items():
        write(tmp_path / f"{name}.wav", signal, subtype="FLOAT")
    job = Job(tmp_path / "enhanced.wav", tmp_path / "out.wav", tmp_path / "noisy.wav")
    (outcome,) = restore_jobs([job], restorer, already_enhanced=True)
    restored, _ = soundfile.read(job.target, dtype="float32")
    assert not outcome.problem and np.abs(restored - restorer(noisy, RATE)).max() < 1e-4
    alone = job._replace(noisy=None)
    (outcome,) = restore_jobs([alone], restorer, already_enhanced=True, overwrite=True)
    assert not outcome.problem


def test_samples_beyond_full_scale_are_clipped_and_counted(restorer, tmp_path):
    loud = 20 * voiced(1.0, 0)
    source = write(tmp_path / "in.wav", loud, subtype="FLOAT")
    (outcome,) = restore_jobs([Job(source, tmp_path / "out.flac")], restorer, mix=0.0)
    restored, _ = soundfile.read(tmp_path / "out.flac")
    np.testing.assert_allclose(restored, loud.clip(-1, 1), atol=2**-14)
    n = int((np.abs(loud) > 1).sum())
    assert n > 0 and f"{n} samples were beyond full scale" in jobs.report([outcome])
    (outcome,) = restore_jobs([Job(source, tmp_path / "out.wav")], restorer, mix=0.0)
    np.testing.assert_array_equal(soundfile.read(tmp_path / "out.wav", dtype="float32")[0], loud)
    assert outcome.n_clipped == 0
