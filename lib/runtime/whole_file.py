"""A file that appears whole or not at all, and says why if it cannot be written."""

import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class _File(io.FileIO):
    """Keeps the first error of a write, which libraries in C swallow or hide."""

    error: OSError | None = None

    def write(self, data: bytes) -> int:
        """All of `data`, or as much as there is room for."""
        view, n_written = memoryview(data).cast("B"), 0
        try:
            while n_written < len(view) and not self.error:
                n_written += super().write(view[n_written:])
        except OSError as error:
            self.error = error
        return n_written


@contextmanager
def whole_file(path: str | Path) -> Iterator[io.FileIO]:
    """A new file to write into, which gets its name when the block ends without an error.

    Its folder is made. Until then the data are in a hidden file beside it, which no other process
    writes; a former file of that name stays as it is.

    Raises:
        OSError: not all could be written, e.g. "No space left on device"; the error names `path`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole_file(f"{folder}/new/text") as file:
    ...         n_bytes = file.write(b"whole")
    ...     n_bytes, Path(folder, "new", "text").read_bytes()
    (5, b'whole')
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # A short name, as that of `path` may be as long as names can be.
    part = path.with_name(f".{os.getpid()}_{secrets.token_hex(4)}.part")
    try:
        with _File(part, "x+") as file:
            try:
                yield file
            except Exception:
                # The reason, and not what became of it in a library.
                if not file.error:
                    raise
        if file.error:
            raise OSError(file.error.errno, file.error.strerror, str(path))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
