"""Many calls of one function: in this process, in several, or on a Dask cluster.

The results are the same everywhere.
"""

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
    """Yield `function(*call)` for each `call` in `arguments`, and show the progress.

    Args:
        function: of a module, so that other processes can import it.
        description: of the progress bar.
        n_processes: 1 works in this process; more start processes of joblib, one thread each.
        dask_address: of a cluster's scheduler (`tcp://host:8786`), which gets the calls instead.
            Its workers need this package, the same paths, and one thread each.
        ordered: results come in the order of `arguments`, not in that of their completion.

    Raises:
        ConnectionError: no scheduler answers at `dask_address`.
        ValueError: the cluster has no worker, or a worker has several threads.
        ImportError: `dask_address` is given, but the extra `dask` is not installed.

    >>> list(each(divmod, [(7, 2), (9, 4)], "division"))
    [(3, 1), (2, 1)]
    """
    # A pool of one would start a process that imports everything again.
    if n_processes == 1 and not dask_address:
        yield from progress((function(*call) for call in arguments), description, len(arguments))
        return
    if dask_address:
        results = _on_cluster(function, arguments, dask_address, ordered)
        yield from progress(results, description, len(arguments))
        return
    with pool(n_processes, "generator" if ordered else "generator_unordered") as run:
        results = run(delayed(function)(*call) for call in arguments)
        yield from progress(results, description, len(arguments))


@contextmanager
def pool(n_processes: int, return_as: str = "list") -> Iterator[Parallel]:
    """joblib's pool of `n_processes`, one thread each; `return_as` is joblib's.

    `each` is simpler.
    """
    # One thread each: processes of several threads would slow each other down.
    with parallel_config("loky", inner_max_num_threads=1, initializer=end_with_parent):
        yield Parallel(n_processes, return_as=return_as)


def _on_cluster(
    function: Callable, arguments: Sequence[tuple], address: str, ordered: bool
) -> Iterator:
    """The results of a Dask cluster, whose workers may die: others get their calls."""
    with _dask_client(address) as client:
        from distributed import as_completed

        # Not by joblib: it scatters large arguments, and a worker that dies takes them along.
        # Not pure: a call whose result is known to the cluster is executed again.
        futures = client.map(function, *zip(*arguments, strict=True), pure=False)
        # Each result is dropped once it is used.
        waiting = iter(futures) if ordered else as_completed(futures, loop=client.loop)
        del futures
        for future in waiting:
            yield future.result()


def end_with_parent() -> None:
    """End this process within a second of its parent's death.

    A worker needs it: a parent that was killed cannot end its workers.
    """
    # A process whose parent has died gets another parent.
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        # `sys.exit` would end this thread alone.
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _dask_client(address: str):
    try:
        from distributed import Client
    except ImportError:
        raise ImportError("dask_address wants the extra dask: pip install -e '.[dask]'") from None
    try:
        # Not dask's default client: other code in this process may have one.
        client = Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConnectionError(
            f"dask_address = {address!r}: no scheduler answers there ({error})"
        ) from None
    threads = client.nthreads()
    # Several threads would share one process, and results would depend on their number.
    several = [worker for worker, n_threads in threads.items() if n_threads > 1]
    # Closed before the errors below, after which nobody could close it.
    if not threads or several:
        client.close()
    if not threads:
        raise ValueError(f"dask_address = {address!r}: the cluster has no worker")
    if several:
        raise ValueError(
            f"Dask worker {several[0]} has {threads[several[0]]} threads:"
            " start it with --nthreads 1, one a core"
        )
    return client
