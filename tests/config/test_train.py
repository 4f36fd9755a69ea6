"""Rules about several parameters of `train`."""

import pytest
from refusals import refusal

from lib.config.base import build
from lib.config.train import Train

# Overshoot or contrast alone leads nowhere.
NO_LOSS = {"lambda_bins": 0}


@pytest.mark.parametrize(
    "given, parts",
    [
        ({"discriminator_segment_length": 96_000}, ["96000", "48000", "or 0 for all of it"]),
        ({"on_the_fly": True, "speed_min": 1.2, "speed_max": 1.1}, ["1.2", "1.1"]),
        ({"speed_min": 0.9}, ["speed_min = 0.9", "on_the_fly"]),
        ({"init_discriminators": True}, ["init_discriminators", "init_run"]),
        ({"gain_min": 0.9, "gain_max": 0.8}, ["0.9", "0.8"]),
        (NO_LOSS, ["lambda_l1", "lambda_mel", "lambda_pesq"]),
    ],
)
def test_values_that_do_not_go_together_are_refused_in_one_line(given, parts):
    (line,) = refusal(Train, **given)
    assert all(part in line for part in parts)


def test_values_that_just_go_together_are_accepted():
    assert build(Train, {"discriminator_segment_length": 48_000})
    assert build(Train, {"on_the_fly": True, "speed_min": 0.85, "speed_max": 1.15})
    assert build(Train, {"init_discriminators": True, "init_run": "best"})
    assert build(Train, NO_LOSS | {"lambda_mel": 1})


@pytest.mark.parametrize(
    "given, line",
    [
        ({"epochs": 4, "gan_start_epoch": 4}, "discriminators: join in epoch 4 of 4"),
        (
            {"gan_warmup_epochs": 2},
            "discriminators: join in epoch 6 of 12; the generator hears them from epoch 8 on",
        ),
        (
            {"epochs": 3, "gan_start_epoch": 4},
            "discriminators: none, since gan_start_epoch 4 is beyond epochs 3",
        ),
        (
            {"lambda_adversarial": 0, "lambda_features": 0},
            "discriminators: none, since lambda_adversarial and lambda_features are 0.0",
        ),
        ({"epochs": 0}, "epochs = 0: nothing is trained, the untrained generator is validated"),
    ],
)
def test_a_line_says_whether_discriminators_join_and_when(given, line):
    assert build(Train, given).start_lines == [line]


def test_the_gan_starts_by_default_where_the_audit_of_the_scheme_asks_for_it():
    assert 5 <= Train().gan_start_epoch <= 10 and Train().gan_start_epoch < Train().epochs
