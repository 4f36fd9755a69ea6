"""How many samples an MP3 holds: its frames counted, in place of a guess from its size.

An MP3 has no header of its own. A first frame "Xing" or "Info" may say how many frames follow.
Without one, libsndfile divides the file's size by the bit rate of the first frame: at a variable
bit rate the end is cut off, or an end is announced that does not exist. Where files were joined, it
stops at the end of the first one. Format: ISO/IEC 11172-3 (2.4.1) and 13818-3; `Xing` as LAME
writes it.
"""

import mmap
from pathlib import Path
from typing import BinaryIO, NamedTuple

from lib.audio.spliced import Spliced

# kbit/s by the index in the header, of layer III: MPEG 1, then MPEG 2 and 2.5.
BIT_RATES = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
SAMPLE_RATES = {
    3: (44_100, 48_000, 32_000),
    2: (22_050, 24_000, 16_000),
    0: (11_025, 12_000, 8_000),
}
LAYER_3 = 1
# Frames that a count may differ from the one announced: the encoder's delay and padding.
MAX_PADDING = 4


class Header(NamedTuple):
    """The four bytes at the start of a frame."""

    version: int  # 3: MPEG 1, 2: MPEG 2, 0: MPEG 2.5
    sample_rate: int
    mono: bool
    n_bytes: int  # of the whole frame
    n_samples: int


class Frames(NamedTuple):
    """The frames of a file; the frame "Xing" is not counted."""

    start: int  # where tags end; 0 if something else follows them
    first: int  # where the first frame with sound starts, behind a frame "Xing"
    announced: int  # frames that "Xing" announces; 0 if it is not there
    n_frames: int
    header: Header  # of the first frame


def parse_header(head: bytes) -> Header | None:
    """The header in four bytes; None if they are none of layer III.

    >>> parse_header(bytes.fromhex("fffb94c4"))
    Header(version=3, sample_rate=48000, mono=True, n_bytes=384, n_samples=1152)
    """
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    rate_index, bit_rate_index = head[2] >> 2 & 3, head[2] >> 4
    no_sync = head[0] != 0xFF or head[1] >> 5 != 7
    if no_sync or version == 1 or layer != LAYER_3 or rate_index == 3 or bit_rate_index in (0, 15):
        return None
    sample_rate = SAMPLE_RATES[version][rate_index]
    n_samples = 1152 if version == 3 else 576
    bit_rate = 1000 * BIT_RATES[version != 3][bit_rate_index]
    n_bytes = n_samples // 8 * bit_rate // sample_rate + (head[2] >> 1 & 1)
    return Header(version, sample_rate, head[3] >> 6 == 3, n_bytes, n_samples)


def count_frames(path: str | Path) -> Frames | None:
    """Walk through the frames of a file; None if there is no frame of layer III."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        start = place = _behind_tags(content)
        found: Frames | None = None
        n_frames = 0
        while (place := _next_frame(content, place, found and found.header)) >= 0:
            header = parse_header(content[place : place + 4])
            if found is None:
                announced = _announced(content[place : place + header.n_bytes])
                # Behind a tag that says a wrong size, libsndfile would not find the first frame.
                start = start if place == start else 0
                first = place if announced is None else place + header.n_bytes
                found = Frames(start, first, announced or 0, 0, header)
                n_frames -= announced is not None
            n_frames += 1
            place += header.n_bytes
    return found and found._replace(n_frames=n_frames)


def with_count(file: BinaryIO, frames: Frames, n_samples: int) -> Spliced | None:
    """`file` with a frame "Xing" that tells the counted frames; None if its length is right.

    Such a file starts without the decoder's delay of 529 samples, as any that tells its length.

    Args:
        n_samples: that libsndfile expects in `file`. More than there are is right if `file` says so
            itself: then it is cut off, or nearly whole.
    """
    counted, padding = (n * frames.header.n_samples for n in (frames.n_frames, MAX_PADDING))
    is_guess = not frames.announced
    if n_samples >= counted - padding and not (is_guess and n_samples > counted + padding):
        return None
    return Spliced(file, frames.start, frames.first, _info_frame(frames))


def _behind_tags(content: mmap.mmap) -> int:
    """Where the first ID3v2 tags end."""
    place = 0
    while content[place : place + 3] == b"ID3" and len(content) >= place + 10:
        size = content[place + 6 : place + 10]  # 7 bits in each byte
        place += 10 + (size[0] << 21 | size[1] << 14 | size[2] << 7 | size[3])
    return place


def _next_frame(content: mmap.mmap, place: int, like: Header | None) -> int:
    """The place of the first frame from `place` on; -1 if there is none."""
    while 0 <= place <= len(content) - 4:
        header = parse_header(content[place : place + 4])
        if header and (like is None or header[:2] == like[:2]):
            behind = place + header.n_bytes
            # At a doubtful place another frame has to follow, since two bytes are soon found.
            following = parse_header(content[behind : behind + 4].ljust(4, b"\0"))
            if like is not None or following or behind >= len(content):
                return place
        place = content.find(b"\xff", place + 1)
    return -1


def _announced(frame: bytes) -> int | None:
    """Frames that a frame "Xing" announces, 0 if it does not say; None if it is another frame."""
    place = max(frame.find(b"Xing", 0, 48), frame.find(b"Info", 0, 48))
    if place < 0:
        return None
    has_count = frame[place + 7] & 1
    return int.from_bytes(frame[place + 8 : place + 12], "big") if has_count else 0


def _info_frame(frames: Frames) -> bytes:
    """A frame without sound that announces `frames.n_frames`."""
    header = frames.header
    side_info = (17 if header.mono else 32) if header.version == 3 else (9 if header.mono else 17)
    # 64 kbit/s: at each sample rate enough bytes for what stands in the frame.
    index = BIT_RATES[header.version != 3].index(64)
    rate_index = SAMPLE_RATES[header.version].index(header.sample_rate)
    head = bytes(
        [0xFF, 0xE0 | header.version << 3 | LAYER_3 << 1 | 1, index << 4 | rate_index << 2]
    ) + bytes([0xC0 if header.mono else 0x00])
    said = b"Xing" + (1).to_bytes(4, "big") + frames.n_frames.to_bytes(4, "big")
    n_bytes = parse_header(head).n_bytes
    return (head + bytes(side_info) + said).ljust(n_bytes, b"\0")
