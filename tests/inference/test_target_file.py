"""A target gets the container, codec and tags of its source, and appears whole or not at all."""

import numpy as np
import pytest
import soundfile
from signals import RATE, file_size_limit, noise, voiced, write

from lib.audio import files
from lib.inference import target_file

STEREO_24 = files.Info("WAV", "PCM_24", 44_100, 2, 1_000)


@pytest.mark.parametrize(
    "name, source, expected",
    [
        ("a.wav", STEREO_24, ("WAV", "PCM_24")),
        ("a.wav", STEREO_24._replace(container="WAVEX"), ("WAVEX", "PCM_24")),
        ("a.flac", STEREO_24, ("FLAC", "PCM_24")),
        # Where the container lacks the codec, no bits are lost that it could hold.
        ("a.flac", STEREO_24._replace(codec="FLOAT"), ("FLAC", "PCM_24")),
        ("a.flac", STEREO_24._replace(codec="PCM_32"), ("FLAC", "PCM_24")),
        ("a.flac", STEREO_24._replace(codec="PCM_U8"), ("FLAC", "PCM_16")),
        ("a.wav", STEREO_24._replace(container="CAF", codec="ALAC_24"), ("WAV", "PCM_24")),
        ("a.wav", STEREO_24._replace(container="CAF", codec="ALAC_20"), ("WAV", "PCM_24")),
        ("a.wav", STEREO_24._replace(container="FLAC", codec="PCM_S8"), ("WAV", "PCM_16")),
        ("a.wav", STEREO_24._replace(container="OGG", codec="VORBIS"), ("WAV", "PCM_16")),
        ("a.mp3", STEREO_24._replace(codec="FLOAT"), ("MP3", "MPEG_LAYER_III")),
        ("a.aif", STEREO_24, ("AIFF", "PCM_24")),
        ("a.oga", STEREO_24, ("OGG", "VORBIS")),
        ("a.opus", files.Info("WAV", "PCM_16", 48_000, 1, 1), ("OGG", "OPUS")),
        ("a.ogg", files.Info("OGG", "OPUS", 48_000, 1, 1), ("OGG", "OPUS")),
    ],
)
def test_the_suffix_gives_the_container_and_the_source_the_codec(tmp_path, name, source, expected):
    assert target_file.choose_format(tmp_path / name, source) == expected


def test_formats_that_cannot_be_written_are_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"a\.xyz: libsndfile does not write this format"):
        target_file.choose_format(tmp_path / "a.xyz", STEREO_24)
    with pytest.raises(
        ValueError, match=r"folder: has no ending.*if it is to be a folder, make it"
    ):
        target_file.choose_format(tmp_path / "folder", STEREO_24)
    with pytest.raises(ValueError, match=r"48000 Hz, but the source 44100; use \.ogg"):
        target_file.choose_format(tmp_path / "a.opus", STEREO_24)


def test_an_error_half_way_leaves_the_old_target_and_nothing_else(tmp_path):
    source = write(tmp_path / "in.wav", voiced(0.5, 0))
    target = write(tmp_path / "out.wav", voiced(0.5, 1))
    before = target.read_bytes()

    def blocks():
        yield np.zeros((480, 1))
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        target_file.write(target, source, files.info(source), blocks())
    assert target.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.wav", "out.wav"]


@pytest.mark.parametrize(
    "name, n_bits",
    [
        ("U8.wav", 8),
        ("16.wav", 16),
        ("24.wav", 24),
        ("16.flac", 16),
        ("24.aiff", 24),
        ("16.caf", 16),
    ],
)
def test_integers_are_rounded_and_not_cut_off(tmp_path, name, n_bits):
    codec = "PCM_U8" if n_bits == 8 else f"PCM_{n_bits}"
    info = files.Info("WAV", codec, RATE, 1, 101)
    samples = np.arange(-50, 51)[:, None] / 10 / 2 ** (n_bits - 1)
    write(tmp_path / "source.wav", samples[:, 0])
    target_file.write(tmp_path / name, tmp_path / "source.wav", info, [samples.astype(np.float32)])
    steps = soundfile.read(tmp_path / name)[0] * 2 ** (n_bits - 1)
    assert np.abs(steps - np.arange(-50, 51) / 10).max() <= 0.5001


def test_samples_beyond_full_scale_are_clipped_and_counted_unless_the_codec_holds_them(tmp_path):
    source = write(tmp_path / "in.wav", np.zeros(RATE), subtype="FLOAT")
    block = np.array([[2.0], [-3.0], [0.5]], np.float32)
    info = files.info(source)
    assert target_file.write(tmp_path / "out.wav", source, info, [block]) == 0
    assert target_file.write(tmp_path / "out.flac", source, info, [block, block]) == 4
    np.testing.assert_array_equal(soundfile.read(tmp_path / "out.wav")[0], block[:, 0])
    kept = [1, -1, 0.5]
    np.testing.assert_allclose(soundfile.read(tmp_path / "out.flac")[0], kept * 2, atol=1e-4)


# Without ALAC: libsndfile keeps it in a temporary file, which the limit of the test would hit, too.
WRITERS = {
    "a.wav": ("WAV", "PCM_16"),
    "adpcm.wav": ("WAV", "MS_ADPCM"),
    "a.flac": ("FLAC", "PCM_24"),
    "a.ogg": ("OGG", "VORBIS"),
    "a.opus": ("OGG", "OPUS"),
    "a.mp3": ("MP3", "MPEG_LAYER_III"),
    "a.caf": ("CAF", "PCM_16"),
    "a.aiff": ("AIFF", "PCM_24"),
    "a.w64": ("W64", "FLOAT"),
    "a.au": ("AU", "ULAW"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_leaves_no_half_of_a_file(tmp_path, name):
    """Of a compressed format, libsndfile lost up to half of the samples without an error."""
    signal = noise(2.0)[:, None]
    info = files.Info(*WRITERS[name], RATE, 1, len(signal))
    source = write(tmp_path / "in.wav", signal)
    target = tmp_path / "out" / name
    target_file.write(target, source, info, [signal])
    assert files.info(target).n_samples >= len(signal)
    n_bytes = target.stat().st_size
    target.unlink()
    for limit in (100, n_bytes // 3, n_bytes - 8):
        with pytest.raises(OSError, match=rf"File too large: '.*{name}'"), file_size_limit(limit):
            target_file.write(target, source, info, [signal])
        assert not list(target.parent.iterdir())
