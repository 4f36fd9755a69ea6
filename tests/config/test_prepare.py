"""Rules about several parameters of `prepare`."""

from refusals import refusal

from lib.config.base import build
from lib.config.prepare import Prepare


def test_values_that_do_not_go_together_are_both_shown():
    (line,) = refusal(Prepare, save_segment_length=24000)
    assert "24000" in line and "48000" in line
    (line,) = refusal(Prepare, scale_min=0.5, scale_max=0.4)
    assert "0.5" in line and "0.4" in line
    (line,) = refusal(Prepare, p_clean=0.7, p_noise_alone=0.4)
    assert "p_clean = 0.7 and p_noise_alone = 0.4: expected a sum of at most 1" in line
    (line,) = refusal(Prepare, formant_min=1.2, formant_max=1.1)
    assert "formant_min = 1.2: expected at most formant_max = 1.1" in line
    (line,) = refusal(Prepare, speed_min=1.2, speed_max=1.1)
    assert "1.2" in line and "1.1" in line
    (line,) = refusal(Prepare, n_test_clean=30)
    assert "n_test_clean = 30: expected n_test beside it" in line
    (line,) = refusal(Prepare, valid_share=0.5, test_share=0.4)
    assert "0.5" in line and "0.4" in line
    assert build(Prepare, {"save_segment_length": 48000}).save_segment_length == 48000


def test_recorded_pairs_are_named_in_one_way_and_not_mixed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pairs.csv").touch()
    (line,) = refusal(Prepare, noisy_dir=".")
    assert "noisy_dir = '.'" in line and "speech_dir" in line
    (line,) = refusal(Prepare, noisy_dir=".", speech_dir=".", noise_dir=".")
    assert "noise_dir" in line and "own pairs" in line
    (line,) = refusal(Prepare, pairs_csv="pairs.csv", speech_dir=".")
    assert "neither speech_dir nor noisy_dir" in line
    (line,) = refusal(Prepare, pairs_csv="pairs.csv", join_below=2.5)
    assert "join_below" in line and "own pairs" in line
    assert build(Prepare, {"pairs_csv": "pairs.csv"}).pairs_csv == "pairs.csv"


def test_a_validation_share_of_5_to_10_percent_is_recommended():
    assert build(Prepare, {"valid_share": 0.05}).start_lines == Prepare().start_lines == []
    assert build(Prepare, {"valid_share": 0.02}).start_lines == [
        "valid_share = 0.02: 0.05 to 0.1 is recommended"
    ]
