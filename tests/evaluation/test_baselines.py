"""Baselines: each undoes what it is made for, and DistillMOS alone chooses its setting."""

import numpy as np
import pandas as pd
import pytest
from evaluation.score_tables import write_corpus
from signals import RATE

from lib import RUNS
from lib.audio import files
from lib.corpus import mix
from lib.evaluation import baselines
from lib.metrics import colour
from lib.metrics.lsd import lsd_db

N_PAIRS = 4


def dulled(clean, noise):
    """Clean, 6 dB down above 6 kHz."""
    low = mix.low_pass(clean, 6_000)
    return low + 0.5 * (clean - low)


def test_erb_gains_undo_a_fixed_filter():
    rows = write_corpus("dulled", N_PAIRS, dulled)
    gains_db = baselines.erb_gains_db("dulled", rows)
    hz, _ = colour.band_edges_hz(RATE)
    assert gains_db[hz > 8_000] == pytest.approx(6.0, abs=0.3)
    assert gains_db[hz < 4_000] == pytest.approx(0.0, abs=0.2)
    folder = RUNS / "pairs" / "dulled"
    enhanced, clean = (files.read(folder / rows[name][0]) for name in ("enhanced", "clean"))
    restored = baselines.apply(baselines.ERB_GAINS, np.nan, {"enhanced": enhanced}, gains_db)
    assert lsd_db(enhanced, clean, RATE, 24_000) > 4.0
    assert lsd_db(restored, clean, RATE, 24_000) < 1.0


def test_the_setting_is_the_one_that_distillmos_prefers(monkeypatch):
    """A judge that likes what is far from clean gets its way, and no other score is asked."""
    asked = []

    def judge(estimate, reference, sample_rate, bandwidth_hz, names):
        asked.append(names)
        return dict.fromkeys(names, float(np.std(estimate - reference)))

    monkeypatch.setattr(baselines.registry, "compute_scores", judge)
    rows = write_corpus("judged", 2, lambda clean, noise: clean)
    fitted = baselines.fit("judged", rows)
    assert set(asked) == {("distillmos",)}
    assert fitted.settings["noisy mixed in"] == -10.0
    best = fitted.means.loc[fitted.means.groupby("method").distillmos.idxmax()]
    assert dict(zip(best.method, best.setting, strict=True)).items() <= fitted.settings.items()
    assert set(fitted.settings) == {*baselines.GRIDS, baselines.ERB_GAINS}
    assert fitted.gains_db == pytest.approx(np.zeros(32), abs=1e-6)
    scores = baselines.score("judged", rows, fitted)
    assert list(scores) == ["item_id", "method", "setting", *baselines.SCORES]
    assert len(scores) == 2 * len(fitted.settings) and asked[-1] == baselines.SCORES


def test_noisy_is_mixed_in_at_the_level_that_the_setting_says():
    rng = np.random.default_rng(0)
    signals = {name: rng.standard_normal(RATE) for name in ("enhanced", "noisy")}
    mixed = baselines.apply("noisy mixed in", -20.0, signals, np.zeros(32))
    np.testing.assert_allclose(mixed, 0.9 * signals["enhanced"] + 0.1 * signals["noisy"], atol=1e-6)


def test_an_attenuation_limit_delays_nothing_and_takes_what_it_says():
    noise = 0.1 * np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32)
    limited = baselines.apply("attenuation limit", 6.0, {"noisy": noise}, np.zeros(32))
    # Of noise alone nothing is speech: the noise itself is left, 6 dB down and in its place.
    share = np.dot(limited[RATE:], noise[RATE:]) / np.dot(noise[RATE:], noise[RATE:])
    assert share == pytest.approx(10 ** (-6 / 20), abs=0.05)


def test_equal_erb_gains_are_one_gain_and_delay_nothing():
    click = np.zeros(8_000, np.float32)
    click[4_000] = 0.1
    signals = {"enhanced": click}
    louder = baselines.apply(baselines.ERB_GAINS, np.nan, signals, np.full(32, 6.0))
    np.testing.assert_allclose(louder, click * 10 ** (6 / 20), atol=1e-4)


def test_an_unknown_baseline_is_refused():
    with pytest.raises(KeyError, match="low-pass"):
        baselines.apply("low-pass", 6_000.0, {}, np.zeros(32))


def test_restored_beats_a_baseline_only_if_the_whole_interval_is_better():
    ids = [str(i) for i in range(20)]
    even = pd.DataFrame({"item_id": ids}).assign(**dict.fromkeys(baselines.SCORES, 2.0))
    restored = even.assign(system="restored", lsd_db=1.0, distillmos=[1.9, 2.1] * 10)
    scores = pd.concat([restored, even.assign(system="enhanced", visqol=3.0)])
    table = baselines.against(scores, even.assign(method="ERB gains", setting=np.nan))
    # Enhanced is among them, though nobody scored it as a baseline; PESQ comes last.
    assert table.metric[::2].tolist() == list(baselines.SCORES)
    table = table.set_index(["method", "metric"])
    assert table.beaten[("ERB gains", "lsd_db")]
    assert table.difference[("ERB gains", "lsd_db")] == -1.0
    row = table.loc[("ERB gains", "distillmos")]
    assert row.difference == pytest.approx(0.0) and row.low < 0 < row.high and not row.beaten
    assert table.difference[("enhanced", "visqol")] == -1.0
    assert not table.beaten[("enhanced", "visqol")]


def test_only_items_of_the_baselines_are_compared():
    even = pd.DataFrame({"item_id": ["a", "b"]}).assign(**dict.fromkeys(baselines.SCORES, 2.0))
    scores = pd.concat([even.assign(system=system) for system in ("restored", "enhanced")])
    table = baselines.against(scores, even[:1].assign(method="ERB gains", setting=np.nan))
    assert set(table.n_items) == {1}
