"""A file that appears whole or not at all, and says why if it cannot be written."""

import errno
import fcntl
import io
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

PART = re.compile(r"\.\d+_[0-9a-f]{8}\.part")  # the name of a file until it is whole
ABANDONED_S = 600.0  # without a write, and without a process that holds it


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
    writes; a former file of that name stays as it is. Hidden files that killed processes have left
    in the folder are removed.

    Raises:
        OSError: it cannot be made, or not all could be written, e.g. "No space left on device"; the
            error names `path`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole_file(f"{folder}/new/text") as file:
    ...         n_bytes = file.write(b"whole")
    ...     n_bytes, Path(folder, "new", "text").read_bytes()
    (5, b'whole')
    """
    path = Path(path)
    # A short name, as that of `path` may be as long as names can be.
    part = path.with_name(f".{os.getpid()}_{secrets.token_hex(4)}.part")
    with _error_of(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(path.parent)
        opened = _File(part, "x+")
    try:
        with opened as file:
            with suppress(OSError):  # some network drives have no locks
                fcntl.flock(file, fcntl.LOCK_EX)
            try:
                yield file
            except Exception:
                # The reason, and not what became of it in a library.
                if not file.error:
                    raise
        if file.error:
            raise OSError(file.error.errno, file.error.strerror, str(path))
        with _error_of(path):
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@cache
def remove_abandoned(folder: Path) -> None:
    """Remove what killed processes have left in `folder`. A process looks at a folder once.

    A file that is written is held by its process, and was written a moment ago.
    """
    names: list[str] = []
    with suppress(OSError):  # a folder may be written and not read
        names = os.listdir(folder)
    for path in (folder / name for name in names if PART.fullmatch(name)):
        # A file that is gone by now, or of another user, or a drive without locks: it is left.
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > ABANDONED_S:
                with open(path, "rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()


@contextmanager
def _error_of(path: Path) -> Iterator[None]:
    """Let an error name `path`, and not a hidden file that the user does not know."""
    try:
        yield
    except FileExistsError as error:  # one of the folders of `path` is a file
        raise OSError(errno.ENOTDIR, f"{error.filename} is a file", str(path)) from None
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
