"""Odd files: each one is restored whole, or refused by its name; none loses sound without a word.

The restorer changes nothing here, so that what comes out is known: what went in.
"""

import re
import struct
from contextlib import suppress

import numpy as np
import pytest
import soundfile
from signals import RATE, joined, mp3_without_count, overstated_mp3, write

from lib.audio import files
from lib.inference import recordings
from lib.inference.jobs import Job
from lib.inference.recordings import restore_jobs


class Unchanged:
    """A restorer of the kind that `restore_jobs` takes, which gives back what it gets."""

    delay = 0

    def restore_batch(self, signals, noisy=None, **options):
        return list(signals)

    def stream(self, **options):
        return self

    def push(self, chunk, noisy=None):
        return chunk

    def flush(self):
        return np.zeros(0, np.float32)


def tone(seconds=0.5, rate=RATE, channels=1, hz=400.0):
    """A tone that every format holds, fading in and out; a level of its own in each channel."""
    t = np.arange(round(seconds * rate)) / rate
    wave = 0.5 * np.sin(2 * np.pi * hz * t) * np.sin(np.pi * t / seconds) ** 2
    return np.stack([wave * (c + 1) / channels for c in range(channels)], axis=1)


def stored(name, codec=None, rate=RATE, channels=1, **form):
    """A file that soundfile writes."""

    def make(folder):
        signal = tone(rate=rate, channels=channels)
        return write(folder / name, signal, rate, codec, **form), signal

    return make


def changed(change, name="a.wav", codec="PCM_16", **form):
    """A file whose bytes `change` changes: content -> content."""

    def make(folder):
        signal = tone()
        path = write(folder / name, signal, subtype=codec, **form)
        path.write_bytes(change(bytearray(path.read_bytes())))
        return path, signal

    return make


def patched(place, new, after=b""):
    """Bytes in the place of others, `place` behind the mark `after`."""

    def change(content):
        start = (content.index(after) if after else 0) + place
        return content[:start] + new + content[start + len(new) :]

    return change


def inserted(new, before=b"data"):
    def change(content):
        place = content.index(before)
        content = content[:place] + new + content[place:]
        return content[:4] + struct.pack("<I", len(content) - 8) + content[8:]

    return change


def custom_wav(form, samples, bits=16):
    """A WAV with this chunk `fmt ` and these bytes of samples, which are `whole_numbers(bits)`."""

    def make(folder):
        chunks = b"WAVEfmt " + struct.pack("<I", len(form)) + form
        chunks += b"data" + struct.pack("<I", len(samples)) + samples
        path = folder / "a.wav"
        path.write_bytes(b"RIFF" + struct.pack("<I", len(chunks)) + chunks)
        return path, whole_numbers(bits)[:, None] / 2 ** (bits - 1)

    return make


def extensible(bits, valid, guid=1):
    """`fmt ` of one channel at 48 kHz, with `valid` bits in a container of `bits`."""
    n_bytes = bits // 8
    head = struct.pack("<HHIIHH", 0xFFFE, 1, RATE, RATE * n_bytes, n_bytes, bits)
    tail = bytes.fromhex("000000001000800000aa00389b71")
    return head + struct.pack("<HHIH", 22, valid, 4, guid) + tail


def plain(channels=1, rate=RATE, bits=16, tag=1):
    align = channels * bits // 8
    return struct.pack("<HHIIHH", tag, channels, rate, rate * align, align, bits)


def whole_numbers(bits):
    return np.rint(tone()[:, 0] * (2 ** (bits - 1) - 1)).astype("<i4")


def other_bytes(name, content):
    def make(folder):
        (folder / name).write_bytes(content)
        return folder / name, None

    return make


def twice(name, **form):
    def make(folder):
        part = write(folder / f"part{name[1:]}", tone(), **form)
        return joined(folder / name, part, part), np.concatenate([tone(), tone()])

    return make


def with_value(value):
    def make(folder):
        signal = tone()
        signal[100] = value
        return write(folder / "a.wav", signal, subtype="FLOAT"), signal

    return make


def renamed(name, new, **form):
    def make(folder):
        return write(folder / name, tone(), **form).rename(folder / new), tone()

    return make


