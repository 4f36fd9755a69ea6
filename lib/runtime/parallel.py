"""The same calls in this process, in several, or on a Dask cluster, with their progress. The results are the same everywhere."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from joblib import Parallel, delayed, parallel_config

from lib.runtime.progress import progress


def each(
    function: Callable,
    arguments: Sequence[tuple],
    description: str,
    n_processes: int = 1,
    dask_address: str = "",
    ordered: bool = True,
) -> Iterator:
    """`function(*one)` for each of `arguments`; `function` lives in a module, so that processes find it.

    Args:
        description: of the progress bar.
        n_processes: 1 works here; more are joblib's processes, one thread each.
        dask_address: of a cluster's scheduler (`tcp://host:8786`), which gets the calls instead. Its workers need this package,
            the same paths, and one thread each.
        ordered: results come in the order of `arguments`, not in that of their completion.

    Raises:
        ConnectionError: no scheduler answers at `dask_address`.
        ValueError: a Dask worker has several threads.
        ImportError: `dask_address` without the extra `dask`.

    >>> list(each(divmod, [(7, 2), (9, 4)], "division"))
    [(3, 1), (2, 1)]
    """
    if n_processes == 1 and not dask_address:
        yield from progress((function(*one) for one in arguments), description, len(arguments))
        return
    with pool(n_processes, dask_address, "generator" if ordered else "generator_unordered") as run:
        yield from progress(
            run(delayed(function)(*one) for one in arguments), description, len(arguments)
        )


def end_with_parent() -> None:
    """Have this process end within a second of its parent's death: a killed parent cannot tell its workers to."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def pool(n_processes: int, dask_address: str = "", return_as: str = "list"):
    """joblib's pool of so many processes, one thread each, or that of a Dask cluster; `each` is simpler."""
    if not dask_address:
        with parallel_config("loky", inner_max_num_threads=1, initializer=end_with_parent):
            yield Parallel(n_processes, return_as=return_as)
        return
    try:
        from distributed import Client
    except ImportError:
        raise ImportError("dask_address wants the extra dask: pip install -e '.[dask]'") from None
    try:
        client = Client(dask_address, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConnectionError(
            f"dask_address = {dask_address!r}: no scheduler answers there ({error})"
        ) from None
    with client:
        threads = client.nthreads()
        if not threads:
            raise ValueError(f"dask_address = {dask_address!r}: the cluster has no worker")
        if max(threads.values()) > 1:
            busy = max(threads, key=threads.get)
            raise ValueError(
                f"Dask worker {busy} has {threads[busy]} threads: start it with --nthreads 1, one a core"
            )
        with parallel_config("dask", client=client):
            yield Parallel(len(threads), return_as=return_as)
