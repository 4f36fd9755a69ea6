"""A row is mixed again alone, from files that are read once."""

import numpy as np
from signals import write

from lib.audio import files
from lib.corpus.manifest import load_pair
from lib.corpus.mixed_pairs import mix_row, read_noise, read_room


def test_a_row_that_is_mixed_alone_is_the_saved_one(laws):
    _, folders, manifest = laws
    for row in manifest.head(3).itertuples():
        saved = load_pair("laws", row)["noisy"]
        np.testing.assert_allclose(mix_row(row, folders).noisy, saved, atol=2**-22)


def test_a_noise_and_a_room_are_read_once_in_a_process(laws, monkeypatch):
    _, folders, manifest = laws
    rows = manifest[manifest.rir != ""].head(4)
    read_noise.cache_clear()
    read_room.cache_clear()
    folders_read, read = [], files.read

    def counted(path, *args, **options):
        folders_read.append(path.parent.name)
        return read(path, *args, **options)

    monkeypatch.setattr(files, "read", counted)
    for row in [*rows.itertuples(), *rows.itertuples()]:
        mix_row(row, folders)
    noises = set(rows.noise_path) | set(rows.second_noise_path) - {""}
    assert folders_read.count("rooms") == rows.rir.nunique()
    assert folders_read.count("noise") == len(noises)
    # The speech is read each time.
    assert len(folders_read) == 2 * len(rows) + rows.rir.nunique() + len(noises)


def test_of_several_microphones_of_a_room_the_first_is_used(tmp_path):
    rir = np.zeros((4_800, 2), np.float32)
    rir[100, 0], rir[130, 1] = 0.5, 0.9  # the mean would be a comb filter
    write(tmp_path / "two.wav", rir, subtype="FLOAT")
    response, lag, t60 = read_room(tmp_path / "two.wav")
    assert lag == 100 and response[0] == 1 and not response[1:].any() and t60 == 0


def test_a_room_without_a_measurable_decay_is_used_and_has_no_t60(tmp_path):
    rir = np.zeros(4_800, np.float32)
    rir[[100, 600]] = 0.5, 0.4  # cut off after a strong reflection: a fall by 4 dB
    write(tmp_path / "short.wav", rir[:601], subtype="FLOAT")
    response, lag, t60 = read_room(tmp_path / "short.wav")
    assert lag == 100 and len(response) == 501 and np.isnan(t60)
