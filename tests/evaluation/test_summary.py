"""Summaries find the differences, gaps and losers that were put in."""

import numpy as np
import pandas as pd
import pytest
from evaluation.score_tables import noisy_items, score_table
from signals import RATE

from lib.evaluation import summary
from lib.metrics import batch, registry

RNG = np.random.default_rng(0)


def test_a_summary_finds_the_difference_and_the_gap_that_were_put_in():
    scores = score_table(
        "pesq", noisy=[1, 1], enhanced=[2.0, 3.0], restored=[2.5, 3.5], clean=[4.5, 4.5]
    )
    row = summary.summary(scores, seed=0).loc["pesq"]
    assert row[["noisy", "enhanced", "restored", "clean"]].tolist() == [1.0, 2.5, 3.0, 4.5]
    assert (row["difference"], row["low"], row["high"]) == (0.5, 0.5, 0.5)  # the same for each item
    assert (row["better"], row["gap_closed"], row["n_items"]) == (1.0, 0.25, 2)


def test_differences_are_paired_by_item_in_whatever_order_the_rows_are():
    values = RNG.normal(0, 10, 50)
    scores = score_table("pesq", enhanced=values, restored=values + 1)
    row = summary.summary(scores.sample(frac=1, random_state=0), seed=0).loc["pesq"]
    assert row["low"] == pytest.approx(1) and row["high"] == pytest.approx(1)


def test_lower_is_better_for_distances():
    row = summary.summary(
        score_table("lsd_db", enhanced=[5, 5, 5, 5], restored=[4, 4, 4, 6]), seed=0
    ).loc["lsd_db"]
    assert (row["difference"], row["better"], row["worse"]) == (-0.5, 0.75, 0.25)


def test_p_values_are_corrected_for_the_number_of_metrics():
    """Six items that all gain: by chance 2 times in 2^6. The second metric gains nothing."""
    scores = score_table("pesq", enhanced=[1.0] * 6, restored=1.0 + np.arange(1, 7) / 10)
    one = summary.summary(scores, seed=0).p_value
    both = summary.summary(scores.assign(estoi=RNG.normal(size=len(scores))), seed=0).p_value
    assert one["pesq"] == pytest.approx(2 / 2**6) and both["pesq"] == pytest.approx(2 * one["pesq"])


def test_an_item_without_a_score_is_left_out_of_that_metric_in_every_system():
    nan = np.nan
    scores = score_table(
        "pesq", noisy=[1, 9], enhanced=[2, 9], restored=[3, nan], clean=[4, 9]
    ).assign(estoi=0.5)
    table = summary.summary(scores, seed=0)
    assert table.loc["pesq", ["noisy", "enhanced", "restored", "clean", "n_items"]].tolist() == [
        1,
        2,
        3,
        4,
        1,
    ]
    assert table["n_items"].tolist() == [1, 2]


def test_where_clean_has_no_finite_score_no_gap_is_claimed():
    scores = score_table(
        "si_sdr_db", enhanced=[9.0, 9.0], restored=[10.0, 10.0], clean=[np.inf, np.inf]
    )
    table = summary.summary(scores, seed=0)
    assert np.isnan(table.loc["si_sdr_db", "gap_closed"])
    assert "inf" not in summary.as_text(table) and "nan" not in summary.as_text(table)


def test_two_rows_for_one_item_and_system_are_refused():
    scores = score_table("pesq", enhanced=[2.0], restored=[2.0])
    with pytest.raises(ValueError, match="duplicate"):
        summary.summary(pd.concat([scores, scores]), seed=0)


def test_the_text_table_says_what_how_many_and_which_way_is_better():
    scores = score_table(
        "pesq", enhanced=[2.0] * 30, restored=[2.25] * 30, clean=[4.5] * 30
    ).assign(lsd_db=1.0)
    lines = summary.as_text(summary.summary(scores, seed=0)).splitlines()
    head, _, names, _, _, lsd, pesq = lines
    assert head.startswith("30 items")
    means, difference = "- 2.00 2.25 4.50", "+0.25 [+0.25, +0.25] <.001"
    line = f"↑ PESQ wide band (MOS) {means} {difference} 100 % 0 % 10 % 30"
    assert pesq.split() == line.split()
    assert lsd.startswith("↓ LSD (dB)")
    assert len(names) == len(pesq) == len(lsd)


def test_classes_have_summaries_of_their_own_and_p_values_corrected_for_all_rows():
    gains = np.r_[np.arange(1, 7) / 10, -np.arange(1, 7) / 10]
    scores = score_table("pesq", enhanced=[1.0] * 12, restored=1 + gains)
    scores["noise"] = np.tile(np.repeat(["car", "fan"], 6), 2)
    table = summary.summary_by(scores, "noise", seed=0).set_index("noise")
    assert table.difference.tolist() == pytest.approx([0.35, -0.35]) and table.worse.tolist() == [
        0.0,
        1.0,
    ]
    assert table.n_items.tolist() == [6, 6] and table.p_value.tolist() == pytest.approx(
        [4 / 2**6] * 2
    )  # twice 2 / 2^6
    assert table.part.tolist() == ["reported"] * 2


