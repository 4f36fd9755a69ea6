"""Validation: it changes nothing, and its record keeps loss terms and scores apart."""

import copy
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from training.trainings import assert_same_networks, settings, small_learner

from lib.losses.reconstruction import TERMS
from lib.metrics import registry
from lib.training import validation
from lib.training.validation import HARM, Validation, discriminate, judges, selection


def test_validation_changes_nothing(rows):
    learner = small_learner()
    before = copy.deepcopy(learner.state_dict())
    Validation(settings(), rows["valid"], "cpu")(learner.average, learner.discriminators, 0)
    assert_same_networks(before, learner.state_dict())
    assert all(weight.grad is None for weight in learner.discriminators.parameters())
    assert learner.discriminators.training


def test_the_loss_term_pesq_and_the_score_pesq_have_a_name_each(whole):
    last = whole[1].iloc[-1]
    assert last["valid/loss_pesq"] >= 0 and 1 <= last["valid/pesq"] <= 4.65
    # DNSMOS is worked out for trainings that use it.
    terms = {f"valid/loss_{name}" for name in TERMS if "dnsmos" not in name}
    assert terms <= set(whole[1])
    assert not {f"valid/{name}" for name in TERMS} & (set(whole[1]) - {"valid/pesq"})


def test_selection_is_the_mean_gain_of_the_judges_alone_or_the_harm_that_one_hears(whole):
    """No discriminator has a say in it, nor PESQ, LSD or MCD."""
    history = whole[1]
    names = [f"valid/gain_{name}" for name in registry.SELECTION]
    gains = history[names]
    lowest = gains.min(axis=1)
    assert np.allclose(history["valid/selection"], gains.mean(axis=1).where(lowest >= HARM, lowest))
    assert {name for name in history if name.startswith("valid/gain_")} == set(names)


def test_a_judge_that_is_a_loss_term_has_no_say():
    p = settings()
    assert judges(p) == list(registry.SELECTION)
    trained = SimpleNamespace(lambda_visqol=0.0, lambda_distillmos=1.0)
    assert judges(trained) == ["visqol", "speaker_similarity"]


def test_the_gan_s_terms_are_measured_before_it_starts(whole):
    for name in ("adversarial", "features", "discriminator"):
        assert np.isfinite(whole[1][f"valid/loss_{name}"]).all()


def test_many_items_are_scored_in_as_many_processes_as_asked_for(rows, monkeypatch):
    asked = []

    def score_all(jobs, sample_rate, n_processes, names, use_cache):
        asked.append(n_processes)
        return [dict.fromkeys(names, 1.0) for _ in jobs]

    monkeypatch.setattr(validation, "score_all", score_all)
    learner = small_learner()
    many = pd.concat([rows["valid"]] * 5, ignore_index=True).head(5)
    for n_scored in (2, 5):
        validate = Validation(
            settings(n_valid_scored=n_scored),
            many.assign(id=[f"item{i}" for i in range(5)]),
            "cpu",
            n_processes=3,
        )
        validate(learner.average, learner.discriminators, 0)
    assert asked == [1, 1, 3, 3]


def test_discriminators_that_hear_levels_tell_a_louder_clean_apart():
    def loudest(signals, enhanced):
        maps = [signals, signals.mean(dim=2)]
        return [signals.abs().mean(dim=2)], [maps]

    clean = torch.ones(2, 1, 100)
    losses, verdicts = discriminate(loudest, 0.25 * clean, 0.5 * clean, clean)
    assert losses["adversarial"].item() == pytest.approx(0.75**2)
    assert losses["discriminator"].item() == pytest.approx(0.25**2)
    assert losses["features"].item() == pytest.approx(0.75)
    assert verdicts["score_enhanced"] == 0.5 and verdicts["clean_above_restored"] == 1


def table(distillmos: list[float], **others: list[float]) -> pd.DataFrame:
    same = {name: [1.0, 2.0, 3.0] for name in registry.SELECTION}
    return pd.DataFrame(same | {"distillmos": distillmos} | others)


def test_a_restored_signal_that_is_the_enhanced_one_gains_nothing():
    enhanced = table([3.0, 4.0, np.nan])
    gains = selection(enhanced, enhanced)
    assert set(gains.values()) == {0.0} and len(gains) == len(registry.SELECTION) + 1


def test_a_judge_without_a_score_is_left_out_and_all_of_them_leave_no_selection():
    enhanced, nan = table([3.0, 4.0, 5.0]), np.nan
    restored = table([nan, nan, nan], visqol=[2.0, 3.0, 4.0])
    gains = selection(restored, enhanced)
    assert np.isnan(gains["valid/gain_distillmos"]) and gains["valid/selection"] == 0.5
    assert np.isnan(selection(nan * restored, enhanced)["valid/selection"])


def test_only_so_many_items_are_validated_and_those_that_are_logged_are_restored(rows):
    many = pd.concat([rows["valid"]] * 5, ignore_index=True).head(9)
    many = many.assign(id=[f"item{i}" for i in range(9)])
    validate = Validation(settings(n_valid_scored=4, n_samples_logged=2), many, "cpu")
    assert len(validate.scored) == 4 and len(validate.rows) <= 6
    assert [row.id for row in validate.logged] == ["item0", "item1"]
    assert validate.scored == Validation(settings(n_valid_scored=4), many, "cpu").scored


def test_noise_alone_is_restored_and_not_scored(rows):
    """A row with NaN, as an SI-SDR of silence, equals no other one: it is found by its id."""
    table = pd.concat([rows["valid"]] * 3, ignore_index=True).head(3)
    table = table.assign(id=["a", "b", "c"], snr_db=[-np.inf, 5.0, np.nan], si_sdr_noisy_db=np.nan)
    p = settings(n_samples_logged=2, n_valid_scored=3)
    validate, learner = Validation(p, table, "cpu", n_processes=1), small_learner()
    assert validate.scored == {"b", "c"}
    validate(learner.average, learner.discriminators, 0)
    assert set(validate.restored) == {"a", "b"}
    assert Validation(p, table.head(1), "cpu").scored == {"a"}
