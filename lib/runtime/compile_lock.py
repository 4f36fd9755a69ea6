"""A lock for numba: one process at a time compiles, since the compiled code is kept in files."""

import hashlib
import os
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

from filelock import FileLock


def compile_lock() -> FileLock:
    """A lock that all processes of this user and this Python environment share.

    numba compiles a function in its first call ever and keeps the code in a file beside the
    package. Two processes that did so at once left a broken file, which crashed every later call.
    So the first call of a process goes through this lock: one compiles, the others load.

    The lock does not lie below `lib.RUNS`: environments are shared by folders of runs.

    >>> with compile_lock() as held:
    ...     held.is_locked
    True
    """
    environment = hashlib.sha256(f"{os.getuid()} {sys.prefix}".encode()).hexdigest()[:16]
    return FileLock(Path(tempfile.gettempdir()) / f"retimbre-compile-{environment}.lock")


@cache
def import_librosa() -> ModuleType:
    """librosa, imported by one process at a time: some of its functions are compiled on import.

    Every import of librosa, also one inside another package, has to come after this call.

    >>> import_librosa().__name__
    'librosa'
    """
    with compile_lock():
        import librosa
        import librosa.core
        import librosa.feature
        import librosa.filters
        import librosa.sequence

    return librosa