def test_the_worst_and_the_best_are_those_that_lost_and_gained_most_by_the_jury():
    """PESQ says the opposite, and has no voice."""
    gains = RNG.permutation(np.arange(-5, 6) / 10)
    enhanced = np.linspace(2, 3, 11)
    scores = score_table("distillmos", enhanced=enhanced, restored=enhanced + gains)
    scores["phone_error"] = 1 - scores.distillmos / 10
    scores["pesq"] = -scores.distillmos
    worst, best = summary.extremes(scores, 3)
    assert worst.item_id.tolist() == [
        f"item {np.flatnonzero(gains == gain)[0]}" for gain in (-0.5, -0.4, -0.3)
    ]
    assert list(best) == ["item_id", "gain", "distillmos", "phone_error"]
    assert best.distillmos.tolist() == pytest.approx([0.5, 0.4, 0.3])
    assert best.phone_error.tolist() == pytest.approx([0.05, 0.04, 0.03])
    # Both scores gain as many standard deviations of enhanced.
    assert best.gain.tolist() == pytest.approx(best.distillmos / np.std(enhanced, ddof=1))
    assert all(len(one) == 0 for one in summary.extremes(scores, 0))


def test_the_unit_of_a_gain_is_enhanced_alone_so_that_small_gains_are_not_blown_up():
    scores = score_table("visqol", enhanced=[2.0, 4.0], restored=[2.001, 4.001])
    _, best = summary.extremes(scores, 1)
    assert best.gain.tolist() == pytest.approx([0.001 / np.sqrt(2)])  # its standard deviation
    equal = score_table("visqol", enhanced=[2.0, 2.0], restored=[2.0, 3.0])
    assert summary.extremes(equal, 2)[0].gain.tolist() == [0.0, 0.0]


def test_every_score_is_in_one_part_of_the_table_and_the_jury_comes_first():
    names = [name for part in summary.GROUPS.values() for name in part]
    assert sorted(names) == sorted(registry.ALL)
    assert names[: len(registry.JURY)] == list(registry.JURY)
    scores = score_table("pesq", enhanced=[1.0, 2.0], restored=[2.0, 3.0])
    scores = scores.assign(distillmos=scores.pesq, colour_db=scores.pesq)
    table = summary.summary(scores, seed=0)
    assert table.index.tolist() == ["distillmos", "colour_db", "pesq"]
    titles = [line for line in summary.as_text(table).splitlines() if line in summary.GROUPS]
    assert titles == list(summary.GROUPS)


def test_scores_that_could_not_be_computed_are_named():
    scores = score_table("pesq", enhanced=[1.0, np.nan], restored=[1.0, 2.0])
    assert summary.missing_scores(scores).to_dict("records") == [
        {"item_id": "item 1", "system": "enhanced", "metric": "pesq"}
    ]


def test_one_of_several_runs_takes_the_place_of_restored():
    scores = score_table("pesq", enhanced=[1.0], restored=[2.0], other=[3.0], clean=[4.0])
    assert summary.summary(summary.as_restored(scores, "other"), seed=0).restored["pesq"] == 3.0
    assert summary.summary(summary.as_restored(scores, "restored"), seed=0).restored["pesq"] == 2.0


def test_no_items_give_a_table_that_says_so():
    scores = score_table("pesq", enhanced=[np.nan], restored=[1.0])
    table = summary.summary(scores, seed=0)
    assert (
        table.loc["pesq", "n_items"] == 0
        and table.loc["pesq", "enhanced":"gap_closed"].isna().all()
    )
    assert summary.as_text(table).startswith("0 items")


@pytest.mark.parametrize(
    "values, names, classes",
    [
        ([5.0, -5.0, 5.0], ["-5", "5"], [1, 0, 1]),
        (["rain", "car"], ["car", "rain"], [1, 0]),
        ([np.nan, 20.0, -5.0, np.nan], ["-5", "20", "none"], [2, 1, 0, 2]),
        ([np.nan, np.nan], ["none"], [0, 0]),
        (list(range(11)), ["0 to 2", "2 to 4", "4 to 6", "6 to 8", "8 to 10"], None),
    ],
)
def test_values_are_classes_and_many_numbers_are_five(values, names, classes):
    numbers, found = summary.value_classes(pd.Series(values))
    assert found == names
    if classes is None:
        classes = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 4]  # the upper edge belongs to the last class
    assert numbers.tolist() == classes


def test_signals_with_known_distances_have_them_in_the_summary():
    """Noise 0, 20 and 40 dB below clean."""
    scores = batch.score_table(noisy_items(2), RATE, names=("si_sdr_db", "lsd_db"))
    assert scores["system"].tolist() == list(summary.SYSTEMS) * 2
    assert scores["item_id"].tolist() == ["<item> & 0"] * 4 + ["<item> & 1"] * 4
    table = summary.summary(scores, seed=0)
    means = table.loc["si_sdr_db", ["noisy", "enhanced", "restored"]].tolist()
    assert means == pytest.approx([0.0, 20.0, 40.0], abs=0.01)
    assert table.loc["lsd_db", "clean"] == 0.0
