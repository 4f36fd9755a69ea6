"""Baselines: each undoes what it is made for, and is fitted to what is best by its score."""

import numpy as np
import pandas as pd
import pytest
from evaluation.score_tables import write_corpus
from signals import RATE

from lib import RUNS
from lib.audio import files, stft
from lib.corpus import mix
from lib.evaluation import baselines
from lib.metrics.lsd import lsd_db

N_PAIRS = 4


def dulled(clean, noise):
    """Clean, 6 dB down above 6 kHz."""
    low = mix.low_pass(clean, 6_000)
    return low + 0.5 * (clean - low)


def test_the_equaliser_undoes_a_fixed_filter():
    rows = write_corpus("dulled", N_PAIRS, dulled)
    curve = baselines.loss_curve("dulled", rows)
    hz = np.fft.rfftfreq(stft.N_FFT, 1 / RATE)
    assert curve[hz > 8_000].mean() == pytest.approx(6.0, abs=0.5)
    assert abs(curve[(hz > 200) & (hz < 4_000)]).max() < 0.5
    fitted, curve = baselines.fit("dulled", rows)
    by_lsd = (fitted.method == "equaliser") & (fitted.fitted_for == "lsd_db")
    assert fitted.setting[by_lsd].tolist() == [1.0]
    scores = baselines.score("dulled", rows, fitted, curve)
    folder = RUNS / "pairs" / "dulled"
    pairs = [
        (files.read(folder / e), files.read(folder / c))
        for e, c in rows[["enhanced", "clean"]].values
    ]
    before = np.mean([lsd_db(*pair, RATE, 24_000) for pair in pairs])
    after = scores[(scores.method == "equaliser") & (scores.setting == 1.0)].lsd_db.mean()
    assert before > 4.0 and after < 0.25 * before


def test_a_share_of_noisy_is_fitted_where_enhanced_lacks_just_that():
    rows = write_corpus("less", N_PAIRS, lambda clean, noise: (clean - 0.2 * (clean + noise)) / 0.8)
    fitted, _ = baselines.fit("less", rows)
    assert set(fitted.setting[fitted.method == "noisy mixed in"]) == {0.2}
    pairs = set(zip(fitted.method, fitted.fitted_for, strict=True))
    assert pairs == {(method, score) for method in baselines.GRIDS for score in baselines.SCORES}


def test_an_attenuation_limit_delays_nothing_and_takes_what_it_says():
    noise = 0.1 * np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32)
    limited = baselines.apply("attenuation limit", 6.0, {"noisy": noise}, np.zeros(1025))
    # Of noise alone nothing is speech: the noise itself is left, 6 dB down and in its place.
    share = np.dot(limited[RATE:], noise[RATE:]) / np.dot(noise[RATE:], noise[RATE:])
    assert share == pytest.approx(10 ** (-6 / 20), abs=0.05)


def test_a_flat_equaliser_gives_its_gain_and_delays_nothing():
    click = np.zeros(8_000, np.float32)
    click[4_000] = 0.1
    louder = baselines.apply("equaliser", 0.5, {"enhanced": click}, np.full(1025, 12.0))
    expected = click * 10 ** (6 / 20)
    np.testing.assert_allclose(louder, expected, atol=1e-4)


def test_an_unknown_baseline_is_refused():
    with pytest.raises(KeyError, match="low-pass"):
        baselines.apply("low-pass", 6_000.0, {}, np.zeros(1025))


def test_restored_beats_a_baseline_only_if_the_whole_interval_is_better():
    ids = [str(i) for i in range(20)]
    setting = {"method": "noisy mixed in", "setting": 0.1}
    fitted = pd.DataFrame({"fitted_for": ["lsd_db", "pesq"]}).assign(**setting)
    fitted = fitted[["method", "fitted_for", "setting"]]
    scores = pd.DataFrame({"item_id": ids, "lsd_db": 5.0, "pesq": 2.0}).assign(**setting)
    restored = pd.DataFrame({"item_id": ids, "lsd_db": 4.0, "pesq": [1.9, 2.1] * 10})
    table = baselines.against(restored, scores, fitted).set_index("metric")
    assert table.loc["lsd_db", "difference"] == -1.0 and table.loc["lsd_db", "beaten"]
    assert table.loc["pesq", "difference"] == pytest.approx(0.0) and not table.loc["pesq", "beaten"]
    assert table.loc["pesq", "low"] < 0 < table.loc["pesq", "high"]
