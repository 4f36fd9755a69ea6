import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import soundfile

from lib.evaluation import charts, listening_page, summary
from lib.figures import players
from lib.metrics.batch import score_table

SAMPLE_RATE = 48_000
RNG = np.random.default_rng(0)


def decoded(tag):
    data = re.search(r'src="data:audio/flac;base64,([^"]+)"', tag).group(1)
    return soundfile.read(io.BytesIO(base64.b64decode(data)))


def long_table(metric, **systems):
    """Scores made by hand: a list of values, one for each item, for each system."""
    return pd.DataFrame(
        [
            {
                "item_id": f"item {i}",
                "system": system,
                "snr_db": 5.0,
                "speaker": "a",
                "noise": "b",
                metric: value,
            }
            for system, values in systems.items()
            for i, value in enumerate(values)
        ]
    )


def items(n=2, seconds=1.0):
    for i in range(n):
        clean = 0.1 * RNG.standard_normal(round(seconds * SAMPLE_RATE)).astype(np.float32)
        hiss = RNG.standard_normal(len(clean)).astype(np.float32)
        hiss -= clean * (hiss @ clean) / (clean @ clean)
        hiss *= np.linalg.norm(clean) / np.linalg.norm(hiss)
        row = {
            "item_id": f"<item> & {i}",
            "snr_db": 0.0,
            "speaker": "ann",
            "noise": "hiss",
            "bandwidth_hz": 24_000.0,
        }
        yield (
            row,
            {
                "noisy": clean + hiss,
                "enhanced": clean + hiss / 10,
                "restored": clean + hiss / 100,
                "clean": clean,
            },
        )


