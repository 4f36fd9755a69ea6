"""How scores are shown."""

import numpy as np
import pytest

from lib.metrics import labels, registry


def test_every_score_has_a_label_and_every_label_a_score():
    assert set(labels.LABELS) == set(registry.ALL)
    assert len({labels.label(name) for name in registry.ALL}) == len(registry.ALL)


@pytest.mark.parametrize(
    "value, metric, sign, text",
    [
        (0.612, "mcd_db", "", "0.61"),
        (0.9876, "estoi", "+", "+0.988"),
        (-31.25, "pause_level_db", "", "-31.2"),
        (1.0, "a score without a label", "", "1.00"),
        (np.nan, "pesq", "+", "-"),
        (np.inf, "si_sdr_db", "", "-"),
    ],
)
def test_a_number_has_the_decimals_of_its_score_and_a_missing_one_is_a_hyphen(
    value, metric, sign, text
):
    assert labels.number(value, metric, sign) == text
