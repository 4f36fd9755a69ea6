"""What a step takes and returns."""

import math

from training.trainings import random_batch, small_learner

from lib.training.step import StepResult


def test_a_result_names_all_numbers_of_its_step():
    result = small_learner().step([random_batch()], ramp=1.0)
    assert isinstance(result, StepResult) and result.finite and not result.overflowed
    terms = "bins contrast adversarial features discriminator"
    assert set(result.terms) == set(terms.split())
    sides = {name for name in result.norms if "/" not in name}
    assert sides == {"generator", "discriminators"}
    assert all(map(math.isfinite, [*result.terms.values(), *result.norms.values()]))
