"""Noises have the spectra and levels that their names promise."""

import numpy as np
import pytest
from signals import voiced

from lib.audio import files
from lib.audio.files import SAMPLE_RATE as RATE
from lib.audio.levels import level_db
from lib.corpus.noises import NOISES, make_noises


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("noises")
    make_noises(root, 0, lambda: [(voiced(1.0, i, 22_050), 22_050) for i in range(8)])
    return root


def test_noises_are_full_band_files_of_20_s_without_silence(folder):
    assert [path.stem for path in files.find(folder)] == sorted(NOISES)
    for path in files.find(folder):
        noise = files.read(path)
        assert files.info(path).sample_rate == RATE and len(noise) == 20 * RATE
        assert -45 < level_db(noise) < -25
        levels = [level_db(piece) for piece in np.split(noise, 100)]  # 0.2 s each
        assert min(levels) > level_db(noise) - 45, path.stem


@pytest.mark.parametrize("name, slope_db", [("white_1", 0.0), ("pink_1", -3.0), ("brown_1", -6.0)])
def test_coloured_noise_falls_by_its_slope_per_octave(folder, name, slope_db):
    noise = files.read(folder / f"{name}.flac")
    power, hz = np.abs(np.fft.rfft(noise)) ** 2, np.fft.rfftfreq(len(noise), 1 / RATE)
    octaves = [
        10 * np.log10(power[(hz >= low) & (hz < 2 * low)].mean())
        for low in (100, 200, 400, 800, 1600)
    ]
    assert np.diff(octaves) == pytest.approx(slope_db, abs=0.5)


@pytest.mark.parametrize("mains_hz", [50, 60])
def test_hum_has_its_power_at_multiples_of_the_mains(folder, mains_hz):
    noise = files.read(folder / f"hum_{mains_hz}hz.flac")
    power = np.abs(np.fft.rfft(noise)) ** 2  # 20 s: bins of 0.05 Hz
    assert power[:: 20 * mains_hz].sum() > 0.95 * power.sum()


def test_only_missing_noises_are_made_and_babble_is_spoken_only_for_babble(folder, tmp_path):
    for path in files.find(folder):
        if path.stem != "white_1":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    make_noises(tmp_path, 0, lambda: pytest.fail("babble was spoken"))
    made = (tmp_path / "white_1.flac").read_bytes()
    assert made == (folder / "white_1.flac").read_bytes()
