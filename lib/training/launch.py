"""Training in one or several processes of this machine."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from torch.distributed.elastic.multiprocessing import errors
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from lib.config.base import build
from lib.config.train import Train
from lib.tracking.run import Run
from lib.training.distributed import distributed, ranks
from lib.training.loop import train

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def launch(
    p: Train,
    rows: dict[str, pd.DataFrame],
    out: Path,
    run: Run,
    about: dict[str, str],
    initial: Path | None = None,
) -> pd.DataFrame:
    """`train` in `p.n_processes` processes of this machine; see there for the arguments.

    TorchElastic starts them. The first one records in `run`.

    Raises:
        RuntimeError: one of several processes failed, which ended all; it has that one's message.
        KeyboardInterrupt: a signal asked them to stop.
    """
    # Without a launcher an error keeps its type and its traceback.
    if p.n_processes == 1:
        return train(p, rows, out, run, about, initial)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=p.n_processes,
        run_id=run.id,
        rdzv_backend="c10d",
        # Port 0 is any free port, so that two trainings may run side by side.
        rdzv_endpoint="localhost:0",
        # A failure reaches the user at once, with its message; `resume` goes on later.
        max_restarts=0,
        # A fork of a process that has used CUDA cannot use it.
        start_method="spawn",
    )
    try:
        with signal_handlers_kept():
            histories = elastic_launch(config, _process)(
                p.model_dump(), rows, out, run.id, about, initial
            )
    # So the run is closed as KILLED, as after Ctrl-C in a single process.
    except SignalException as error:
        raise KeyboardInterrupt from error
    except ChildFailedError as error:
        raise RuntimeError(_first_failure(error)) from None
    # Only the first process validates; the histories of the others hold epochs alone.
    return histories[0]


@contextmanager
def signal_handlers_kept() -> Iterator[None]:
    """Put the handlers of signals back: the launcher leaves its own."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


# Stores an error in a file, from which the launcher takes its message.
@errors.record
def _process(
    values: dict[str, Any],
    rows: dict[str, pd.DataFrame],
    out: Path,
    run_id: str,
    about: dict[str, str],
    initial: Path | None,
) -> pd.DataFrame:
    """One of the processes that `launch` starts."""
    with distributed():
        # The processes share no objects: the first one takes up the run by its id.
        run = Run(run_id) if ranks()[0] == 0 else None
        return train(build(Train, values), rows, out, run, about, initial)


def _first_failure(error: ChildFailedError) -> str:
    rank, failure = error.get_first_failure()
    # Text if a signal ended the process; a dict if `errors.record` stored an error.
    message = failure.message if isinstance(failure.message, str) else failure.message["message"]
    return f"process {rank}: {message}"
