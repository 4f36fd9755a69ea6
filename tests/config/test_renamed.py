"""Old names of parameters: refused when they are typed, accepted from old runs."""

import pytest
from refusals import refusal

from lib.config.base import build
from lib.config.models import MODELS
from lib.config.renamed import RENAMED, current_names
from lib.config.train import Train
from lib.config.workers import Workers


@pytest.mark.parametrize("old", [name for name in RENAMED if name != "n_warm_up"])
def test_an_old_name_is_refused_by_a_message_that_names_the_new_one(old):
    assert refusal(Train, **{old: 1}) == [f"{old}: is called {RENAMED[old]} now"]


def test_an_old_name_of_another_notebook_is_a_typo_here():
    assert refusal(Workers, n_warm_up=1) == ["n_warm_up: is called n_warmup_steps now"]
    (line,) = refusal(Train, n_warm_up=1)
    assert "no such parameter of train" in line


def test_the_parameters_of_an_old_run_are_accepted_under_their_new_names():
    old = {"epochs": 3, "lambda_disturbance": 12.0, "warm_up_steps": 7, "grad_norm_dump": 50.0}
    p = build(Train, current_names(old))
    assert (p.epochs, p.lambda_pesq, p.warmup_steps, p.grad_norm_threshold) == (3, 12.0, 7, 50.0)
    assert current_names(p.model_dump()) == p.model_dump()


def test_a_new_name_is_a_parameter_and_an_old_one_is_none():
    known = {name for model in MODELS.values() for name in model.model_fields}
    assert set(RENAMED.values()) <= known and not set(RENAMED) & known
