"""Training in one or several processes of this machine."""

import signal
from pathlib import Path

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


def launch(p, rows: dict, out: Path, run, about: dict, initial: Path | None = None) -> pd.DataFrame:
    """`train` in `p.n_processes` processes of this machine, the first of which goes on recording in `run`.

    TorchElastic starts them; an error in one ends all, with its message.
    """
    if p.n_processes == 1:
        return train(p, rows, out, run, about, initial)
    config = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=p.n_processes, run_id=run.id, rdzv_backend="c10d",
        rdzv_endpoint="localhost:0", max_restarts=0, start_method="spawn",
    )  # fmt: skip
    handlers = {
        number: signal.getsignal(number)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    }
    try:
        return elastic_launch(config, _process)(p.model_dump(), rows, out, run.id, about, initial)[
            0
        ]
    except SignalException as error:
        raise KeyboardInterrupt from error
    except ChildFailedError as error:
        raise RuntimeError(_first_failure(error)) from None
    finally:
        for number, handler in handlers.items():  # the launcher leaves its own
            signal.signal(number, handler)


@errors.record
def _process(
    given: dict, rows: dict, out: Path, run_id: str, about: dict, initial: Path | None
) -> pd.DataFrame:
    """One of several processes that `launch` started."""
    with distributed():
        run = Run(run_id) if ranks()[0] == 0 else None
        return train(build(Train, given), rows, out, run, about, initial)


def _first_failure(error: ChildFailedError) -> str:
    rank, failure = error.get_first_failure()
    message = failure.message if isinstance(failure.message, str) else failure.message["message"]
    return f"process {rank}: {message}"
