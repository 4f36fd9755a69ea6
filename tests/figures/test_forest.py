"""The forest plot: one axis for all scores, right is better."""

import pandas as pd
import pytest

from lib.figures.base import png
from lib.figures.forest import BETTER, UNDECIDED, WORSE, forest

COLUMNS = ["difference", "low", "high", "spread", "worse", "n_items"]
ROWS = {
    "distillmos": (-0.2, -0.3, -0.1, 0.5, 0.98, 42),
    "visqol": (0.1, -0.1, 0.3, 0.2, 0.4, 42),
    "phone_error": (-0.02, -0.03, -0.01, 0.1, 0.2, 42),  # fewer errors are better
}


def table(rows: dict) -> pd.DataFrame:
    return pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS)


def test_dots_lie_at_their_difference_in_standard_deviations_with_better_on_the_right():
    ax = forest(table(ROWS)).axes[0]
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    found = [(line.get_xdata()[0], line.get_color()) for line in dots]
    expected = [(-0.4, WORSE), (0.5, UNDECIDED), (0.2, BETTER)]
    assert [x for x, _ in found] == pytest.approx([x for x, _ in expected])
    assert [colour for _, colour in found] == [colour for _, colour in expected]
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "↑ DistillMOS",
        "↑ ViSQOL 48 kHz",
        "↓ phones wrong",
    ]
    low, high = ax.get_xlim()
    assert low < -0.6 and high > 1.5 and "42 items" in ax.get_xlabel()


def test_numbers_stand_in_the_unit_of_their_score():
    texts = [text.get_text() for text in forest(table(ROWS)).axes[1].texts]
    assert "-0.20 [-0.30, -0.10]" in texts and "98 %" in texts
    assert "-0.020 [-0.030, -0.010]" in texts


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rows", [{}, {"distillmos": (0.0, 0.0, 0.0, float("nan"), 0.0, 1)}])
def test_nothing_to_draw_is_drawn_without_a_warning(rows):
    assert png(forest(table(rows)), dpi=50).startswith(b"\x89PNG")
