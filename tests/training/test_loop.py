"""Training: one batch is learned by heart, a resumed run equals an uninterrupted one, the GAN starts when it should."""

import copy
import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from signals import good_sources

from lib import REPO, RUNS
from lib.audio import files
from lib.config.base import build
from lib.config.prepare import Prepare
from lib.config.train import Train
from lib.corpus import plan, sources
from lib.corpus.manifest import corpus_folder, load_pair, usable_rows
from lib.corpus.render import render
from lib.data.loader import collate_keep_meta
from lib.data.segments import PairSegments
from lib.deepfilter.enhance import enhance
from lib.deepfilter.model import DELAY
from lib.inference.restorer import load_generator, restore_signal
from lib.losses.reconstruction import TERMS
from lib.metrics import registry
from lib.runtime.threads import choose_device
from lib.tracking import store
from lib.training import checkpoints
from lib.training.batches import (
    LEAD_IN_LENGTH,
    enhance_mixtures,
    fresh_mixtures,
    to_batch,
    training_item,
)
from lib.training.learner import Learner
from lib.training.loop import train
from lib.training.schedule import LAST_LR
from lib.training.spikes import read_spikes
from lib.training.validation import Validation

SMALL = {
    "corpus": "train", "channels": 6, "batch_size": 4, "segment_length": 9_600, "n_samples_logged": 1, "device": "cpu",
    "n_valid_scored": 2,
}  # fmt: skip
RESUMED = {
    "epochs": 3,
    "gan_start_epoch": 2,
    "batch_size": 1,
    "accumulate": 2,
    "checkpoint_steps": 2,
}


class Recorder:
    """What a run records, kept in memory: the interface that `lib.tracking.session` has."""

    def __init__(self):
        self.values, self.files, self.last_step = [], [], -1

    def metrics(self, values, step):
        self.values.append((step, values))

    def file(self, path, folder=""):
        assert path.exists()
        self.files.append(f"{folder}/{path.name}")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    root = good_sources(tmp_path_factory.mktemp("sources"))
    p = build(
        Prepare, {"corpus": "train", "items_per_utterance": 1, "p_reverb": 0, "n_processes": 1}
    )
    folders = sources.choose(root / "speech", root / "noise", root / "rooms")
    manifest = render("train", plan.draw(p, folders), folders)
    return corpus_folder("train"), {
        split: usable_rows(manifest, split) for split in ("train", "valid")
    }


def settings(**given):
    return build(Train, SMALL | given)


def run(p, corpus, out):
    recorder = Recorder()
    return train(p, corpus[1], out, recorder, {"corpus": "train"}), recorder


def weights(out):
    return torch.load(out / "last.pt", weights_only=True)["learner"]


def same(first, second):
    for name in ("generator", "average", "discriminators"):
        for key, value in first[name].items():
            torch.testing.assert_close(
                value, second[name][key], rtol=0, atol=0, msg=f"{name} {key}"
            )


class Killed(BaseException):
    """As abrupt as a signal: nothing in the training catches it."""


def cut_short(p, corpus, out, step, monkeypatch):
    """Train until optimiser step `step` has been taken, and die before anything is said of it."""
    taken = count()

    def one(self, *args, original=Learner.step):
        result = original(self, *args)
        if next(taken) + 1 == step:
            raise Killed
        return result

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Learner, "step", one)
        run(p, corpus, out)


def timeless(history):
    return history[[name for name in history if not name.startswith(("time/", "memory/"))]]


@pytest.fixture(scope="module")
def whole(corpus, tmp_path_factory):
    """An uninterrupted training of 3 epochs of 5 steps: out, history, recorder."""
    out = tmp_path_factory.mktemp("whole")
    return out, *run(settings(**RESUMED), corpus, out)


