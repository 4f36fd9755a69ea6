"""What needs no help: levels and scores on the way through the chain, by signals that are known."""

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


@pytest.fixture(scope="module")
def made():
    """Two pairs with noise at -30 dBFS, the second in a room, and the same noise in a third: (corpus, rows)."""
    rows, rng = [], np.random.default_rng(0)
    for i, (noise_path, rir) in enumerate(
        [("a/fan.wav", ""), ("b/rain.wav", "hall.wav"), ("a/fan.wav", "")]
    ):
        clean = 3.0 * voiced(1.5, seed=i)
        noise = rng.standard_normal(len(clean)) * 10 ** (-30 / 20) / np.sqrt(2)
        row = {
            "id": str(i),
            "bandwidth_hz": 24_000.0,
            "rir": rir,
            "noise_path": noise_path,
            "lowpass_hz": 0.0,
            "clip_db": 0.0,
        }
        for kind, signal in {"clean": clean, "noisy": clean + noise, "enhanced": clean}.items():
            row[kind] = f"{kind}_{i}.wav"
            write(RUNS / "pairs" / "harm" / row[kind], signal, subtype="FLOAT")
        rows.append(row)
    return "harm", pd.DataFrame(rows)


def test_each_noise_without_a_room_is_taken_once_as_it_stands_in_the_mixture(made):
    found = safety.speechless_signals(*made)
    assert list(found) == ["fan", "white noise", "silence"]
    assert levels.level_db(found["fan"]) == pytest.approx(-30.0, abs=0.1)
    assert (
        levels.level_db(found["white noise"]) == pytest.approx(-40.0, abs=0.1)
        and not found["silence"].any()
    )


def test_silence_stays_silent_and_the_energy_that_is_added_is_that_of_the_outputs():
    noise = safety.speechless_signals(
        "", pd.DataFrame(columns=["rir", "noise_path", "lowpass_hz", "clip_db"])
    )
    generator = load_weights()
    table = safety.without_speech(
        generator, {name: signal[: 2 * RATE] for name, signal in noise.items()}
    )
    table = table.set_index("signal")
    white = noise["white noise"][: 2 * RATE]
    enhanced = enhance(white)
    added_db = levels.level_db(restore_signal(generator, enhanced, white)) - levels.level_db(
        enhanced
    )
    assert table.added_db["white noise"] == pytest.approx(added_db, abs=0.01)
    assert table.noisy_db["white noise"] == pytest.approx(-40.0, abs=0.1)
    assert table.enhanced_db["white noise"] < -46
    assert table.restored_db["silence"] < -80


def test_clean_speech_takes_three_ways_and_the_first_is_deepfilternets_own(made):
    corpus, rows = made
    table = safety.clean_speech(load_weights(), corpus, rows.head(2))
    assert table.system.tolist() == 2 * [safety.FIRST_STAGE, safety.CHAIN, safety.ALONE]
    assert table.item_id.tolist() == list("000111")
    clean = files.read(RUNS / "pairs" / "harm" / "clean_0.wav")
    own = registry.compute_scores(enhance(clean), clean, RATE, 24_000.0)
    assert dict(table.loc[0, list(registry.NAMES)]) == pytest.approx(own, rel=1e-3)
