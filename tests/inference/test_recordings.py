"""Files and folders through the command: formats kept, long ones as short ones, bad ones named and the rest done."""

import io
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from signals import RATE, odd_and_bad_speech, voiced, write

from lib import REPO
from lib.audio import files
from lib.deepfilter.enhance import enhance
from lib.inference import recordings
from lib.inference.pcm import stream_pcm
from lib.inference.recordings import Job
from lib.inference.restorer import Restorer
from lib.metrics.loudness import loudness_lufs
from lib.restore import main


@pytest.fixture(scope="module")
def restorer():
    return Restorer.load()


def command(*words, **how):
    """Type `python -m lib.restore ...` and return the finished process."""
    return subprocess.run(
        [sys.executable, "-m", "lib.restore", *map(str, words)],
        cwd=REPO,
        capture_output=True,
        **how,
    )


FORMATS = {
    "telephone.wav": (8_000, 1, "ULAW"), "prompt.wav": (16_000, 1, "PCM_16"), "stereo.ogg": (44_100, 2, "VORBIS"),
    "deep.wav": (48_000, 1, "PCM_24"), "float.wav": (96_000, 2, "FLOAT"), "lossless.flac": (22_050, 1, "PCM_24"),
    "whole.wav": (48_000, 1, "PCM_32"), "lossy.mp3": (44_100, 1, "MPEG_LAYER_III"), "old.aiff": (32_000, 1, "PCM_16"),
}  # fmt: skip


def test_rate_channels_length_container_and_bits_are_kept_in_the_same_tree(restorer, tmp_path):
    for i, (name, (rate, channels, codec)) in enumerate(FORMATS.items()):
        signal = np.stack([voiced(1.0 + 0.1 * i, seed, rate) for seed in range(channels)], axis=1)
        write(tmp_path / "in" / f"folder {i % 3}" / name, signal, rate, codec)
    todo = recordings.find_jobs(tmp_path / "in", tmp_path / "out")
    outcomes = list(recordings.restore_jobs(todo, restorer))
    assert len(outcomes) == len(FORMATS) and not any(outcome.problem for outcome in outcomes)
    for job in todo:
        assert files.info(job.target) == files.info(job.source)
        assert job.target.relative_to(tmp_path / "out") == job.source.relative_to(tmp_path / "in")
    assert "9 of 9 restored" in recordings.report(outcomes)


def test_tags_are_kept_and_opus_is_opus(restorer, tmp_path):
    source = tmp_path / "in.flac"
    with soundfile.SoundFile(source, "w", RATE, 1) as file:
        file.title, file.artist = "Interview", "Me"
        file.write(voiced(0.5, 0))
    outcomes = list(
        recordings.restore_jobs(
            [Job(source, tmp_path / name) for name in ("out.flac", "out.opus")], restorer
        )
    )
    assert not any(outcome.problem for outcome in outcomes)
    with soundfile.SoundFile(tmp_path / "out.flac") as file:
        assert (file.title, file.artist) == ("Interview", "Me")
    assert files.info(tmp_path / "out.opus")[:2] == ("OGG", "OPUS")
    other = write(tmp_path / "other.wav", voiced(0.5, 0, 44_100), 44_100)
    (outcome,) = recordings.restore_jobs([Job(other, tmp_path / "other.opus")], restorer)
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
        (outcome,) = recordings.restore_jobs([Job(source, tmp_path / f"{name}.wav")], restorer)
        assert not outcome.problem
    short, long = (
        soundfile.read(tmp_path / f"{name}.wav", dtype="float32")[0] for name in ("short", "long")
    )
    assert len(short) == len(long) == len(signal)
    assert np.abs(short - long).max() < 1e-4


def test_each_channel_is_restored_as_if_it_were_alone(restorer):
    left, right = voiced(1.5, 0), voiced(1.5, 1)
    both = restorer(np.stack([left, right], axis=1))
    assert np.abs(both - np.stack([restorer(left), restorer(right)], axis=1)).max() < 1e-5


