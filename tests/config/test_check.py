"""Parameters of `check`."""

from refusals import refusal

from lib.config.base import build
from lib.config.check import Check


def test_limits_are_not_negative_and_the_share_is_at_most_1():
    assert build(Check, {"max_lag_ms": 0}).max_lag_ms == 0
    assert "greater than or equal to 0" in refusal(Check, max_lag_ms=-0.1)[0]
    assert "less than or equal to 1" in refusal(Check, max_bad_share=1.1)[0]
