"""Baselines: each undoes what it is made for, and is fitted to what is best by its score."""

import numpy as np
import pandas as pd
import pytest
from signals import RATE, voiced, write

from lib import RUNS
from lib.audio import files, stft
from lib.corpus import mix
from lib.evaluation import baselines
from lib.metrics.lsd import lsd_db

N = 4


def corpus_of(name, change):
    """Pairs whose `enhanced` is `change(clean, noise)`, noisy is clean plus noise 10 dB down."""
    rows = []
    for i in range(N):
        clean, noise = 4.0 * voiced(2.0, seed=i), np.random.default_rng(i).standard_normal(2 * RATE)
        noise *= 10 ** (-10 / 20) * np.std(clean) / np.std(noise)
        signals = {"clean": clean, "noisy": clean + noise, "enhanced": change(clean, noise)}
        row = {"id": str(i), "bandwidth_hz": 24_000.0}
        for kind, signal in signals.items():
            row[kind] = f"{kind}_{i}.wav"
            write(RUNS / "pairs" / name / row[kind], signal, subtype="FLOAT")
        rows.append(row)
    return name, pd.DataFrame(rows)


def test_the_equaliser_undoes_a_fixed_filter():
    def dulled(clean, noise):  # 6 dB down above 6 kHz
        low = mix.low_pass(clean, 6_000)
        return low + 0.5 * (clean - low)

    corpus, rows = corpus_of("dulled", dulled)
    curve = baselines.loss_curve(corpus, rows)
    hz = np.fft.rfftfreq(stft.N_FFT, 1 / RATE)
    assert (
        curve[hz > 8_000].mean() == pytest.approx(6.0, abs=0.5)
        and abs(curve[(hz > 200) & (hz < 4_000)]).max() < 0.5
    )
    fitted, curve = baselines.fit(corpus, rows)
    assert set(
        fitted.setting[(fitted.method == "equaliser") & (fitted.fitted_for == "lsd_db")]
    ) == {1.0}
    scores = baselines.score(corpus, rows, fitted, curve)
    before = np.mean([
        lsd_db(*(files.read(RUNS / "pairs" / corpus / row[kind]) for kind in ("enhanced", "clean")), RATE, 24_000)
        for row in rows.to_dict("records")
    ])  # fmt: skip
    after = scores[(scores.method == "equaliser") & (scores.setting == 1.0)].lsd_db.mean()
    assert before > 4.0 and after < 0.25 * before


def test_a_share_of_noisy_is_fitted_where_enhanced_lacks_just_that():
    corpus, rows = corpus_of("less", lambda clean, noise: (clean - 0.2 * (clean + noise)) / 0.8)
    fitted, _ = baselines.fit(corpus, rows)
    assert set(fitted.setting[fitted.method == "noisy mixed in"]) == {0.2}


def test_a_low_pass_and_an_attenuation_limit_delay_nothing_and_take_what_they_say():
    t = np.arange(RATE) / RATE
    low, high = (0.1 * np.sin(2 * np.pi * hz * t).astype(np.float32) for hz in (1_000, 12_000))
    signals = {"enhanced": low + high, "noisy": low + high}
    after = baselines.apply("low-pass", 6_000.0, signals, np.zeros(1025))
    np.testing.assert_allclose(after[4_800:-4_800], low[4_800:-4_800], atol=1e-3)
    noise = 0.1 * np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32)
    limited = baselines.apply("attenuation limit", 6.0, {"noisy": noise}, np.zeros(1025))
    share = np.dot(limited[RATE:], noise[RATE:]) / np.dot(noise[RATE:], noise[RATE:])
    assert share == pytest.approx(
        10 ** (-6 / 20), abs=0.05
    )  # noise alone: what is left is the noise, 6 dB down, in its place


def test_restored_beats_a_baseline_only_if_the_whole_interval_is_better():
    ids = [str(i) for i in range(20)]
    fitted = pd.DataFrame(
        {"method": "low-pass", "fitted_for": ["lsd_db", "pesq"], "setting": 4_000.0}
    )
    theirs = pd.DataFrame(
        {"item_id": ids, "method": "low-pass", "setting": 4_000.0, "lsd_db": 5.0, "pesq": 2.0}
    )
    restored = pd.DataFrame({"item_id": ids, "lsd_db": 4.0, "pesq": [1.9, 2.1] * 10})
    table = baselines.against(restored, theirs, fitted).set_index("metric")
    assert table.loc["lsd_db", "difference"] == -1.0 and table.loc["lsd_db", "beaten"]
    assert table.loc["pesq", "difference"] == pytest.approx(0.0) and not table.loc["pesq", "beaten"]
    assert table.loc["pesq", "low"] < 0 < table.loc["pesq", "high"]
