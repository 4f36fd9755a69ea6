"""What figures show, in words: known numbers, nothing at all, and values that are none."""

import numpy as np
import pandas as pd
import pytest

from lib.figures import words
from lib.figures.curves import curves_in_words
from lib.figures.forest import forest_in_words
from lib.figures.given_back import given_back_in_words
from lib.figures.long_term import long_term_in_words
from lib.figures.spectrograms import spectrograms_in_words

RATE = 48_000
NONE = pd.Series([np.nan, np.inf])
SAID_OF_NOTHING = {
    "histogram": lambda: words.histogram_in_words(NONE, "lag (ms)", 1.0),
    "histograms": lambda: words.histograms_in_words({"peak": NONE, "level (dB)": []}),
    "least": lambda: words.least_in_words({"confidence": NONE}, 2.5),
    "counts": lambda: words.counts_in_words({}, "files"),
    "groups": lambda: words.groups_in_words(NONE[:0], NONE[:0], "noises"),
    "gains": lambda: words.gains_in_words(NONE, NONE + 1, "SI-SDR", "dB"),
    "scatter": lambda: words.scatter_in_words([np.nan], [1.0], 0.5, "dB"),
    "lines": lambda: words.lines_in_words(pd.DataFrame({"n": NONE}), "n", {"n": "n"}, "n"),
    "long-term spectrum": lambda: long_term_in_words({"noisy": [], "clean": []}, RATE),
    "curves": lambda: curves_in_words(pd.DataFrame({"epoch": [1]}), {"mel": "train/mel"}),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("say", SAID_OF_NOTHING.values(), ids=SAID_OF_NOTHING.keys())
def test_nothing_is_called_nothing(say):
    assert say() == words.NOTHING


def test_values_that_are_no_number_do_not_count():
    said = words.histogram_in_words([0.1, np.nan, -0.3], "lag (ms)", 0.2)
    assert said == "lag (ms): 1 of 2 are within ±0.2, the farthest is -0.3."
    said = words.gains_in_words(
        pd.Series([0.0, np.inf, 1.0]), pd.Series([-1.0, 2.0, 3.0]), "x", "s"
    )
    assert said.startswith("x rises in 1 of 2 items, by 0.5 s in the median; lowest gain -1 s,")


def test_a_noise_in_two_splits_is_named():
    table = pd.DataFrame({"noise": ["a", "a", "b"], "split": ["train", "train", "own pairs"]})
    said = words.groups_in_words(table.noise, table.split, "noises")
    assert said == "2 noises: 1 in own pairs, 1 in train; none is in two of them."
    said = words.groups_in_words(pd.Series(["a", "a"]), pd.Series(["test", "train"]), "noises")
    assert said.endswith("in more than one of them: a.")


def test_one_bar_has_all_and_a_line_says_where_it_ends():
    assert words.counts_in_words({"joe": 160}, "files") == "joe has all 160 files."
    table = pd.DataFrame({"minutes": [1.0, 20.0], "peak_mb": [300.0, 301.0]})
    said = words.lines_in_words(table, "minutes", {"peak_mb": "memory (MB)"}, "minutes")
    assert said == "Over minutes: memory (MB) from 300 (at 1) to 301 (at 20)."
    said = words.lines_in_words(
        table.assign(read=0.0), "minutes", {"read": "read (MB/s)"}, "minutes"
    )
    assert said == "Over minutes: read (MB/s) 0 everywhere."


def test_curves_are_told_from_their_first_value_to_their_last():
    history = pd.DataFrame({"epoch": [0, 1, 2], "valid/mel": [np.nan, 4.0, 3.0], "lr": 1e-4})
    said = curves_in_words(history, {"mel (dB)": "valid/mel", "rates": ["lr", "absent"]})
    assert said == "From epoch 0 to 2: mel (dB) 4 to 3; rates: lr 0.0001 to 0.0001."


def test_runs_are_told_by_their_letters_and_small_beginnings_in_the_digits_of_the_end():
    columns = {"valid/sd/A: lr=1": [5e-5, 0.286], "valid/sd/B: lr=2": [0.0, -0.11]}
    history = pd.DataFrame({"epoch": [0, 1]} | columns)
    said = curves_in_words(history, {"selection (SD)": list(columns)})
    assert said == "From epoch 0 to 1: selection (SD): A 0 to 0.286, B 0 to -0.11."


def test_an_interval_decides_and_a_score_without_items_is_left_out():
    columns = {"difference": [0.2, 0.2, np.nan], "low": [0.1, 0.1, np.nan], "high": [0.3, 0.3, 1]}
    table = pd.DataFrame(columns, index=["distillmos", "lsd_db", "pesq"])
    expected = "Surely better: DistillMOS +0.20. Surely worse: LSD +0.20 dB. Undecided: none."
    assert forest_in_words(table) == expected


def test_half_the_amplitude_is_6_db_off_clean_in_every_range_and_figure():
    clean = np.random.default_rng(0).standard_normal(RATE) / 10
    signals = {"noisy": clean, "enhanced": clean / 4, "restored": clean / 2, "clean": clean}
    said = spectrograms_in_words(signals, RATE, bandwidth_hz=10_000.0)
    assert said.split("; ")[-1] == "restored -6.0, -6.0, -6.0 dB."
    assert "restored -6.0 dB (" in long_term_in_words(
        {name: [x] for name, x in signals.items()}, RATE
    )
    said = given_back_in_words(signals, RATE)
    assert "enhanced is -12.0 dB off clean on average, restored -6.0 dB" in said
    assert said.endswith("100 % of them lost more than 6 dB; these got +6.0 dB back.")


@pytest.mark.filterwarnings("error")
def test_silence_is_called_silent():
    silence = np.zeros(RATE)
    assert spectrograms_in_words({"a": silence, "b": silence[:0]}, RATE) == "a: silent."
    parts = dict.fromkeys(("noisy", "enhanced", "restored", "clean"), silence)
    assert spectrograms_in_words(parts, RATE).count("silent") == 4