def test_signals_that_are_worked_on_together_do_not_hear_each_other(restorer):
    signals = [voiced(0.5 + 0.3 * i, i) for i in range(5)]
    for together, signal in zip(restorer.many(signals), signals, strict=True):
        assert len(together) == len(signal) and np.abs(together - restorer(signal)).max() < 1e-5


@pytest.mark.skipif(
    "RETIMBRE_AUDIO" not in os.environ, reason="RETIMBRE_AUDIO names no folder of real speech"
)
def test_the_loudness_of_clean_speech_is_kept(restorer):

    for speaker in sorted((Path(os.environ["RETIMBRE_AUDIO"]) / "speech").iterdir()):
        speech = files.read(files.find(speaker)[0], RATE)
        assert abs(loudness_lufs(restorer(speech), RATE) - loudness_lufs(speech, RATE)) < 0.5


def test_bad_files_are_named_and_the_rest_goes_on(restorer, tmp_path):
    reasons = odd_and_bad_speech(tmp_path / "in")
    todo = recordings.find_jobs(tmp_path / "in", tmp_path / "out")
    outcomes = {
        os.path.basename(outcome.source): outcome
        for outcome in recordings.restore_jobs(todo, restorer)
    }
    for name, reason in reasons.items():
        bad = reason in ("not readable", "lost sync", "NaN")
        assert bool(outcomes[name].problem) == bad, (name, outcomes[name].problem)
        assert (tmp_path / "out" / "odd" / name).exists() != bad
        assert not bad or name in outcomes[name].problem
    assert not list((tmp_path / "out").rglob("*.part"))


def test_an_output_that_exists_is_left_unless_it_is_asked_for(restorer, tmp_path):
    source = write(tmp_path / "in.wav", voiced(0.5, 0))
    target = write(tmp_path / "out.wav", voiced(0.5, 1))
    before = target.read_bytes()
    (outcome,) = recordings.restore_jobs([Job(source, target)], restorer)
    assert (
        "out.wav: exists, and is only replaced" in outcome.problem and target.read_bytes() == before
    )
    (outcome,) = recordings.restore_jobs([Job(source, target)], restorer, overwrite=True)
    assert not outcome.problem and target.read_bytes() != before
    (outcome,) = recordings.restore_jobs([Job(source, source)], restorer, overwrite=True)
    assert "is the source itself" in outcome.problem