def half(content):
    return content[: len(content) // 2]


OPUS = {"format": "OGG", "subtype": "OPUS"}
ID3 = b"ID3\x03\0\0\0\0\0\x16TIT2\0\0\0\x0c\0\0\0M\xfcller-Frau"
SIZE = 0xFFFFFFFF.to_bytes(4, "little")

# libsndfile only reads the last one.
CODECS = sorted(soundfile.available_subtypes("WAV").keys() - {"MPEG_LAYER_III"})

USED = {
    # codecs of WAV
    **{f"WAV {codec}": stored("a.wav", codec) for codec in CODECS},
    "24 bits in 32": custom_wav(extensible(32, 24), (whole_numbers(24) << 8).tobytes(), 24),
    "20 bits in 24": custom_wav(
        extensible(24, 20),
        (whole_numbers(20) << 4).view(np.uint8).reshape(-1, 4)[:, :3].tobytes(),
        20,
    ),
    "12 bits in 16": custom_wav(plain(), (whole_numbers(12) << 4).astype("<i2").tobytes(), 12),
    "RIFX": stored("a.wav", "PCM_24", endian="BIG"),
    "RF64": stored("a.wav", "PCM_24", format="RF64"),
    "WAVEX": stored("a.wav", "PCM_24", format="WAVEX"),
    # headers of WAV
    "a pipe's sizes": changed(lambda b: patched(4, SIZE, b"data")(patched(4, SIZE)(b))),
    "sox's size of a pipe": changed(patched(4, 0x7FFFFFFF .to_bytes(4, "little"), b"data")),
    "RIFF of size 0": changed(patched(4, bytes(4))),
    "header counted in": changed(
        lambda b: patched(4, struct.pack("<I", len(b)), b"data")(b)
    ),
    "tags in front": changed(inserted(b"LIST\x0e\0\0\0INFOINAM\x02\0\0\0hi")),
    "odd chunk in front": changed(inserted(b"junk\x03\0\0\0abc\0")),
    "bext in front": changed(inserted(b"bext\x5a\x02\0\0" + bytes(602))),
    "chunk behind": changed(lambda b: b + b"PAD \x04\0\0\0abcd"),
    "ID3v1 behind": changed(lambda b: b + b"TAG" + bytes(125)),
    "padding behind": changed(lambda b: b + bytes(2048)),
    # channels and rates
    **{f"{n} channels": stored("a.wav", "PCM_24", channels=n) for n in (2, 3, 6, 8, 24, 64)},
    **{
        f"{rate} Hz": stored("a.wav", "PCM_24", rate=rate)
        for rate in (4_000, 8_000, 11_025, 22_050, 44_056, 44_100, 96_000, 192_000, 384_000)
    },
    # other containers
    "FLAC 8 bits": stored("a.flac", "PCM_S8"),
    "FLAC 24 bits": stored("a.flac", "PCM_24", channels=2, rate=96_000),
    "Vorbis": stored("a.ogg", "VORBIS", channels=2, rate=44_100),
    "Opus at 48 kHz": stored("a.opus", "OPUS", channels=2, format="OGG"),
    "Opus at 16 kHz": stored("a.opus", "OPUS", rate=16_000, format="OGG"),
    "MP3": stored("a.mp3", channels=2, rate=44_100),
    "MP3 of MPEG 2.5": stored("a.mp3", rate=8_000),
    "MP3 with tags": changed(lambda b: ID3 + b, "a.mp3", None),
    "MP3 without its length": lambda folder: (mp3_without_count(folder / "a.mp3", tone()), tone()),
    "MP3 that overstates": lambda folder: (overstated_mp3(folder / "a.mp3", tone(), 9), tone()),
    "MP3 that understates": lambda folder: (overstated_mp3(folder / "a.mp3", tone(), -9), tone()),
    "joined MP3s": twice("a.mp3"),
    "AIFF": stored("a.aif", "PCM_24", channels=2, format="AIFF"),
    "AIFF, low byte first": stored("a.aiff", "PCM_16", endian="LITTLE"),
    "AIFF FLOAT": stored("a.aiff", "FLOAT"),
    "AIFF of unknown size": changed(patched(4, bytes(4), b"SSND"), "a.aiff"),
    "ALAC": stored("a.caf", "ALAC_24", channels=2, rate=44_100),
    "CAF": stored("a.caf", "PCM_24"),
    "W64": stored("a.w64", "PCM_24"),
    "AU": stored("a.au", "ULAW", rate=8_000),
    "AU of unknown size": changed(patched(8, SIZE), "a.au"),
    "AU G.723": stored("a.au", "G723_24", rate=8_000),
    "VOC": stored("a.voc", "PCM_16"),
    "NIST": stored("a.nist", "PCM_16"),
    # names
    "a WAV named .mp3": renamed("a.wav", "a.mp3"),
    "a FLAC named .wav": renamed("a.flac", "a.wav"),
    "no suffix in small letters": renamed("a.wav", "A.WAV"),
}  # fmt: skip

REFUSED = {
    "nothing": (other_bytes("a.wav", b""), "the file is empty"),
    "text": (other_bytes("a.wav", b"this is no audio\n"), "Format not recognised"),
    "no samples": (custom_wav(plain(), b""), "holds no samples"),
    "no data": (other_bytes("a.wav", b"RIFF\x1c\0\0\0WAVEfmt \x10\0\0\0" + plain()), "data"),
    "no fmt": (other_bytes("a.wav", b"RIFF\x0e\0\0\0WAVEdata\x02\0\0\0ab"), "not readable"),
    "no channels": (custom_wav(plain(channels=0), bytes(2000)), "not readable"),
    "rate 0": (custom_wav(plain(rate=0), bytes(2000)), "not readable|0 Hz"),
    "unknown codec": (custom_wav(plain(tag=0x1234), bytes(2000)), "not readable"),
    "53 bits": (custom_wav(plain(bits=53), bytes(7000)), "not readable"),
    "two data chunks": (changed(lambda b: b + b[b.index(b"data") :]), "not readable"),
    "interrupted recorder": (changed(patched(4, bytes(4), b"data")), "0 samples, but 48000 more"),
    "header of a part": (
        changed(patched(4, b"\0\4\0\0", b"data")), "512 samples, but 46976 more bytes"
    ),
    "half a WAV": (changed(half), "cut off"),
    "half an RF64": (changed(half, format="RF64"), "cut off"),
    "half a RIFX": (changed(half, endian="BIG"), "cut off"),
    "half an AIFF": (changed(half, "a.aiff"), "cut off"),
    "half an AU": (changed(half, "a.au"), "cut off"),
    "half a W64": (changed(half, "a.w64"), "cut off"),
    "half a CAF": (changed(half, "a.caf"), "malformed"),
    "half an ALAC": (changed(half, "a.caf", "ALAC_16"), "malformed"),
    "half a FLAC": (changed(half, "a.flac"), "lost sync"),
    "half a Vorbis": (changed(half, "a.ogg", "VORBIS"), "cut off|not readable"),
    "half an Opus": (changed(half, "a.opus", "OPUS", format="OGG"), "cut off|not readable"),
    "half of a long MP3": (
        lambda folder: (overstated_mp3(folder / "a.mp3", tone(), 40), None), "cannot be read"
    ),
    "FLAC of unknown length": (
        changed(lambda b: patched(22, bytes(4))(patched(21, bytes([b[21] & 0xF0]))(b)), "a.flac"),
        "does not say how long it is",
    ),
    "joined FLACs": (twice("a.flac"), "several files"),
    "joined Vorbis": (twice("a.ogg"), "several files"),
    "joined Opus": (twice("a.opus", **OPUS), "several files"),
    "NaN": (with_value(np.nan), "1 samples are NaN or infinite"),
    "infinity": (with_value(-np.inf), "1 samples are NaN or infinite"),
}  # fmt: skip

LOSSY = {"VORBIS", "OPUS", "MPEG_LAYER_III", "GSM610"}
# Twice the coarsest step of a codec; filters of codecs and resamplers are in the last figure.
TOLERANCES = {"PCM_16": 1e-4, "PCM_24": 1e-5, "PCM_32": 1e-5, "FLOAT": 1e-5, "DOUBLE": 1e-5}


def restored(path, monkeypatch, short_s):
    monkeypatch.setattr(recordings, "SHORT_S", short_s)
    job = Job(path, path.parent / "out" / path.name)
    (outcome,) = restore_jobs([job], Unchanged())
    return job.target, outcome.problem


@pytest.mark.parametrize("short_s", [60.0, 0.1], ids=["whole", "in blocks"])
@pytest.mark.parametrize("make", USED.values(), ids=USED)
def test_an_odd_file_is_restored_whole(tmp_path, monkeypatch, make, short_s):
    path, signal = make(tmp_path)
    source = files.info(path)
    assert source.n_samples >= len(signal) and source.channels == signal.shape[1]
    target, problem = restored(path, monkeypatch, short_s)
    assert not problem
    info = files.info(target)
    assert (info.sample_rate, info.channels) == (source.sample_rate, source.channels)
    assert source.n_samples <= info.n_samples <= source.n_samples + 5_000
    found = soundfile.read(target, always_2d=True)[0]
    if LOSSY & {source.codec, info.codec}:  # they move the tone a little
        energies = [np.square(samples).sum(axis=0) for samples in (found, signal)]
        np.testing.assert_allclose(*energies, rtol=0.2)
    else:
        tolerance = max(TOLERANCES.get(codec, 0.05) for codec in (source.codec, info.codec))
        tolerance += 0 if source.sample_rate == RATE else 1e-3
        assert np.abs(found[: len(signal)] - signal).max() < tolerance
    # Training reads the same file as much.
    assert len(files.read(path)) >= len(signal)


@pytest.mark.parametrize("make, message", REFUSED.values(), ids=REFUSED)
def test_an_odd_file_is_refused_by_its_name(tmp_path, monkeypatch, make, message):
    path, _ = make(tmp_path)
    target, problem = restored(path, monkeypatch, 60.0)
    assert problem.startswith(f"{path}: ") and re.search(message, problem)
    assert not target.exists()
    # Training does not take a part of it either.
    with suppress(files.AudioError):
        assert not len(files.read(path))
