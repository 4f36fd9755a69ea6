"""Training: a resumed run equals an uninterrupted one, the GAN starts when it should."""

import shutil

import numpy as np
import pytest
import torch
from training.trainings import (
    RESUMED,
    Recorder,
    assert_same_history,
    assert_same_networks,
    cut_short,
    run,
    saved_learner,
    settings,
)

from lib.corpus.manifest import load_pair
from lib.data.segments import PairSegments
from lib.inference.restorer import load_generator, restore_signal
from lib.losses.reconstruction import TERMS
from lib.training.checkpoints import read_checkpoint
from lib.training.loop import remaining_epochs, train
from lib.training.schedule import LAST_SHARE
from lib.training.spikes import read_spikes
from lib.training.state import TrainState
from lib.training.validation import SCORES


@pytest.mark.parametrize("step", [1, 5, 6, 9, 11])
def test_a_killed_run_goes_on_bit_for_bit_from_any_step(whole, rows, tmp_path, monkeypatch, step):
    """Steps 5 (an epoch's last), 1, 6, 11 (the first ones), 9 (just after a checkpoint)."""
    cut_short(settings(**RESUMED), rows, tmp_path, step, monkeypatch)
    history, recorder = run(settings(**RESUMED), rows, tmp_path)
    assert_same_networks(saved_learner(whole[0]), saved_learner(tmp_path))
    assert_same_history(history, whole[1])
    assert [at for at, _ in recorder.values] == [0, 1, 2, 3]


def test_a_run_killed_time_and_again_goes_on_bit_for_bit(whole, rows, tmp_path, monkeypatch):
    """Each dies a few steps on: at step 3, at 5 (from the checkpoint at 2), at 9 (from 5)."""
    for step in (3, 3, 4):
        cut_short(settings(**RESUMED), rows, tmp_path, step, monkeypatch)
    history, _ = run(settings(**RESUMED), rows, tmp_path)
    assert_same_networks(saved_learner(whole[0]), saved_learner(tmp_path))
    assert_same_history(history, whole[1])


def test_fewer_epochs_than_the_run_has_are_refused(whole, rows):
    with pytest.raises(ValueError, match="epochs = 2, but the run has 3 already: give more"):
        run(settings(**RESUMED | {"epochs": 2}), rows, whole[0])


def test_epochs_to_come_begin_with_one_that_is_under_way():
    state = TrainState(epoch=2, n_batches=3)
    epochs = remaining_epochs(state, 3)
    assert next(epochs) == 2
    state.n_batches = 0
    assert list(epochs) == [3]


def test_each_epoch_records_losses_norms_times_and_verdicts(whole):
    values = whole[2].values
    assert [step for step, _ in values] == [0, 1, 2, 3]
    train_names = (
        "grad_norm_generator grad_norm_gru grad_norm_max lr lr_discriminator skipped_steps"
    )
    valid_names = "score_clean score_restored clean_above_restored selection"
    assert set(SCORES) > {"pesq", "lsd_db", "mcd_db", "si_sdr_db", "pause_level_db"}
    expected = {f"train/{name}" for name in train_names.split()}
    expected |= {f"valid/{name}" for name in (*valid_names.split(), *SCORES)}
    expected |= {"time/waiting_share", "time/recording_share", "time/audio_per_s"}
    expected |= {"time/validation_share", "best/selection", "best/epoch"}
    assert expected | {"memory/process_mb"} <= set(values[-1][1])


def test_a_resumed_run_without_its_checkpoint_does_not_begin_anew(rows, tmp_path):
    with pytest.raises(ValueError, match=r"last.pt: gone, but the run has epoch 2"):
        train(settings(), rows, tmp_path, Recorder(last_step=2), {})


