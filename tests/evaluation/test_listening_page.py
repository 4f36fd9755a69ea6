"""The listening page: it needs nothing but itself, and holds what it says."""

import base64
import io
import re

import pytest
import soundfile
from evaluation.score_tables import Page, noisy_items, score_table
from signals import RATE

from lib.evaluation import charts, listening_page, summary


@pytest.fixture(scope="module")
def page():
    items = list(noisy_items(2, seconds=9.0))
    scores = score_table("pesq", noisy=[1, 1], enhanced=[2.0, 2.125], restored=[3, 3], clean=[4, 4])
    ids = {f"item {i}": row["item_id"] for i, (row, _) in enumerate(items)}
    scores["item_id"] = scores["item_id"].map(ids)
    table = summary.summary(scores, seed=0)
    plots = {"Paired differences": charts.paired_differences(table)}
    return listening_page.page(
        "listen <run>",
        table,
        scores,
        items,
        plots,
        RATE,
        note="corpus demo",
        found=["pauses & phones"],
    )


def test_a_page_needs_nothing_but_itself(page):
    names = ("src", "href", "srcset", "action", "data")
    tags = [attributes for _, attributes in Page(page).tags]
    addresses = [tag[name] for tag in tags for name in names if name in tag]
    assert addresses and all(address.startswith("data:") for address in addresses)
    prose = re.sub(r'"data:[^"]*"', "", page)
    assert not re.search(r"https?:|//[a-z]|url\(|@import|\bimport\b|fetch|localStorage", prose)


def test_a_page_holds_all_players_and_pictures_and_says_whose_they_are(page):
    read = Page(page)
    tags = [tag for tag, _ in read.tags]
    assert not read.open  # every tag is closed, in order
    assert (tags.count("section"), tags.count("audio"), tags.count("img")) == (2, 8, 3)
    names = ["listen <run>", "corpus demo", "<item> & 0", "<item> & 1"]
    for text in (*names, "SNR 0 dB, ann, hiss", "2.12", "2 items", "1 veto", "pauses & phones"):
        assert text in read.text


def test_no_place_of_the_template_is_left_open(page):
    assert "$title" not in page and "$style" not in page and "$items" not in page
    assert page.startswith("<!doctype html>") and page.endswith("</html>\n")


def test_a_player_on_the_page_is_8_seconds_long_at_most(page):
    for data in re.findall(r'src="data:audio/flac;base64,([^"]+)"', page):
        signal, sample_rate = soundfile.read(io.BytesIO(base64.b64decode(data)))
        assert sample_rate == RATE and len(signal) == 8 * RATE


def test_an_item_shows_what_is_known_of_it_and_no_more():
    ((row, signals),) = noisy_items(1, seconds=0.5)
    del row["snr_db"], row["noise"]
    scores = score_table("pesq", enhanced=[2.0], restored=[3.0]).assign(item_id=row["item_id"])
    table = summary.summary(scores, seed=0)
    page = listening_page.page("a run", table, scores, [(row, signals)], {}, RATE)
    text = Page(page).text
    assert "ann" in text and "SNR" not in text and "hiss" not in text


def test_vetoes_come_before_the_scores_and_their_absence_is_said(page):
    assert page.index("1 veto") < page.index("Reported; they decide nothing")
    assert "no veto" in listening_page.vetoes_html([])


def test_beside_a_player_the_scores_of_the_jury_stand_below_a_heading():
    ((row, signals),) = noisy_items(1, seconds=0.5)
    scores = score_table("pesq", enhanced=[2.0], restored=[3.0]).assign(item_id=row["item_id"])
    scores = scores.assign(visqol=scores.pesq, distillmos=scores.pesq)
    table = summary.summary(scores, seed=0)
    page = listening_page.page("a run", table, scores, [(row, signals)], {}, RATE)
    assert '<th colspan="2">Jury</th><th colspan="1">Reported; they decide nothing</th>' in page
    heads = ["<th>DistillMOS</th>", "<th>ViSQOL 48 kHz</th>", "<th>PESQ wide band (MOS)</th>"]
    assert "".join(heads) in page
