"""Players hold each sample as it is, and the sound stands in the tag."""

import base64
import io
import re

import numpy as np
import pytest
import soundfile
from signals import RATE, noise

from lib.figures import players


def decoded(tag: str) -> tuple[np.ndarray, int]:
    data = re.search(r'src="data:audio/flac;base64,([^"]+)"', tag)[1]
    return soundfile.read(io.BytesIO(base64.b64decode(data)))


@pytest.mark.parametrize("subtype, bits", [("PCM_24", 24), ("PCM_16", 16)])
def test_a_player_keeps_each_sample_to_its_bits_and_scales_nothing(subtype, bits):
    signal = noise(0.5, 0.05)
    stored, sample_rate = decoded(players.player(signal, RATE, subtype=subtype))
    assert sample_rate == RATE
    assert np.abs(stored - signal).max() <= 2.0**-bits  # half a step


def test_full_scale_is_the_most_that_a_player_takes():
    stored, _ = decoded(players.player(np.array([1.0, -1.0, 0.5]), RATE))
    assert stored.tolist() == [1 - 2.0**-23, -1.0, 0.5]
    with pytest.raises(ValueError, match=r"'restored': peak 1\.001, expected at most 1\.0"):
        players.player(np.array([0.0, -1.001]), RATE, "restored")
    with pytest.raises(ValueError, match="peak nan"):
        players.player(np.array([0.0, np.nan]), RATE)


def test_players_stand_side_by_side_under_their_names_and_a_title_that_is_escaped():
    signals = {"noisy": np.zeros(480), "clean": np.zeros(480)}
    page = players.players(signals, RATE, "a < b")
    assert re.findall(r"<th>(.*?)</th>", page) == ["noisy", "clean"]
    assert re.findall(r'aria-label="(.*?)"', page) == ["noisy", "clean"]
    assert "<caption>a &lt; b</caption>" in page and "<source" not in page
