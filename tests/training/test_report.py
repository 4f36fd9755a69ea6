"""The sums of an epoch and what is made of them, by their numbers."""

import math
from types import SimpleNamespace

import pytest

from lib.training.report import best_text, count_step, epoch_line, epoch_record
from lib.training.state import TrainState
from lib.training.step import StepResult

RATE = {"param_groups": [{"lr": 1e-3}]}
LEARNER = SimpleNamespace(
    adam_g=SimpleNamespace(**RATE), adam_d=SimpleNamespace(**RATE), device="cpu"
)


def step(l1: float, norm: float, finite: bool = True) -> StepResult:
    return StepResult({"l1": l1}, {"generator": norm, "generator/gru": norm / 2}, finite, False)


def test_terms_are_means_over_items_and_norms_over_steps():
    state = TrainState()
    count_step(state, step(0.1, 4.0), n_items=3, waited_s=0.5, took_s=1.0)
    count_step(state, step(0.5, 2.0), n_items=1, waited_s=0.5, took_s=3.0)
    record = epoch_record(state, LEARNER, segment_length=48_000)
    assert record["train/l1"] == pytest.approx((3 * 0.1 + 0.5) / 4)
    assert record["train/grad_norm_generator"] == 3.0 and record["train/grad_norm_max"] == 4.0
    assert record["train/grad_norm_gru"] == 1.5 and record["train/skipped_steps"] == 0
    assert record["time/audio_per_s"] == 1.0 and record["time/waiting_share"] == 0.25


def test_a_skipped_step_counts_in_its_times_only():
    state = TrainState()
    count_step(state, step(0.1, 4.0), 1, 0.0, 1.0)
    count_step(state, step(math.nan, math.inf, finite=False), 1, 0.0, 1.0)
    record = epoch_record(state, LEARNER, 48_000)
    assert record["train/l1"] == pytest.approx(0.1) and record["train/grad_norm_max"] == 4.0
    assert record["train/skipped_steps"] == 1 and record["time/epoch_s"] == 2.0


def test_the_line_of_an_epoch_tells_terms_scores_and_the_best_epoch():
    scores = {"distillmos": 3.0, "visqol": 4.0, "speaker_similarity": 0.9, "selection": 0.1}
    record = {"epoch": 3, "train/l1": 0.01, "best/selection": 0.2, "best/epoch": 2}
    record |= {f"valid/{name}": score for name, score in scores.items()}
    assert epoch_line(record, 12) == (
        "epoch 3/12: train l1 0.010 | valid DistillMOS 3.00, ViSQOL 48 kHz 4.00,"
        " speaker similarity 0.900, selection +0.100 (best +0.200 in epoch 2)"
    )
    record |= {"valid/distillmos": math.nan, "valid/selection": math.nan}
    assert "DistillMOS -, ViSQOL" in epoch_line(record, 12)
    assert "selection - (best +0.200" in epoch_line(record, 12)


def test_a_training_that_only_did_harm_says_so():
    text = best_text({"best/epoch": 0.0, "best/selection": 1e-4})  # as a table gives them
    assert text.startswith("best +0.000 in epoch 0: the judges prefer the generator as it was")
