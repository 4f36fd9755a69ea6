"""A file that is made once and kept below `runs/cache`, with a hash by which damage is found."""

import hashlib
from collections.abc import Callable

from lib import RUNS
from lib.runtime.progress import remark
from lib.runtime.whole_file import whole_file

HASH_BYTES = 32  # SHA-256 of what follows


def kept(name: str, make: Callable[[], bytes]) -> bytes:
    """The content of the file `name`, made by `make()` if it is not there or is damaged.

    Of several processes that make it at the same time each writes a whole file, one of which stays.
    Where none can be kept, e.g. on a full disk, the work goes on without.

    Args:
        name: below `runs/cache`; it tells everything that the content follows from, e.g. by a hash.

    >>> kept("doctest/abc", lambda: b"content")
    b'content'
    >>> kept("doctest/abc", lambda: b"is not made again")
    b'content'
    """
    path = RUNS / "cache" / name
    try:
        stored = path.read_bytes()
    except OSError:
        stored = b""
    content = stored[HASH_BYTES:]
    if hashlib.sha256(content).digest() == stored[:HASH_BYTES]:
        return content
    content = make()
    try:
        with whole_file(path) as file:
            file.write(hashlib.sha256(content).digest() + content)
    except OSError as error:
        remark(f"{path}: is not kept ({error.strerror})")
    return content
