"""The shipped weights: small, in float16, with their origin.

As stored they restore what their checkpoint restores.
"""

import os
import random
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from signals import file_size_limit

from lib.audio import files
from lib.audio.bandwidth import bandwidth_hz
from lib.config.base import build
from lib.config.train import Train
from lib.corpus import mix
from lib.deepfilter.enhance import enhance
from lib.inference.restorer import load_generator, restore_signal
from lib.metrics.lsd import lsd_db
from lib.models.content import content_hash
from lib.models.pretrained import WEIGHTS, load_weights, weights_info
from lib.tracking import session
from lib.training import release
from lib.training.checkpoints import Checkpoints
from lib.training.learner import Learner
from lib.training.release import MAX_BYTES, main, write_weights
from lib.training.state import TrainState


@pytest.fixture
def checkpoint(tmp_path):
    p = build(Train, {"channels": 8, "hidden": 32, "device": "cpu"})
    learner = Learner(p, 1, "cpu")
    with torch.no_grad():
        learner.average.head.weight.mul_(1_000)
    checkpoints = Checkpoints(p, tmp_path, None, {"manifest_sha256": "abc"}, learner)
    checkpoints.save(TrainState(epoch=7), ["best.pt"])
    return tmp_path / "best.pt", learner


def test_stored_weights_restore_what_the_checkpoint_restores_to_16_bits(checkpoint, tmp_path):
    path = write_weights(checkpoint[0], tmp_path / "small.safetensors", run="r1")
    rng = np.random.default_rng(0)
    enhanced, noisy = (0.1 * rng.standard_normal((2, 9_600))).astype(np.float32)
    outputs = [
        restore_signal(load_generator(file), enhanced, noisy) for file in (checkpoint[0], path)
    ]
    difference = np.sum((outputs[0] - outputs[1]) ** 2)
    assert 0 < difference < 1e-5 * np.sum(outputs[0] ** 2)
    assert np.abs(outputs[0] - enhanced).max() > 1e-3