def test_more_epochs_go_on_where_the_schedule_was(whole, rows, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(whole[0], out)
    history, _ = run(settings(**RESUMED | {"epochs": 4}), rows, out)
    assert history.epoch.tolist() == [0, 1, 2, 3, 4]
    saved = read_checkpoint(out / "last.pt")
    assert saved["learner"]["schedule"]["position"] == saved["state"]["step"] == 20
    # At the end of a cosine
    assert history["train/lr"].iloc[-1] == pytest.approx(LAST_SHARE * settings().lr)


def test_fine_tuning_begins_with_the_average_of_another_run(whole, rows, tmp_path):
    p = settings(epochs=0, init_run="latest")
    history = train(p, rows, tmp_path, Recorder(), {}, whole[0] / "best.pt")
    best = whole[1].loc[whole[1]["valid/selection"].idxmax()]
    assert history["valid/lsd_db"][0] == pytest.approx(best["valid/lsd_db"])


def test_a_training_that_is_never_finite_goes_back_once_and_then_fails_with_its_items(
    rows, tmp_path, capsys
):
    p = settings(epochs=2, lambda_l1=1e39, max_nonfinite_steps=3)
    message = r"epoch 1: 3 steps in a row were not finite, as before .*grad_spikes.jsonl"
    with pytest.raises(FloatingPointError, match=message):
        run(p, rows, tmp_path)
    told = "back to the last checkpoint, and on with half the learning rate"
    assert told in capsys.readouterr().out
    spikes = read_spikes(tmp_path)
    assert spikes.step.nunique() == 3 and spikes.grad_norm.isna().all()
    assert spikes.id.str.match(r"speaker\d").all()


def test_one_bad_step_is_skipped_counted_and_told(rows, tmp_path, monkeypatch):
    original = PairSegments.__getitem__

    def broken(self, key):
        enhanced, noisy, clean, meta = original(self, key)
        return enhanced, noisy, clean * (torch.nan if key == (1, 3) else 1), meta

    monkeypatch.setattr(PairSegments, "__getitem__", broken)
    history, _ = run(settings(epochs=2, batch_size=1), rows, tmp_path)
    assert history["train/skipped_steps"].tolist()[1:] == [1, 0]
    assert np.isfinite(history["train/bins"][1])
    assert read_spikes(tmp_path).idx.tolist() == [3]


def test_the_discriminators_join_in_gan_start_epoch(rows, tmp_path):
    history, _ = run(settings(epochs=2, gan_start_epoch=2), rows, tmp_path / "joins")
    assert history["train/adversarial"].isna().tolist() == [True, True, False]
    assert history["valid/loss_adversarial"].notna().all()
    given = settings(epochs=2, gan_start_epoch=1, gan_warmup_epochs=1)
    history, _ = run(given, rows, tmp_path / "warms up")
    assert history["train/discriminator"].isna().tolist() == [True, False, False]
    assert history["train/adversarial"].isna().tolist() == [True, True, False]
    saved = []
    for epochs in (0, 1):
        run(settings(epochs=epochs, gan_start_epoch=2), rows, tmp_path / f"{epochs}")
        saved.append(saved_learner(tmp_path / f"{epochs}"))
    before, after = saved
    for key, value in before["discriminators"].items():
        assert torch.equal(value, after["discriminators"][key])
    generator = after["generator"]
    assert any(not torch.equal(x, generator[key]) for key, x in before["generator"].items())


def test_no_epoch_only_validates_and_leaves_the_enhanced_signal(rows, tmp_path):
    history, _ = run(settings(epochs=0), rows, tmp_path)
    assert list(history.epoch) == [0] and abs(history["valid/selection"][0]) < 0.1
    pair = load_pair("train", next(rows["valid"].itertuples(index=False)))
    enhanced = pair["enhanced"]
    restored = restore_signal(load_generator(tmp_path / "best.pt"), enhanced, pair["noisy"])
    assert restored.shape == enhanced.shape
    error = np.mean((restored - enhanced) ** 2) / np.mean(enhanced**2)
    assert 10 * np.log10(error) < -40


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_training_runs_on_cuda(rows, tmp_path):
    history, _ = run(settings(epochs=2, gan_start_epoch=2, device="cuda"), rows, tmp_path)
    assert np.isfinite(history["valid/selection"]).all()


def test_every_term_architecture_and_kind_of_discriminator_can_be_chosen(rows, tmp_path):
    p = settings(
        epochs=1,
        gan_start_epoch=1,
        architecture="waveform",
        hidden=16,
        discriminators=["stft"],
        high_band_weight=2.0,
        lambda_l1=0.0,
        lambda_spectral=1.0,
        lambda_complex=20.0,
        lambda_mel=0.5,
        lambda_pesq=1.0,
        lambda_over_attenuation=0.5,
        lambda_dominant=1.0,
        lambda_overshoot=1.0,
        lambda_bands=1.0,
        lambda_dnsmos=1.0,
        lambda_dnsmos_features=1.0,
    )
    history, _ = run(p, rows, tmp_path)
    last = history.iloc[-1].dropna()
    trained = {name.removeprefix("train/") for name in last.index if name.startswith("train/")}
    assert {*TERMS, "adversarial", "features"} - {"l1"} <= trained and "l1" not in trained
    assert all(np.isfinite(history[f"valid/loss_{name}"]).all() for name in TERMS)
    assert type(load_generator(tmp_path / "best.pt")).__name__ == "Waveform"
