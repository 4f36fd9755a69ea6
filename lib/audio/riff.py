"""The chunks of a WAV file: name, place, size.

Also of RIFX and AIFF, whose numbers begin with the high byte, and of RF64, the form of a WAV beyond
4 GB (EBU 3306).
"""

import mmap
import re
from collections.abc import Iterator
from typing import NamedTuple

SAMPLES = (b"data", b"SSND")  # the chunk of the samples in a WAV and in an AIFF
UNKNOWN_SIZE = 0xFFFFFFFF  # of `data`: it stands in the chunk `ds64`, or is not known (a pipe)


class Chunk(NamedTuple):
    """One chunk, without the 8 bytes of its name and size."""

    name: bytes
    start: int
    n_bytes: int

    @property
    def end(self) -> int:
        """Where the next chunk starts; a chunk of an odd size is followed by a zero."""
        return self.start + self.n_bytes + self.n_bytes % 2


def chunks(content: bytes | mmap.mmap) -> Iterator[Chunk]:
    r"""The chunks of a whole file, up to its end or to bytes that are no chunk.

    >>> wav = b"RIFF....WAVEfmt \2\0\0\0##data\3\0\0\0###\0LIST\0\0\0\0\0\0"
    >>> [(chunk.name, chunk.n_bytes, chunk.end) for chunk in chunks(wav)]
    [(b'fmt ', 2, 22), (b'data', 3, 34), (b'LIST', 0, 42)]
    """
    order = "big" if content[:4] in (b"RIFX", b"FORM") else "little"
    place, long_size = 12, UNKNOWN_SIZE
    while len(content) >= place + 8:
        name = bytes(content[place : place + 4])
        n_bytes = int.from_bytes(content[place + 4 : place + 8], order)
        if not re.fullmatch(rb"[\x20-\x7e]{4}", name):
            return
        if name == b"ds64":  # sizes of the file and of `data`, 8 bytes each
            long_size = int.from_bytes(content[place + 16 : place + 24], "little")
        if name == b"data" and n_bytes == UNKNOWN_SIZE:
            n_bytes = long_size
        chunk = Chunk(name, place + 8, n_bytes)
        # Samples may end beyond the file; any other chunk would be none.
        if name not in SAMPLES and chunk.start + n_bytes > len(content):
            return
        yield chunk
        place = chunk.end
