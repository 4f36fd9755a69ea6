"""Vetoes: each is found where it was put in, and identity meets none."""

import numpy as np
import pandas as pd
import pytest
from evaluation.score_tables import score_table

from lib.evaluation import vetoes
from lib.evaluation.vetoes import NOTE, TAG, mark
from lib.tracking import store

N = 20
RNG = np.random.default_rng(0)
VALUES = {
    "pause_level_db": RNG.normal(-37, 3, N),
    "phone_error": RNG.uniform(0.1, 0.4, N),
    "speaker_similarity": RNG.uniform(0.7, 0.9, N),
    "distillmos": RNG.uniform(2, 4, N),
}


def scored(**changes) -> pd.DataFrame:
    """Scores of enhanced, and of restored with `changes` added to some of them."""
    table = score_table("pesq", enhanced=[2.0] * N, restored=[2.0] * N)
    for name, values in VALUES.items():
        table[name] = np.r_[values, values + changes.get(name, 0.0)]
    return table


def coloured(hz: float = 475.0, enhanced: float = -0.4, restored: float = -0.4, n: int = N):
    """Colours of `N` items in a band at 1 kHz, and of `n` items in one at `hz`."""
    columns = ["item_id", "system", "band", "hz", "change_db"]
    rows = [(f"item {i}", s, 12, 1000.0, 0.0) for i in range(N) for s in ("enhanced", "restored")]
    for i in range(n):
        rows += [(f"item {i}", "enhanced", 9, hz, enhanced)]
        rows += [(f"item {i}", "restored", 9, hz, restored)]
    return pd.DataFrame(rows, columns=columns)


def test_identity_meets_no_veto():
    assert vetoes.vetoes(scored(), coloured()) == []


@pytest.mark.parametrize(
    "name, change, text",
    [
        ("pause_level_db", 3.6, "pauses 3.6 dB louder than enhanced"),
        ("phone_error", 0.05, "phones wrong surely worse: +0.050 [+0.050, +0.050]"),
        ("speaker_similarity", -0.02, "speaker similarity surely worse: -0.020 [-0.020, -0.020]"),
        ("distillmos", -0.1, "DistillMOS worse in 100 % of the items"),
    ],
)
def test_what_was_made_worse_is_found_and_named_and_the_opposite_is_no_veto(name, change, text):
    assert vetoes.vetoes(scored(**{name: change}), coloured()) == [text]
    assert vetoes.vetoes(scored(**{name: -change}), coloured()) == []


def test_what_may_be_chance_is_no_veto():
    change = np.where(np.arange(N) % 2, 0.05, -0.04)
    assert vetoes.vetoes(scored(phone_error=change, speaker_similarity=-change), coloured()) == []


@pytest.mark.parametrize("n_worse, n_vetoes", [(6, 0), (7, 1)])
def test_three_items_of_ten_may_lose(n_worse, n_vetoes):
    change = np.where(np.arange(N) < n_worse, -0.1, 0.3)
    assert len(vetoes.vetoes(scored(distillmos=change), coloured())) == n_vetoes


@pytest.mark.parametrize("n_louder, rise_db, n_vetoes", [(6, 2.0, 0), (7, 2.0, 1), (20, 0.4, 0)])
def test_a_few_very_quiet_pauses_do_not_hide_many_louder_ones(n_louder, rise_db, n_vetoes):
    change = np.where(np.arange(N) < n_louder, rise_db, -20.0)
    found = vetoes.vetoes(scored(pause_level_db=change), coloured())
    text = "pauses more than 0.5 dB louder than enhanced in 35 % of the items"
    assert found == [text] * n_vetoes


@pytest.mark.parametrize("restored, n_vetoes", [(0.8, 0), (1.0, 1), (-0.8, 0), (-1.0, 1), (0.1, 0)])
def test_a_band_may_be_half_a_decibel_farther_from_clean_on_either_side(restored, n_vetoes):
    found = vetoes.vetoes(scored(), coloured(enhanced=-0.4, restored=restored))
    assert len(found) == n_vetoes


def test_a_coloured_band_is_named_with_both_levels():
    found = vetoes.vetoes(scored(), coloured(restored=2.2))
    assert found == ["colour: +2.2 dB re clean at 475 Hz (enhanced -0.4 dB)"]
    assert vetoes.vetoed_bands(coloured(restored=2.2)).index.tolist() == [9]


def test_bands_of_few_items_and_those_without_voice_do_not_count():
    assert vetoes.vetoes(scored(), coloured(restored=9.0, n=N // 2 - 1)) == []
    assert len(vetoes.vetoes(scored(), coloured(restored=9.0, n=N // 2))) == 1
    assert vetoes.vetoes(scored(), coloured(hz=25.0, restored=9.0)) == []


def test_missing_scores_meet_no_veto():
    table = scored().drop(columns="phone_error").assign(pause_level_db=np.nan)
    assert vetoes.vetoes(table, coloured()) == []


def test_a_run_is_marked_in_its_tag_and_its_note_and_the_newest_judgement_counts():
    note = "`train`: defaults\n\n```\npapermill in.ipynb out.ipynb\n```"
    experiment = store.experiment("train")
    run_id = store.client().create_run(experiment, tags={NOTE: note}).info.run_id
    assert vetoes.shown(store.tags(run_id)) == "not judged"
    mark([run_id], ["pauses 3.6 dB louder", "phones"], "demo, test", 42)
    mark([run_id], ["pauses 3.6 dB louder"], "voices, test", 30)
    mark([run_id], [], "demo, test", 40)
    tags = store.tags(run_id)
    assert tags[TAG] == "" and vetoes.shown(tags) == "no veto"
    assert tags[NOTE].split("\n\n") == [
        *note.split("\n\n"),
        "Vetoes on voices, test (30 items): 1 veto - pauses 3.6 dB louder.",
        "Vetoes on demo, test (40 items): no veto.",
    ]
    mark([run_id], ["pauses", "phones"], "demo, test", 40)
    assert vetoes.shown(store.tags(run_id)) == "2: pauses; phones"