@pytest.mark.parametrize(
    "change, message",
    [
        ({"target": "x.xyz"}, "x.xyz: no format that can be written"),
        ({"noisy": "short.wav"}, "short.wav: 48000 Hz, 1 channels, 4800 samples; expected"),
        ({"source": "empty.wav"}, "empty.wav: holds no samples"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(tmp_path, change, message):
    write(tmp_path / "in.wav", voiced(1.0, 0))
    write(tmp_path / "short.wav", voiced(0.1, 0))
    write(tmp_path / "empty.wav", np.zeros(0))
    job = Job(
        **(
            {"source": tmp_path / "in.wav", "target": tmp_path / "o.wav"}
            | {k: tmp_path / v for k, v in change.items()}
        )
    )
    (outcome,) = recordings.restore_jobs(
        [job], SimpleNamespace()
    )  # no restorer is needed to refuse
    assert message in outcome.problem


def test_what_was_enhanced_elsewhere_is_restored_as_in_the_chain(restorer, tmp_path):

    noisy = 3 * voiced(2.0, 0) + 0.02 * np.random.default_rng(0).standard_normal(2 * RATE).astype(
        np.float32
    )
    for name, signal in {"noisy": noisy, "enhanced": enhance(noisy)}.items():
        write(tmp_path / f"{name}.wav", signal, subtype="FLOAT")
    job = Job(tmp_path / "enhanced.wav", tmp_path / "out.wav", tmp_path / "noisy.wav")
    (outcome,) = recordings.restore_jobs([job], restorer, already_enhanced=True)
    made, _ = soundfile.read(job.target, dtype="float32")
    assert not outcome.problem and np.abs(made - restorer(noisy)).max() < 1e-4
    (outcome,) = recordings.restore_jobs(
        [job._replace(noisy=None)], restorer, already_enhanced=True, overwrite=True
    )
    assert not outcome.problem


def test_samples_beyond_full_scale_are_clipped_and_counted(restorer, tmp_path):
    loud = 20 * voiced(1.0, 0)
    source = write(tmp_path / "in.wav", loud, subtype="FLOAT")
    (outcome,) = recordings.restore_jobs([Job(source, tmp_path / "out.flac")], restorer, mix=0.0)
    made, _ = soundfile.read(tmp_path / "out.flac")
    np.testing.assert_allclose(made, loud.clip(-1, 1), atol=2**-14)
    n = int((np.abs(loud) > 1).sum())
    assert n > 0 and f"{n} samples were beyond full scale" in recordings.report([outcome])
    (kept,) = recordings.restore_jobs([Job(source, tmp_path / "out.wav")], restorer, mix=0.0)
    np.testing.assert_array_equal(soundfile.read(tmp_path / "out.wav", dtype="float32")[0], loud)
    assert kept.n_clipped == 0


def test_the_command_restores_a_folder_and_its_status_tells(tmp_path):
    write(tmp_path / "in" / "a" / "one.wav", voiced(0.5, 0), subtype="PCM_24")
    (tmp_path / "in" / "two.wav").write_text("no audio")
    done = command(tmp_path / "in", tmp_path / "out", text=True)
    assert done.returncode == 1 and "1 of 2 restored" in done.stdout
    assert "not restored:" in done.stdout and "two.wav: not readable as audio" in done.stdout
    assert soundfile.info(tmp_path / "out" / "a" / "one.wav").subtype == "PCM_24"


@pytest.mark.parametrize(
    "words, status, message",
    [
        (["one.wav", "one.flac"], 0, "1 of 1 restored"),
        (["none.wav", "x.wav"], "none.wav: no such file or folder", ""),
        (["one.wav"], 2, "expected either a source and a target"),
        (["one.wav", "x.wav", "--mix", "2"], 2, "--mix 2.0: expected 0 to 1"),
        (["one.wav", "x.wav", "--noisy", "one.wav"], 2, "--noisy goes with --already-enhanced"),
        (["--export", "one.wav"], 2, "one.wav: exists; --overwrite replaces it"),
        (["one.wav", "x.wav", "--run", "0123"], "0123: no such run", ""),
    ],
)
def test_the_status_tells_how_it_went(tmp_path, monkeypatch, capsys, words, status, message):
    write(tmp_path / "one.wav", voiced(0.5, 0))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["restore", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert str(ended.value).startswith(str(status)) or ended.value.code == status
    assert message in "".join(capsys.readouterr())
    assert not (tmp_path / "x.wav").exists()


def test_raw_samples_stream_through_the_command(restorer):
    data = np.rint(3 * voiced(1.0, 0)[:, None] * [2**15, 2**14]).astype("<i2")  # two channels
    done = command("--stream", "--channels", 2, input=data.tobytes())
    assert done.returncode == 0 and b"50.0 ms late" in done.stderr
    made, delay = np.frombuffer(done.stdout, "<i2").reshape(-1, 2) / 2**15, restorer.stream().delay
    assert len(made) == len(data) + delay
    assert np.abs(made[delay:] - restorer(data / 2**15)).max() < 1e-4 + 2**-15


@pytest.mark.parametrize("encoding, kind, full_scale", [("f32", "<f4", 1), ("s32", "<i4", 2**31)])
def test_other_raw_samples_go_in_and_out_as_they_are(
    restorer, monkeypatch, encoding, kind, full_scale
):
    signal = (3 * voiced(0.5, 0) * full_scale).astype(kind)
    there = SimpleNamespace(
        buffer=io.BufferedReader(io.BytesIO(signal.tobytes() + b"x"))
    )  # half a sample at the end
    back = SimpleNamespace(buffer=io.BytesIO())
    monkeypatch.setattr(sys, "stdin", there)
    monkeypatch.setattr(sys, "stdout", back)
    stream_pcm(restorer, encoding, channels=1)
    made = np.frombuffer(back.buffer.getvalue(), kind).astype(np.float64) / full_scale
    expected = restorer(signal.astype(np.float32) / full_scale)
    assert np.abs(made[restorer.stream().delay :] - expected).max() < 1e-4
