"""The figure of a corpus draws each speaker's numbers, and marks who is held out or noisy."""

import pandas as pd
import pytest

from lib.figures.base import png
from lib.figures.corpus_overview import COLOURS, MAX_SPEAKERS, corpus_overview

SPLITS = list(COLOURS)


def speakers(n=2):
    """The first of `n` speakers is held out and has loud pauses."""
    table = pd.DataFrame({"held_out": [True] + [False] * (n - 1)}, [f"s{i}" for i in range(n)])
    for split, minutes, pairs in zip(SPLITS, (2.0, 1.0, 0.5), (6, 2, 1), strict=True):
        table[f"minutes_{split}"], table[f"pairs_{split}"] = minutes, pairs
    table["lowest_bandwidth_hz"], table["bandwidth_hz"] = 7_000.0, 8_000.0
    table["highest_bandwidth_hz"] = 24_000.0
    return table.assign(pauses_db=[-30.0] + [-60.0] * (n - 1))


COUNTS = pd.DataFrame([[3, 1, 1], [3, 1, 0]], ["5", "no noise"], SPLITS)
SHARES = pd.DataFrame([[0.5, 0.0, 0.25]], ["in a room"], SPLITS)


def test_every_speaker_has_its_minutes_pairs_bandwidth_and_pauses():
    figure = corpus_overview(speakers(), COUNTS, SHARES, -40.0, "taken")
    minutes, pairs, bandwidth, pauses, snr, shares = figure.axes
    assert [bar.get_width() for bar in minutes.patches] == [2, 2, 1, 1, 0.5, 0.5]
    assert [text.get_text() for text in minutes.texts] == ["3.5", "3.5"]
    assert [text.get_text() for text in pairs.texts] == ["9", "9"]
    assert [line.get_xdata().tolist() if i % 2 else list(line.get_xdata())
            for i, line in enumerate(bandwidth.lines[:2])] == [[7, 24], [8]]  # fmt: skip
    quiet, loud, limit = pauses.lines
    assert list(quiet.get_xdata()) == [-60] and list(loud.get_xdata()) == [-30]
    assert limit.get_xdata()[0] == -40 and loud.get_markerfacecolor() == "white"
    assert [bar.get_height() for bar in snr.patches] == [3, 3, 1, 1, 1, 0]
    assert [bar.get_width() for bar in shares.patches] == [50, 0, 25]


def test_held_out_speakers_are_bold_and_languages_stand_behind_the_names():
    table = speakers().assign(language=["Dutch", None], sex=["F", None])
    figure = corpus_overview(table, COUNTS, SHARES, -40.0)
    first, second = figure.axes[0].get_yticklabels()
    assert [first.get_text(), second.get_text()] == ["s0 (Dutch, F)", "s1"]
    assert [first.get_fontweight(), second.get_fontweight()] == ["bold", "normal"]
    assert "held out" in figure.legends[0].get_title().get_text()
    nobody = corpus_overview(table.assign(held_out=False), COUNTS, SHARES, -40.0)
    assert not nobody.legends[0].get_title().get_text()


def test_a_large_corpus_is_cut_and_says_so():
    figure = corpus_overview(speakers(MAX_SPEAKERS + 3), COUNTS, SHARES, -40.0, "large")
    assert len(figure.axes[0].get_yticklabels()) == MAX_SPEAKERS
    assert figure.get_suptitle() == "large (3 more speakers)"


@pytest.mark.filterwarnings("error")
def test_nothing_is_drawn_as_such_without_a_warning():
    figure = corpus_overview(speakers()[:0], COUNTS[:0], SHARES[:0], -40.0)
    assert png(figure, dpi=50).startswith(b"\x89PNG")
