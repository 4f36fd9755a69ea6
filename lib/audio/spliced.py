"""A file some of whose bytes are replaced while it is read; the file itself stays as it is."""

from typing import BinaryIO


class Spliced:
    """A file with some bytes replaced, as a file: `content[start:stop]` becomes `new`.

    >>> import io
    >>> file = Spliced(io.BytesIO(b"abcdef"), 1, 3, b"-----")
    >>> file.read(4), file.seek(5), file.read(3), file.tell(), file.seek(0, 2)
    (b'a---', 5, b'-de', 8, 9)
    """

    def __init__(self, file: BinaryIO, start: int, stop: int, new: bytes) -> None:
        self.file = file
        self.start, self.stop, self.new = start, stop, new
        self.n_bytes = file.seek(0, 2) - (stop - start) + len(new)
        self.place = 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """As of a file."""
        self.place = offset + (0, self.place, self.n_bytes)[whence]
        return self.place

    def tell(self) -> int:
        """As of a file."""
        return self.place

    def read(self, n_bytes: int) -> bytes:
        """As of a file; fewer bytes at its end only."""
        parts = []
        end_of_new = self.start + len(self.new)
        while n_bytes > 0 and self.place < self.n_bytes:
            if self.place < self.start:
                self.file.seek(self.place)
                part = self.file.read(min(n_bytes, self.start - self.place))
            elif self.place < end_of_new:
                part = self.new[self.place - self.start :][:n_bytes]
            else:
                self.file.seek(self.place - end_of_new + self.stop)
                part = self.file.read(n_bytes)
            parts.append(part)
            self.place += len(part)
            n_bytes -= len(part)
        return b"".join(parts)