class Tags(HTMLParser):
    """All tags of a page with their attributes, its visible text, and how its tags nest."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text, self.open = [], "", []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.text += data


def test_a_player_keeps_each_sample_to_24_bits_and_scales_nothing():
    signal = 0.05 * RNG.standard_normal(SAMPLE_RATE).clip(-1, 1)
    kept, sample_rate = decoded(players.player(signal, SAMPLE_RATE))
    assert sample_rate == SAMPLE_RATE
    assert np.abs(kept - signal).max() <= 2.0**-24  # half a step


def test_full_scale_is_the_most_that_a_player_takes():
    kept, _ = decoded(players.player(np.array([1.0, -1.0, 0.5]), SAMPLE_RATE))
    assert kept.tolist() == [1 - 2.0**-23, -1.0, 0.5]
    with pytest.raises(ValueError, match=r"'restored': peak 1\.001, expected at most 1\.0"):
        players.player(np.array([0.0, -1.001]), SAMPLE_RATE, "restored")
    with pytest.raises(ValueError, match="peak nan"):
        players.player(np.array([0.0, np.nan]), SAMPLE_RATE)


def test_the_sound_stands_in_the_tag_itself_for_untrusted_notebooks():
    tags = Tags(
        players.players({"noisy": np.zeros(480), "clean": np.zeros(480)}, SAMPLE_RATE, "a < b")
    ).tags
    audio = [attributes for tag, attributes in tags if tag == "audio"]
    assert [attributes["aria-label"] for attributes in audio] == ["noisy", "clean"]
    assert all(attributes["src"].startswith("data:audio/flac") for attributes in audio)
    assert "source" not in dict(tags)


def test_a_summary_finds_the_difference_and_the_gap_that_were_put_in():
    scores = long_table(
        "pesq", noisy=[1, 1], enhanced=[2.0, 3.0], restored=[2.5, 3.5], clean=[4.5, 4.5]
    )
    row = summary.summary(scores, seed=0).loc["pesq"]
    assert row[["noisy", "enhanced", "restored", "clean"]].tolist() == [1.0, 2.5, 3.0, 4.5]
    assert (row["difference"], row["low"], row["high"]) == (0.5, 0.5, 0.5)  # the same for each item
    assert (row["better"], row["gap_closed"], row["n_items"]) == (1.0, 0.25, 2)


def test_differences_are_paired_by_item_in_whatever_order_the_rows_are():
    values = RNG.normal(0, 10, 50)
    scores = long_table("pesq", enhanced=values, restored=values + 1)
    row = summary.summary(scores.sample(frac=1, random_state=0), seed=0).loc["pesq"]
    assert row["low"] == pytest.approx(1) and row["high"] == pytest.approx(1)


def test_lower_is_better_for_distances():
    row = summary.summary(
        long_table("lsd_db", enhanced=[5, 5, 5, 5], restored=[4, 4, 4, 6]), seed=0
    ).loc["lsd_db"]
    assert (row["difference"], row["better"], row["worse"]) == (-0.5, 0.75, 0.25)


def test_p_values_are_corrected_for_the_number_of_metrics():
    """Six items that all gain: by chance 2 times in 2^6; of two metrics the other one gains nothing."""
    scores = long_table("pesq", enhanced=[1.0] * 6, restored=1.0 + np.arange(1, 7) / 10)
    one = summary.summary(scores, seed=0).p_value
    both = summary.summary(scores.assign(estoi=RNG.normal(size=len(scores))), seed=0).p_value
    assert one["pesq"] == pytest.approx(2 / 2**6) and both["pesq"] == pytest.approx(2 * one["pesq"])


def test_an_item_without_a_score_is_left_out_of_that_metric_in_every_system():
    nan = np.nan
    scores = long_table(
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
    scores = long_table(
        "si_sdr_db", enhanced=[9.0, 9.0], restored=[10.0, 10.0], clean=[np.inf, np.inf]
    )
    table = summary.summary(scores, seed=0)
    assert np.isnan(table.loc["si_sdr_db", "gap_closed"])
    assert "inf" not in summary.as_text(table) and "nan" not in summary.as_text(table)


def test_two_rows_for_one_item_and_system_are_refused():
    scores = long_table("pesq", enhanced=[2.0], restored=[2.0])
    with pytest.raises(ValueError, match="duplicate"):
        summary.summary(pd.concat([scores, scores]), seed=0)


def test_the_text_table_says_what_how_many_and_which_way_is_better():
    scores = long_table("pesq", enhanced=[2.0] * 30, restored=[2.25] * 30, clean=[4.5] * 30).assign(
        lsd_db=1.0
    )
    head, _, names, pesq, lsd = summary.as_text(summary.summary(scores, seed=0)).splitlines()
    assert head.startswith("30 items")
    assert (
        pesq.split()
        == "↑ PESQ wide band (MOS) - 2.00 2.25 4.50 +0.25 [+0.25, +0.25] <.001 100 % 0 % 10 % 30".split()
    )
    assert lsd.startswith("↓ LSD (dB)")
    assert len(names) == len(pesq) == len(lsd)


def test_classes_have_summaries_of_their_own_and_p_values_corrected_for_all_rows():
    gains = np.r_[np.arange(1, 7) / 10, -np.arange(1, 7) / 10]
    scores = long_table("pesq", enhanced=[1.0] * 12, restored=1 + gains)
    scores["noise"] = np.tile(np.repeat(["car", "fan"], 6), 2)
    table = summary.summary_by(scores, "noise", seed=0).set_index("noise")
    assert table.difference.tolist() == pytest.approx([0.35, -0.35]) and table.worse.tolist() == [
        0.0,
        1.0,
    ]
    assert table.n_items.tolist() == [6, 6] and table.p_value.tolist() == pytest.approx(
        [4 / 2**6] * 2
    )  # twice 2 / 2^6


def test_the_worst_and_the_best_are_those_that_lost_and_gained_most():
    gains = RNG.permutation(np.arange(-5, 6) / 10)
    scores = long_table("pesq", enhanced=[2.0] * 11, restored=2 + gains)
    scores["lsd_db"] = -scores.pesq
    worst, best = summary.extremes(scores, 3)
    assert worst.item_id.tolist() == [
        f"item {np.flatnonzero(gains == gain)[0]}" for gain in (-0.5, -0.4, -0.3)
    ]
    assert best.pesq.tolist() == pytest.approx(
        [0.5, 0.4, 0.3]
    ) and best.lsd_db.tolist() == pytest.approx([0.5, 0.4, 0.3])
    assert all(len(one) == 0 for one in summary.extremes(scores, 0))


def test_what_could_not_be_computed_is_named():
    scores = long_table("pesq", enhanced=[1.0, np.nan], restored=[1.0, 2.0])
    assert summary.missing_scores(scores).to_dict("records") == [
        {"item_id": "item 1", "system": "enhanced", "metric": "pesq"}
    ]


def test_one_of_several_runs_takes_the_place_of_restored():
    scores = long_table("pesq", enhanced=[1.0], restored=[2.0], other=[3.0], clean=[4.0])
    assert summary.summary(summary.as_restored(scores, "other"), seed=0).restored["pesq"] == 3.0
    assert summary.summary(summary.as_restored(scores, "restored"), seed=0).restored["pesq"] == 2.0


def test_no_items_give_a_table_that_says_so():
    scores = long_table("pesq", enhanced=[np.nan], restored=[1.0])
    table = summary.summary(scores, seed=0)
    assert (
        table.loc["pesq", "n_items"] == 0
        and table.loc["pesq", "enhanced":"gap_closed"].isna().all()
    )
    assert summary.as_text(table).startswith("0 items")


def test_every_system_of_every_item_is_scored_against_its_clean_signal():
    scores = score_table(items(2), SAMPLE_RATE)
    assert scores["system"].tolist() == ["noisy", "enhanced", "restored", "clean"] * 2
    assert scores["item_id"].tolist() == ["<item> & 0"] * 4 + ["<item> & 1"] * 4
    assert scores["si_sdr_db"].tolist()[:3] == pytest.approx([0.0, 20.0, 40.0], abs=0.01)
    assert (scores.loc[scores["system"] == "clean", "lsd_db"] == 0.0).all()


@pytest.fixture(scope="module")
def page():
    shown = list(items(2, seconds=9.0))
    ids = [row["item_id"] for row, _ in shown]
    scores = long_table("pesq", noisy=[1, 1], enhanced=[2.0, 2.125], restored=[3, 3], clean=[4, 4])
    scores["item_id"] = scores["item_id"].map({"item 0": ids[0], "item 1": ids[1]})
    table = summary.summary(scores, seed=0)
    plots = {"Paired differences": charts.paired_differences(table)}
    return listening_page.page(
        "listen <run>", table, scores, shown, plots, SAMPLE_RATE, note="corpus demo"
    )


def test_a_page_needs_nothing_but_itself(page):
    attributes = [attributes for _, attributes in Tags(page).tags]
    addresses = [
        a[name]
        for a in attributes
        for name in ("src", "href", "srcset", "action", "data")
        if name in a
    ]
    assert addresses and all(address.startswith("data:") for address in addresses)
    prose = re.sub(r'"data:[^"]*"', "", page)
    assert not re.search(r"https?:|//[a-z]|url\(|@import|\bimport\b|fetch|localStorage", prose)


def test_a_page_holds_all_players_and_pictures_and_says_whose_they_are(page):
    read = Tags(page)
    count = [tag for tag, _ in read.tags]
    assert not read.open  # every tag is closed, in order
    assert (count.count("section"), count.count("audio"), count.count("img")) == (2, 8, 3)
    for text in (
        "listen <run>",
        "corpus demo",
        "<item> & 0",
        "<item> & 1",
        "SNR 0.0 dB, ann, hiss",
        "2.12",
        "2 items",
    ):
        assert text in read.text


def test_a_player_on_the_page_is_8_seconds_long_at_most(page):
    for tag in re.findall(r"<audio[^>]*>", page):
        signal, sample_rate = decoded(tag)
        assert len(signal) == 8 * sample_rate == 8 * SAMPLE_RATE


def test_the_command_line_prints_the_newest_listening_run(tmp_path, monkeypatch, capsys):
    from mlflow import MlflowClient

    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.chdir(tmp_path)
    client = MlflowClient(store)
    experiment = client.create_experiment(
        "listen", artifact_location=(tmp_path / "artifacts").as_uri()
    )
    for text, status in [
        ("old scores", "FINISHED"),
        ("new scores", "FINISHED"),
        ("half of them", "FAILED"),
    ]:
        run = client.create_run(experiment)
        client.log_text(run.info.run_id, text, "scores.txt")
        client.log_text(run.info.run_id, "<!doctype html>", "listening.html")
        client.set_terminated(run.info.run_id, status)
    listening_page.main()
    scores, _, page, ui = capsys.readouterr().out.splitlines()
    assert scores == "new scores" and ui.endswith("make ui")
    path = tmp_path / page.split("  ")[-1]
    assert page.split("  ")[-1].startswith("artifacts/") and path.read_text() == "<!doctype html>"
