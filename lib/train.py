"""Train a restorer: generator alone first, from `gan_start_epoch` on against discriminators. One file, top to bottom.

An epoch is one pass over the training pairs, a random segment of each; the first is 1, and 0 is the state before training.
Everything random follows from (seed, epoch, index), and a checkpoint holds all that a step changes: a run that goes on from one
equals, on a CPU, bit for bit one that never stopped.

    python -m lib.train -f params/train/no_adversarial.yaml -p epochs 8
    torchrun --nproc-per-node 2 -m lib.train -p epochs 8
"""

import argparse
from pathlib import Path

import torch.distributed as dist
import yaml
from torch.distributed.elastic.multiprocessing import errors

from lib import RUNS
from lib.config.base import build
from lib.config.prepare import Prepare
from lib.config.train import Train
from lib.corpus import manifest
from lib.corpus.render import find_or_render
from lib.runtime.progress import echo
from lib.tracking import session
from lib.training.distributed import distributed, ranks
from lib.training.launch import launch
from lib.training.loop import train
from lib.training.setup import initial_checkpoint, training_data


@errors.record
def main(words: list[str] | None = None) -> None:
    """The command line: one process or, under torchrun, one of several, of which the first starts the run and records."""
    parser = argparse.ArgumentParser(
        "python -m lib.train", description=__doc__.partition("\n\n")[0]
    )
    parser.add_argument(
        "-f",
        action="append",
        default=[],
        metavar="FILE",
        help="YAML files of parameters, the last one wins",
    )
    parser.add_argument(
        "-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help="one parameter"
    )
    typed = parser.parse_args(words)
    given = {
        name: value
        for file in typed.f
        for name, value in (yaml.safe_load(Path(file).read_text()) or {}).items()
    }
    given |= dict(typed.p)
    with distributed():
        if dist.is_initialized():
            given["n_processes"] = ranks()[1]
        run, shared = None, [None]
        try:
            if ranks()[0] == 0:
                run, p = session.start("train", Train, given)
                echo("\n".join(p.warnings))
                corpus = find_or_render(p.corpus, Prepare())
                shared = [(p.model_dump(), run.id, initial_checkpoint(p, run))]
            if dist.is_initialized():
                dist.broadcast_object_list(shared)
            chosen, run_id, beginning = shared[0]
            p = build(Train, chosen)
            rows, about = training_data(p, corpus if run else manifest.read(p.corpus))
            begin = train if dist.is_initialized() else launch
            history = begin(p, rows, RUNS / "checkpoints" / run_id, run, about, beginning)
            if run:
                run.tags(about)
                run.table("history", history)
                run.finish()
        except BaseException as error:
            if run:
                run.fail(error)
            raise


if __name__ == "__main__":
    main()
