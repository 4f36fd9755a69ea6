"""A pair is cut, turned down where it is too loud, and refused where it is of no use."""

import numpy as np
import pytest
from signals import RATE, noise, voiced

from lib.audio import files
from lib.corpus.pieces import faults, measure, save_pieces

CLEAN = voiced(1.0)
NOISY = CLEAN + noise(1.0, 0.01)
COMMON = {
    "id": "pair",
    "scale": np.nan,
    "gain": 1.0,
    "df_lag": 0,
    "df_lag_confidence": 9.0,
    "save_segment_length": 0,
}


def reason(clean=CLEAN, noisy=NOISY, enhanced=0.9 * CLEAN, **columns):
    piece = {"clean": clean, "noisy": noisy, "enhanced": enhanced}
    return faults(piece, COMMON | measure(piece) | columns)


def test_levels_and_si_sdr_are_those_that_are_known():
    sine = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    cosine = np.cos(2 * np.pi * 440 * np.arange(RATE) / RATE)
    row = measure({"clean": sine, "noisy": sine + 0.1 * cosine, "enhanced": 0.5 * sine})
    assert row["level_clean_db"] == pytest.approx(0.0, abs=1e-3)
    assert row["level_enhanced_db"] == pytest.approx(-6.02, abs=1e-2)
    assert row["si_sdr_noisy_db"] == pytest.approx(20.0, abs=1e-3)
    assert list(row) == [
        *("level_clean_db", "level_noisy_db", "level_enhanced_db"),
        *("clipped_clean", "clipped_noisy", "si_sdr_noisy_db", "si_sdr_enhanced_db"),
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ""),
        ({"enhanced": CLEAN[:-1]}, "lengths differ"),
        ({"clean": 0 * CLEAN}, "clean is silent"),
        ({"clean": np.clip(40 * CLEAN, -0.9, 0.9)}, "of clean is clipped"),
        ({"noisy": CLEAN}, "noisy is clean (SI-SDR"),
        ({"enhanced": NOISY}, "DeepFilterNet3 changed nothing"),
        ({"enhanced": 0 * CLEAN}, "DeepFilterNet3 left nothing over"),
        ({"df_lag": -25}, "enhanced is -25 samples off noisy"),
        ({"df_lag": 24}, ""),
        ({"df_lag": 480, "df_lag_confidence": 1.0}, ""),
    ],
)
def test_each_fault_has_its_reason(change, expected):
    text = reason(**change)
    assert expected in text and bool(text) == bool(expected)


def test_noise_alone_may_be_silent_in_clean_and_enhanced_but_not_in_noisy():
    alone = {"snr_db": -np.inf, "clean": 0 * CLEAN}
    assert reason(**alone) == reason(**alone, enhanced=0 * CLEAN) == ""
    assert "noisy is silent" in reason(**alone, noisy=1e-5 * NOISY)
    assert "DeepFilterNet3 changed nothing" in reason(**alone, enhanced=NOISY)


def test_a_pair_that_was_mixed_without_noise_may_be_clean():
    assert reason(noisy=CLEAN, noise_path="", noisy_path="") == ""
    assert "noisy is clean" in reason(noisy=CLEAN, noise_path="", noisy_path="recorded.wav")
    assert "noisy is clean" in reason(noisy=CLEAN, noise_path="rain.wav", noisy_path="")


def test_pieces_have_the_length_that_was_asked_for_and_hold_the_whole_pair(tmp_path):
    signals = {"clean": CLEAN, "noisy": NOISY, "enhanced": (0.9 * CLEAN).astype(np.float32)}
    rows = save_pieces(tmp_path, "pair", signals, COMMON | {"save_segment_length": 20_000})
    assert [row["id"] for row in rows] == ["pair_p000", "pair_p001"]
    assert [(row["start"], row["n_samples"]) for row in rows] == [
        (0, 20_000),
        (20_000, 28_000),  # a rest of 8,000 samples is no item
    ]
    for name, signal in signals.items():
        saved = np.concatenate([files.read(tmp_path / row[name]) for row in rows])
        np.testing.assert_allclose(saved, signal, atol=2**-23)


@pytest.mark.parametrize(
    ("n_samples", "lengths"),
    [
        (48_007, [48_007]),
        (67_199, [67_199]),
        (67_200, [48_000, 19_200]),
        (96_007, [48_000, 48_007]),
    ],
)
def test_a_rest_below_the_shortest_item_belongs_to_the_last_piece(tmp_path, n_samples, lengths):
    clean = voiced(2.1)[:n_samples]
    signals = {"clean": clean, "noisy": clean + noise(2.1, 0.01)[:n_samples]}
    signals["enhanced"] = np.float32(0.9) * clean
    rows = save_pieces(tmp_path, "pair", signals, COMMON | {"save_segment_length": 48_000})
    assert [row["n_samples"] for row in rows] == lengths
    assert {row["verdict"] for row in rows} == {"ok"}


def test_a_pair_below_the_shortest_item_is_refused_by_its_length(tmp_path):
    signals = {"clean": CLEAN, "noisy": NOISY, "enhanced": 0.9 * CLEAN}
    short, item = (
        save_pieces(tmp_path, "pair", {name: x[:n] for name, x in signals.items()}, COMMON)[0]
        for n in (19_199, 19_200)
    )
    assert short["reason"] == "0.400 s long, expected at least 0.4 s" and item["reason"] == ""


def test_a_pair_beyond_full_scale_is_turned_down_as_a_whole(tmp_path):
    full = 0.9 / np.abs(CLEAN).max()
    loud = {"clean": full * CLEAN, "noisy": full * NOISY, "enhanced": 1.5 * full * CLEAN}
    (row,) = save_pieces(tmp_path, "loud", loud, COMMON)
    gain = 0.99 / (1.5 * 0.9)
    assert row["gain"] == pytest.approx(gain) and row["verdict"] == "ok"
    assert row["scale"] == pytest.approx(gain * np.abs(loud["noisy"]).max())
    for name, signal in loud.items():
        np.testing.assert_allclose(files.read(tmp_path / row[name]), gain * signal, atol=1e-6)


def test_a_refused_piece_is_not_written(tmp_path):
    signals = {"clean": CLEAN, "noisy": NOISY, "enhanced": NOISY}
    (row,) = save_pieces(tmp_path, "same", signals, COMMON)
    assert row["verdict"] == "refused" and "noisy" not in row and not list(tmp_path.iterdir())
