"""Train a restorer.

python -m lib.train -f params/train/no_adversarial.yaml -p epochs 8
torchrun --nproc-per-node 2 -m lib.train -p epochs 8
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lib.runtime.command import exit_stopped, importing

with importing(__name__):
    import torch.distributed as dist
    from torch.distributed.elastic.multiprocessing import errors

    from lib import RUNS
    from lib.config.base import ParameterError, build
    from lib.config.plain_yaml import read_named_values
    from lib.config.prepare import Prepare
    from lib.config.train import Train
    from lib.corpus import dataset, manifest
    from lib.corpus.render import find_or_render
    from lib.inference.logged_model import log_best
    from lib.tracking import server, session, store
    from lib.tracking.run import Run
    from lib.training.distributed import distributed, ranks
    from lib.training.launch import launch
    from lib.training.loop import train
    from lib.training.setup import initial_checkpoint, training_data


# Under torchrun an error is stored in a file, so that the launcher reports the first one.
@errors.record
def main(words: list[str] | None = None) -> None:
    """The command line: one process, or under torchrun one of several. The first one records."""
    # First of all: a word that is not understood ends every process before they join.
    values = typed_values(words)
    with distributed():
        if dist.is_initialized():
            # torchrun decides; the run records how many there were.
            values["n_processes"] = ranks()[1]
        run, p = session.start("train", Train, values) if ranks()[0] == 0 else (None, None)
        with failure_recorded(run):
            p, run_id, initial = begin(run, p)
            rows, about = training_data(p, manifest.read(p.corpus))
            if run:
                # Before the training: one that is stopped has its dataset, too.
                run.tags(about)
                run.dataset(p.corpus, split="train", **dataset.description(p.corpus))
            # Under torchrun the processes are there already; else `n_processes` are launched.
            train_pairs = train if dist.is_initialized() else launch
            # The folder has the run's id: a resumed run finds its last checkpoint there.
            history = train_pairs(p, rows, RUNS / "checkpoints" / run_id, run, about, initial)
            if run:
                run.table("history", history)
                if p.register_model:
                    log_best(run.id, RUNS / "checkpoints" / run_id / "best.pt")
                run.finish()
                # Only now: a run that is not finished cannot be the best.
                store.follow_best()


def typed_values(words: list[str] | None) -> dict[str, Any]:
    """Parameters from the command line by name: those of the files, then single ones.

    Words or a file that are not understood end the program with status 2.
    """
    parser = argparse.ArgumentParser(
        "python -m lib.train", description=__doc__.partition("\n\n")[0]
    )
    add = parser.add_argument
    add("-f", action="append", default=[], metavar="FILE", help="YAML file; the last one wins")
    add("-p", action="append", default=[], metavar=("NAME", "VALUE"), nargs=2, help="a parameter")
    typed = parser.parse_args(words)
    values = {}
    for file in typed.f:
        try:
            values |= read_named_values(Path(file))
        except ValueError as error:
            parser.error(f"-f {file}: {error}")
    # Single values stay text: the parameters' model gives them their types.
    return values | dict(typed.p)


@contextmanager
def failure_recorded(run: Run | None) -> Iterator[None]:
    """Close the run as FAILED, or as KILLED after Ctrl-C, if the block raises."""
    try:
        yield
    # Ctrl-C is no `Exception`.
    except BaseException as error:
        if run:
            run.fail(error)
        raise


def begin(run: Run | None, p: Train | None) -> tuple[Train, str, Path | None]:
    """Make the corpus if it is not there; tell all processes what the first one knows.

    Args:
        run, p: None except in the first process.

    Returns: parameters, id of the run, and the checkpoint to begin with, if there is one.
    """
    # A list of one object, as the broadcast wants it: it is filled in the other processes.
    shared: list = [None]
    if run:
        find_or_render(p.corpus, Prepare())
        # `latest` and `best` are looked up once, so that no process begins with another run.
        shared = [(p.model_dump(), run.id, initial_checkpoint(p, run))]
    if dist.is_initialized():
        dist.broadcast_object_list(shared)
    values, run_id, initial = shared[0]
    return build(Train, values), run_id, initial


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        # The run has the traceback.
        exit_stopped("stopped; `-p resume latest` continues the training")
    except (ParameterError, FileNotFoundError) as refused:
        # The message is meant for the user: a parameter, or a corpus that is not prepared yet.
        sys.exit(str(refused))
    except Exception as error:
        if not server.has_given_up(error):
            raise
        # What to do has been said; a hundred lines of MLflow would bury it.
        sys.exit(f"{store.uri()} was waited for in vain")