def test_the_file_says_what_made_it(checkpoint, tmp_path):
    path = write_weights(checkpoint[0], tmp_path / "small.safetensors", run="r1")
    about = weights_info(path)
    assert about["params"]["channels"] == 8 and about["origin"]["run"] == "r1"
    assert about["origin"]["epoch"] == 7 and about["origin"]["manifest_sha256"] == "abc"
    with safe_open(path, "pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}


def test_the_file_has_a_hash_of_its_weights(checkpoint, tmp_path):
    path = write_weights(checkpoint[0], tmp_path / "small.safetensors")
    with safe_open(path, "pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}
        assert file.metadata()["sha256"] == content_hash(weights)
    content = bytearray(path.read_bytes())
    content[-100] ^= 0x40
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"small\.safetensors: is damaged"):
        load_generator(path)


def test_a_full_disk_leaves_the_former_weights(checkpoint, tmp_path):
    path = tmp_path / "small.safetensors"
    path.write_bytes(b"former")
    with pytest.raises(OSError, match="File too large"), file_size_limit(10_000):
        write_weights(checkpoint[0], path)
    assert path.read_bytes() == b"former"


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda saved: saved["learner"]["average"]["head.weight"].fill_(torch.nan), "is NaN"),
        (lambda saved: saved["learner"]["average"].pop("head.weight"), "of another network"),
        (lambda saved: saved["learner"].pop("average"), r"not a checkpoint .*\(KeyError\)"),
        (lambda saved: saved["params"].pop("channels"), "its parameters describe no generator"),
        (lambda saved: saved.update(learner=3), r"not a checkpoint .*\(AttributeError\)"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_by_its_name(checkpoint, change, message):
    saved = torch.load(checkpoint[0], weights_only=True)
    change(saved)
    torch.save(saved, checkpoint[0])
    with pytest.raises(ValueError, match=rf"best\.pt: .*{message}"):
        load_generator(checkpoint[0])


def test_a_checkpoint_with_a_flipped_bit_is_refused_or_loads_the_same(checkpoint):
    path = checkpoint[0]
    expected = content_hash(load_generator(path).state_dict())
    content, rng = path.read_bytes(), random.Random(0)
    n_refused = 0
    for _ in range(40):
        broken = bytearray(content)
        broken[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(broken)
        try:
            assert content_hash(load_generator(path).state_dict()) == expected
        except ValueError as error:
            assert str(path) in str(error)
            n_refused += 1
    assert n_refused > 30


def test_the_command_stores_the_checkpoint_of_a_run_that_it_is_given(
    checkpoint, tmp_path, monkeypatch, capsys
):
    run, _ = session.start("train", Train, {"channels": 8, "hidden": 32})
    (tmp_path / "last.pt").write_bytes(checkpoint[0].read_bytes())
    run.file(tmp_path / "last.pt", "checkpoints")
    run.finish()
    monkeypatch.setattr(release, "WEIGHTS", tmp_path / "stored.safetensors")
    monkeypatch.setattr(sys, "argv", ["release", run.id, "--checkpoint", "last"])
    main()
    assert f"epoch 7 of run {run.id}" in capsys.readouterr().out
    assert weights_info(tmp_path / "stored.safetensors")["origin"]["kept_as"] == "last"


def test_the_command_says_in_a_line_that_there_is_no_such_run(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["release", "nobody"])
    with pytest.raises(SystemExit, match=r"^nobody: no such run in .*, expected latest, best or"):
        main()


def test_weights_that_are_too_large_and_other_files_are_refused(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(release, "MAX_BYTES", 1_000)
    with pytest.raises(ValueError, match=r"best.pt: 0.\d MB as float16, expected at most 0 MB"):
        write_weights(checkpoint[0], tmp_path / "x.safetensors")
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(ValueError, match=r"text.safetensors: no weights of this project"):
        load_generator(tmp_path / "text.safetensors")


def test_a_weight_beyond_float16_is_named(checkpoint, tmp_path):
    saved = torch.load(checkpoint[0], weights_only=True)
    saved["learner"]["average"]["head.bias"][0] = 1e6
    torch.save(saved, tmp_path / "large.pt")
    with pytest.raises(ValueError, match=r"large.pt: head.bias does not fit into float16"):
        write_weights(tmp_path / "large.pt", tmp_path / "x.safetensors")


def test_the_shipped_weights_are_light_and_say_what_made_them():
    generator, about = load_weights(), weights_info()
    assert sum(weight.numel() for weight in generator.parameters()) <= 2_000_000
    assert WEIGHTS.stat().st_size <= MAX_BYTES
    assert {"run", "git_commit", "manifest_sha256", "df_weights_sha256", "versions"} <= set(
        about["origin"]
    )
    assert generator.n_inputs == 2 and generator.delay <= 480


def test_the_shipped_weights_leave_silence_silent():
    restored = restore_signal(load_weights(), *np.zeros((2, 48_000), np.float32))
    assert np.abs(restored).max() < 1e-4


@pytest.mark.skipif(
    "RETIMBRE_AUDIO" not in os.environ, reason="RETIMBRE_AUDIO names no real recordings"
)
def test_the_shipped_weights_bring_spectra_of_a_voice_they_never_heard_nearer_to_clean():
    root = Path(os.environ["RETIMBRE_AUDIO"])
    speech, noise = (
        files.find(root / "speech" / "nathalie")[:4],
        files.read(root / "noise" / "boat.ogg", 48_000),
    )
    generator, gains = load_weights(), []
    for path in speech:
        clean = files.read(path, 48_000)
        mixture = mix.mix(clean, noise[: len(clean)], 10.0, 0.9)
        enhanced = enhance(mixture.noisy)
        restored = restore_signal(generator, enhanced, mixture.noisy)
        limits = 48_000, bandwidth_hz(clean, 48_000)
        distances = [lsd_db(signal, mixture.clean, *limits) for signal in (restored, enhanced)]
        gains.append(distances[0] / distances[1])
    assert np.mean(gains) < 0.96