@pytest.mark.parametrize("step", [1, 5, 6, 9, 11])
def test_a_killed_run_goes_on_bit_for_bit_from_any_step(whole, corpus, tmp_path, monkeypatch, step):
    """Steps 5 (an epoch's last), 1, 6 and 11 (the first ones), 9 (just after a checkpoint within one)."""
    cut_short(settings(**RESUMED), corpus, tmp_path, step, monkeypatch)
    history, recorder = run(settings(**RESUMED), corpus, tmp_path)
    same(weights(whole[0]), weights(tmp_path))
    assert timeless(history).equals(timeless(whole[1]))
    assert [at for at, _ in recorder.values] == [0, 1, 2, 3]


def test_a_run_killed_time_and_again_goes_on_bit_for_bit(whole, corpus, tmp_path, monkeypatch):
    """Each process dies a few steps on: at step 3, at 5 (from the checkpoint at 2), at 9 (from that at 5)."""
    for step in (3, 3, 4):
        cut_short(settings(**RESUMED), corpus, tmp_path, step, monkeypatch)
    history, _ = run(settings(**RESUMED), corpus, tmp_path)
    same(weights(whole[0]), weights(tmp_path))
    assert timeless(history).equals(timeless(whole[1]))


def test_a_process_that_signals_end_goes_on_bit_for_bit_in_its_own_run(whole, corpus):
    """Ctrl-C, then SIGTERM, then kill -9, each after a step that a checkpoint has reached; then to the end."""
    command = [sys.executable, "-m", "lib.train"]
    environment = os.environ | {"RETIMBRE_RUNS": str(RUNS), "OMP_NUM_THREADS": "1"}
    more = [word for name, value in (SMALL | RESUMED).items() for word in ("-p", name, str(value))]
    statuses = []
    for number, step in ((signal.SIGINT, 2), (signal.SIGTERM, 6), (signal.SIGKILL, 10)):
        began = time.time()
        process = subprocess.Popen(
            [*command, *more], cwd=REPO, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores Ctrl-C
        )  # fmt: skip
        while not (made := written_since(began, step)) and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(number)
        said = process.communicate()[0].decode()
        assert made, said[-3000:]
        run_id, more = made[0].parent.name, ["-p", "resume", made[0].parent.name]
        statuses.append(store.client().get_run(run_id).info.status)
    done = subprocess.run(
        [*command, *more], cwd=REPO, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert statuses[0] == "KILLED"
    same(weights(whole[0]), weights(RUNS / "checkpoints" / run_id))
    assert store.client().get_run(run_id).info.status == "FINISHED"
    history = store.client().get_metric_history(run_id, "valid/lsd_db")
    assert [value.step for value in history] == [0, 1, 2, 3]


def written_since(began: float, step: int) -> list[Path]:
    """The last checkpoints that were written after `began` and have reached `step`."""
    made = [path for path in RUNS.glob("checkpoints/*/last.pt") if path.stat().st_mtime > began]
    return [path for path in made if checkpoints.read_checkpoint(path)["place"]["step"] >= step]


def test_what_is_kept(whole):
    out, _, recorder = whole
    assert {path.name for path in out.glob("*.pt")} == {
        "best.pt",
        "last.pt",
        "previous.pt",
        "before_gan.pt",
    }
    logged = {f"checkpoints/{name}.pt" for name in ("best", "last", "before_gan")}
    assert (
        logged <= set(recorder.files) and recorder.files.count("checkpoints/last.pt") < 4
    )  # not in each epoch
    before = checkpoints.read_checkpoint(out / "before_gan.pt")
    assert before["place"]["epoch"] == 1 and before["params"]["gan_start_epoch"] == 2
    assert {
        "generator",
        "average",
        "discriminators",
        "adam_g",
        "adam_d",
        "schedule",
        "scaler_g",
        "scaler_d",
    } == set(before["learner"])
    assert before["versions"]["torch"] == torch.__version__
    assert [at for at, _ in recorder.values] == [0, 1, 2, 3]
    health = {"train/grad_norm_generator", "train/grad_norm_gru", "train/grad_norm_max", "train/lr", "train/lr_discriminator",
              "train/skipped_steps", "time/waiting_share", "time/recording_share", "time/audio_per_s", "memory/process_mb",
              "valid/score_clean", "valid/score_restored", "valid/clean_above_restored", "valid/si_sdr_db"}  # fmt: skip
    assert health <= set(recorder.values[-1][1])


def test_selection_does_not_jump_when_the_gan_starts(whole):
    """It is a mean of scores, none of which a discriminator has a say in; the GAN's terms are there from the start."""
    history = whole[1]
    names = [f"valid/gap_closed_{name}" for name in registry.SELECTION]
    assert np.allclose(history["valid/gap_closed"], history[names].mean(axis=1))
    for name in ("adversarial", "features", "discriminator"):
        assert np.isfinite(history[f"valid/{name}"]).all()


def test_validation_changes_nothing(whole, corpus):
    learner = Learner(settings(), 1, "cpu")
    before = copy.deepcopy(learner.state_dict())
    Validation(settings(), corpus[1]["valid"], "cpu")(learner.average, learner.discriminators, 0)
    same(before, learner.state_dict())
    assert all(weight.grad is None for weight in learner.discriminators.parameters())


def test_a_broken_checkpoint_is_refused_and_the_one_before_is_offered(whole, corpus, tmp_path):
    shutil.copytree(whole[0], tmp_path / "out")
    last = tmp_path / "out" / "last.pt"
    last.write_bytes(last.read_bytes()[:1000])
    with pytest.raises(
        ValueError,
        match=r"last.pt: not a checkpoint .* The one before it is whole \(epoch 3, step 14\): `mv",
    ):
        run(settings(**RESUMED), corpus, tmp_path / "out")
    (tmp_path / "out" / "previous.pt").replace(last)
    run(settings(**RESUMED), corpus, tmp_path / "out")
    same(weights(whole[0]), weights(tmp_path / "out"))


def test_a_checkpoint_of_other_pairs_is_refused_by_name(whole, corpus, tmp_path):
    shutil.copy(whole[0] / "last.pt", tmp_path)
    with pytest.raises(
        ValueError, match=r"last.pt: trained on {'corpus': 'train'}, expected {'corpus': 'other'}"
    ):
        train(settings(**RESUMED), corpus[1], tmp_path, Recorder(), {"corpus": "other"})


def test_a_resumed_run_without_its_checkpoint_does_not_begin_anew(corpus, tmp_path):
    recorder = Recorder()
    recorder.last_step = 2
    with pytest.raises(ValueError, match=r"last.pt: gone, but the run has epoch 2"):
        train(settings(), corpus[1], tmp_path, recorder, {})


def test_more_epochs_go_on_where_the_schedule_was(whole, corpus, tmp_path):
    shutil.copytree(whole[0], tmp_path / "out")
    history, _ = run(settings(**RESUMED | {"epochs": 4}), corpus, tmp_path / "out")
    assert history.epoch.tolist() == [0, 1, 2, 3, 4]
    saved = checkpoints.read_checkpoint(tmp_path / "out" / "last.pt")
    assert saved["learner"]["schedule"]["position"] == saved["place"]["step"] == 20
    share = LAST_LR + (1 - LAST_LR) * 0.5 * (
        1 + np.cos(np.pi * (20 - 2) / (20 - 2))
    )  # of 20 steps 2 warm up
    assert history["train/lr"].iloc[-1] == pytest.approx(share * settings().lr)


def test_going_back_takes_weights_of_before_the_bad_steps(corpus, tmp_path, monkeypatch):
    """Steps 4 to 6 are bad; a checkpoint is due after each step, but the one that counts is that of step 3."""
    original, bad = Learner.step, count()

    def step(self, *args):
        found = original(self, *args)
        return found._replace(finite=False) if 3 <= next(bad) < 6 else found

    monkeypatch.setattr(Learner, "step", step)
    back = []
    original_load = checkpoints.Checkpoints.load
    monkeypatch.setattr(
        checkpoints.Checkpoints,
        "load",
        lambda self, place: (original_load(self, place), back.append(place.step)),
    )
    history, _ = run(
        settings(
            epochs=1, gan_start_epoch=9, batch_size=1, checkpoint_steps=1, max_nonfinite_steps=3
        ),
        corpus,
        tmp_path,
    )
    assert back == [3] and history.epoch.tolist() == [0, 1]
    saved = checkpoints.read_checkpoint(tmp_path / "last.pt")
    assert saved["place"]["went_back"] and saved["learner"]["schedule"]["factor"] == 0.5


def test_another_network_s_checkpoint_is_refused_by_name(whole, corpus, tmp_path):
    shutil.copy(whole[0] / "last.pt", tmp_path)
    with pytest.raises(ValueError, match=r"last.pt: of another network"):
        run(settings(**RESUMED | {"channels": 8}), corpus, tmp_path)


def test_fine_tuning_begins_with_the_average_of_another_run(whole, corpus, tmp_path):
    p = settings(epochs=0, init_run="latest")
    history = train(p, corpus[1], tmp_path, Recorder(), {}, whole[0] / "best.pt")
    best = whole[1].loc[whole[1]["valid/gap_closed"].idxmax()]
    assert history["valid/lsd_db"][0] == pytest.approx(best["valid/lsd_db"])


def test_a_planted_broken_item_is_found_by_its_path(corpus, tmp_path):
    """One pair at full scale whose clean file is all but silent."""
    rows = corpus[1]["train"].copy()
    rng = np.random.default_rng(0)
    for name, size in (("clean", 1e-3), ("enhanced", 0.9), ("noisy", 0.9)):
        files.write(
            corpus[0] / name / "planted.flac",
            size * rng.uniform(-1, 1, rows.n_samples.iloc[3]),
            48_000,
        )
        rows.iloc[3, rows.columns.get_loc(name)] = f"{name}/planted.flac"
    p = settings(
        epochs=1, gan_start_epoch=9, batch_size=1, grad_norm_threshold=1e-6, lambda_l1=1000.0
    )
    recorder = Recorder()
    train(p, corpus[1] | {"train": rows}, tmp_path, recorder, {})
    found = read_spikes(tmp_path)
    assert len(found) == len(rows) and "/grad_spikes.jsonl" in recorder.files
    worst = found.loc[found.grad_norm.idxmax()]
    assert worst.clean == "clean/planted.flac" and worst.idx == 3 and worst.epoch == 1
    second = found.grad_norm.nlargest(2).iloc[1]
    p = settings(**p.model_dump() | {"grad_norm_threshold": (worst.grad_norm * second) ** 0.5})
    train(p, corpus[1] | {"train": rows}, tmp_path / "threshold", Recorder(), {})
    assert read_spikes(tmp_path / "threshold").clean.tolist() == ["clean/planted.flac"]
    signals = training_item(p, rows, worst.epoch, worst.idx)
    assert np.abs(signals["enhanced"]).max() > 0.5 > 100 * np.abs(signals["clean"]).max()


def test_spikes_after_the_checkpoint_are_not_told_twice(whole, corpus, tmp_path, monkeypatch):
    p = settings(**RESUMED | {"grad_norm_threshold": 1e-6})
    cut_short(p, corpus, tmp_path, 7, monkeypatch)
    run(p, corpus, tmp_path)
    steps = read_spikes(tmp_path).step.drop_duplicates().tolist()
    assert steps == list(range(15))


def test_a_training_that_is_never_finite_goes_back_once_and_then_fails_with_its_items(
    corpus, tmp_path, capsys
):
    p = settings(epochs=2, lambda_l1=1e39, max_nonfinite_steps=3)
    with pytest.raises(
        FloatingPointError,
        match=r"epoch 1: 3 steps in a row were not finite, as before .*grad_spikes.jsonl",
    ):
        run(p, corpus, tmp_path)
    assert (
        "back to the last checkpoint, and on with half the learning rate" in capsys.readouterr().out
    )
    found = read_spikes(tmp_path)
    assert (
        found.step.nunique() == 3
        and found.grad_norm.isna().all()
        and found.id.str.match(r"speaker\d").all()
    )


def test_one_bad_step_is_skipped_counted_and_told(corpus, tmp_path, monkeypatch):
    original = PairSegments.__getitem__

    def broken(self, key):
        enhanced, noisy, clean, meta = original(self, key)
        return enhanced, noisy, clean * (torch.nan if key == (1, 3) else 1), meta

    monkeypatch.setattr(PairSegments, "__getitem__", broken)
    history, _ = run(settings(epochs=2, batch_size=1), corpus, tmp_path)
    assert history["train/skipped_steps"].tolist()[1:] == [1, 0] and np.isfinite(
        history["train/l1"][1]
    )
    assert read_spikes(tmp_path).idx.tolist() == [3]


def test_the_discriminators_join_in_gan_start_epoch(corpus, tmp_path):
    history, _ = run(settings(epochs=2, gan_start_epoch=2), corpus, tmp_path / "joins")
    assert history["train/adversarial"].isna().tolist() == [True, True, False]
    assert history["valid/adversarial"].notna().all()  # measured before, too
    before, after = (
        run(settings(epochs=e, gan_start_epoch=2), corpus, tmp_path / f"{e}")
        and weights(tmp_path / f"{e}")
        for e in (0, 1)
    )
    for key, value in before["discriminators"].items():
        assert torch.equal(
            value, after["discriminators"][key]
        )  # untouched while the generator trains alone
    assert any(
        not torch.equal(value, after["generator"][key])
        for key, value in before["generator"].items()
    )


def test_no_epoch_only_validates_and_leaves_the_enhanced_signal(corpus, tmp_path):
    history, _ = run(settings(epochs=0), corpus, tmp_path)
    assert list(history.epoch) == [0] and abs(history["valid/gap_closed"][0]) < 0.01
    row = next(corpus[1]["valid"].itertuples(index=False))
    signals = load_pair("train", row)
    generator = load_generator(tmp_path / "best.pt")
    restored = restore_signal(generator, signals["enhanced"], signals["noisy"])
    assert restored.shape == signals["enhanced"].shape
    error = np.mean((restored - signals["enhanced"]) ** 2) / np.mean(signals["enhanced"] ** 2)
    assert 10 * np.log10(error) < -40


def test_one_batch_is_learned_by_heart(corpus):
    torch.manual_seed(0)
    segments = PairSegments(corpus[0], corpus[1]["train"], 9_600, seed=0)
    enhanced, noisy, clean, metas = collate_keep_meta([segments[(1, index)] for index in range(4)])
    learner = Learner(settings(lr=3e-3, lr_schedule="constant", lambda_l1=0.0), 60, "cpu")
    batch = to_batch(settings(), (enhanced, noisy, clean, metas), "cpu")
    seen = [learner.step([batch])[0]["spectral"] for _ in range(60)]
    assert seen[-1] < 0.7 * seen[0]


def test_best_is_the_epoch_with_the_highest_gap_closed(corpus, tmp_path):
    history, _ = run(settings(epochs=2, gan_start_epoch=9), corpus, tmp_path)
    best = torch.load(tmp_path / "best.pt", weights_only=True)
    assert best["place"]["epoch"] == history.epoch[history["valid/gap_closed"].idxmax()]
    assert history["best/gap_closed"].iloc[-1] == history["valid/gap_closed"].max()


def test_cuda_is_refused_where_there_is_none():
    if torch.cuda.is_available():
        assert choose_device("auto") == "cuda"
    else:
        assert choose_device("auto") == "cpu"
        with pytest.raises(ValueError, match="no CUDA device"):
            choose_device("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_training_runs_on_cuda(corpus, tmp_path):
    history, _ = run(settings(epochs=2, gan_start_epoch=2, device="cuda"), corpus, tmp_path)
    assert np.isfinite(history["valid/gap_closed"]).all()


def test_what_is_no_checkpoint_is_refused_by_name(tmp_path):
    (tmp_path / "text.pt").write_text("no checkpoint")
    torch.save({"generator": {}}, tmp_path / "foreign.pt")
    for name in ("text.pt", "foreign.pt", "missing.pt"):
        with pytest.raises(ValueError, match=f"{name}: not a checkpoint"):
            load_generator(tmp_path / name)


def test_mixing_on_the_fly_hears_what_deepfilternet3_makes_of_the_whole(corpus):
    dataset = fresh_mixtures(settings(on_the_fly=True), corpus[1]["train"])
    assert len(dataset) == len(set(corpus[1]["train"].clean_path))
    items = [dataset[1, index] for index in range(3)]
    enhanced, noisy, clean, metas = enhance_mixtures(collate_keep_meta(items), 9_600, "cpu")
    assert enhanced.shape == noisy.shape == clean.shape == (3, 1, 9_600)
    for i, (mixed, target, _, _) in enumerate(items):
        whole = enhance(mixed[0].numpy())
        segment = slice(LEAD_IN_LENGTH, LEAD_IN_LENGTH + metas[i]["n_samples"])
        n = (
            metas[i]["n_samples"] - DELAY
        )  # at its end the padded mixture and the mirrored one differ
        np.testing.assert_allclose(enhanced[i, 0, :n], whole[segment][:n], atol=2e-3)
        assert torch.equal(clean[i, 0, : metas[i]["n_samples"]], target[0, segment])
        assert metas[i]["bandwidth_hz"] > 10_000 and metas[i]["id"] == metas[i]["clean_path"]


def test_mixing_on_the_fly_trains_the_same_twice(corpus, tmp_path):
    whole, _ = run(
        settings(epochs=2, gan_start_epoch=9, on_the_fly=True), corpus, tmp_path / "whole"
    )
    assert np.isfinite(whole["train/spectral"][1:]).all() and whole["train/l1"].nunique() == 2
    run(settings(epochs=2, gan_start_epoch=9, on_the_fly=True), corpus, tmp_path / "again")
    same(weights(tmp_path / "whole"), weights(tmp_path / "again"))


def test_mixing_on_the_fly_without_its_sources_is_refused_by_name(corpus, monkeypatch):
    rows = corpus[1]["train"].assign(clean_path="speaker0/gone.wav")
    with pytest.raises(ValueError, match=r"on_the_fly: .*gone.wav is gone, one of 1 files"):
        fresh_mixtures(settings(on_the_fly=True), rows)
    with pytest.raises(ValueError, match=r"on_the_fly: no utterance of train has \d+ samples"):
        fresh_mixtures(settings(on_the_fly=True, segment_length=480_000), corpus[1]["train"])


def test_every_term_architecture_and_judge_can_be_chosen(corpus, tmp_path):
    given = {
        "architecture": "waveform",
        "hidden": 16,
        "discriminators": ["stft"],
        "high_band_weight": 2.0,
        "lambda_l1": 0.0,
    }
    weights = {"lambda_complex": 20.0, "lambda_mel": 0.5, "lambda_over_attenuation": 0.5}
    history, _ = run(settings(epochs=1, gan_start_epoch=1, **given, **weights), corpus, tmp_path)
    trained = {
        name.removeprefix("train/")
        for name in history
        if name.startswith("train/") and history[name].notna().any()
    }
    assert {
        "spectral",
        "complex",
        "mel",
        "over_attenuation",
        "adversarial",
        "features",
    } <= trained and "l1" not in trained
    assert all(np.isfinite(history[f"valid/{name}"]).all() for name in TERMS)
    assert type(load_generator(tmp_path / "best.pt")).__name__ == "Waveform"
