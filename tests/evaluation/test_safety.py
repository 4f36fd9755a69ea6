"""Safety: signals without speech keep their levels, and clean speech is scored three times."""

import numpy as np
import pandas as pd
import pytest
from signals import RATE, voiced, write

from lib import RUNS
from lib.audio import files, levels
from lib.deepfilter.enhance import enhance
from lib.evaluation import safety
from lib.inference.restorer import restore_signal
from lib.metrics import registry
from lib.models.pretrained import load_weights

CORPUS = "safety"
PLAIN = {"bandwidth_hz": 24_000.0, "lowpass_hz": 0.0, "clip_db": 0.0, "codec": ""}
NO_ROWS = pd.DataFrame(columns=["rir", "noise_path", "lowpass_hz", "clip_db", "codec"])


@pytest.fixture(scope="module")
def rows():
    """Two pairs with noise at -30 dBFS, the second in a room, and the first noise again."""
    rows, rng = [], np.random.default_rng(0)
    mixtures = [("a/fan.wav", ""), ("b/rain.wav", "hall.wav"), ("a/fan.wav", "")]
    for i, (noise_path, rir) in enumerate(mixtures):
        clean = 3.0 * voiced(1.5, seed=i)
        noise = rng.standard_normal(len(clean)) * 10 ** (-30 / 20) / np.sqrt(2)
        row = {"id": str(i), "rir": rir, "noise_path": noise_path}
        for kind, signal in {"clean": clean, "noisy": clean + noise, "enhanced": clean}.items():
            row[kind] = f"{kind}_{i}.wav"
            write(RUNS / "pairs" / CORPUS / row[kind], signal, subtype="FLOAT")
        rows.append(row | PLAIN)
    return pd.DataFrame(rows)


def test_each_noise_without_a_room_is_taken_once_as_it_stands_in_the_mixture(rows):
    signals = safety.speechless_signals(CORPUS, rows)
    assert list(signals) == ["fan", "white noise", "silence"]
    assert levels.level_db(signals["fan"]) == pytest.approx(-30.0, abs=0.1)
    assert levels.level_db(signals["white noise"]) == pytest.approx(-40.0, abs=0.1)
    assert not signals["silence"].any()


def test_silence_stays_silent_and_the_added_energy_is_that_of_the_outputs():
    signals = safety.speechless_signals("", NO_ROWS)
    signals = {name: signal[: 2 * RATE] for name, signal in signals.items()}
    generator = load_weights()
    table = safety.without_speech(generator, signals).set_index("signal")
    white = signals["white noise"]
    enhanced = enhance(white)
    restored_db = levels.level_db(restore_signal(generator, enhanced, white))
    added_db = restored_db - levels.level_db(enhanced)
    assert table.added_db["white noise"] == pytest.approx(added_db, abs=0.01)
    assert table.noisy_db["white noise"] == pytest.approx(-40.0, abs=0.1)
    assert table.enhanced_db["white noise"] < -46
    assert table.restored_db["silence"] < -80 and np.isnan(table.added_db["silence"])


def test_clean_speech_is_scored_behind_each_system_and_the_first_is_deepfilternet(rows):
    table = safety.clean_speech(load_weights(), CORPUS, rows.head(2))
    assert table.system.tolist() == 2 * [safety.FIRST_STAGE, safety.CHAIN, safety.ALONE]
    assert table.item_id.tolist() == list("000111")
    clean = files.read(RUNS / "pairs" / CORPUS / "clean_0.wav")
    expected = registry.compute_scores(enhance(clean), clean, RATE, 24_000.0)
    assert dict(table.loc[0, list(registry.CORE)]) == pytest.approx(expected, rel=1e-3)
