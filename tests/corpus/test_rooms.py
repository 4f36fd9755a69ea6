"""Simulated rooms: they decay as their names say, and start just before the direct sound."""

import numpy as np
import pytest

from lib.audio import files
from lib.audio.files import SAMPLE_RATE as RATE
from lib.corpus.impulse_responses import direct_path
from lib.corpus.rooms import make_rooms


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    return make_rooms(tmp_path_factory.mktemp("bank") / "rooms", n_rooms=3)


def test_rooms_decay_as_their_names_say(rooms):
    for path in files.find(rooms):
        rir, named = files.read(path), float(path.stem.rpartition("_")[2])
        energy = np.cumsum(rir[::-1].astype(np.float64) ** 2)[::-1]
        level = 10 * np.log10(energy / energy[0])
        # Another meter: three times the fall by 20 dB.
        measured = 3 * (np.argmax(level < -25) - np.argmax(level < -5)) / RATE
        assert measured == pytest.approx(named, rel=0.3) and 0.15 < named < 0.65


def test_rooms_start_2_ms_before_their_direct_path(rooms):
    for path in files.find(rooms):
        rir = files.read(path)
        _, n_before = direct_path(rir)
        assert files.info(path).sample_rate == RATE
        assert np.abs(rir).max() == pytest.approx(0.9, abs=1e-6)
        assert n_before == pytest.approx(RATE // 500, abs=2)


def test_another_seed_makes_other_rooms_and_the_same_seed_the_same(rooms, tmp_path):
    def contents(folder):
        return {path.read_bytes() for path in files.find(folder)}

    # The first room is the deadest one, whatever the number of rooms.
    assert not contents(make_rooms(tmp_path / "other", n_rooms=1, seed=1)) & contents(rooms)
    assert contents(make_rooms(tmp_path / "again", n_rooms=1)) < contents(rooms)


def test_other_settings_replace_what_was_made(tmp_path):
    folder = make_rooms(tmp_path / "rooms", n_rooms=2)
    make_rooms(folder, n_rooms=1)
    assert len(files.find(folder)) == 1


def test_a_folder_that_was_not_made_here_is_left_alone(tmp_path):
    foreign = files.write(tmp_path / "rooms" / "mine.flac", np.ones(10), RATE)
    with pytest.raises(FileExistsError, match="rooms exists and was not made"):
        make_rooms(tmp_path / "rooms", n_rooms=1)
    assert foreign.exists()
