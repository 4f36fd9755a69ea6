"""Train a restorer: generator alone first, from `gan_start_epoch` on against discriminators. One file, top to bottom.

An epoch is one pass over the training pairs, a random segment of each; the first is 1, and 0 is the state before training.
Everything random follows from (seed, epoch, index), and a checkpoint holds all that a step changes: a run that goes on from one
equals, on a CPU, bit for bit one that never stopped.

    python -m lib.train -f params/train/no_adversarial.yaml -p epochs 8
    torchrun --nproc-per-node 2 -m lib.train -p epochs 8
"""

import argparse
import math
import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import torch
import torch.distributed as dist
import yaml
from torch.distributed.elastic.multiprocessing import errors
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from lib import RUNS, checkpoints, data, losses, pairs, params, tracking
from lib.audio import SAMPLE_RATE
from lib.checkpoints import SPIKES, Keeper, Place, ranks
from lib.hearing import items, on_device
from lib.progress import progress, say
from lib.step import OF_DISCRIMINATORS, OF_GENERATOR, Batch, Learner, Step, choose_device
from lib.validation import Validation, samples


def train(
    p, rows: dict[str, pd.DataFrame], out: Path, run, about: dict[str, str], initial: Path | None = None
) -> pd.DataFrame:
    """Train until epoch `p.epochs` and return the history, one row an epoch.

    Args:
        p: params.Train.
        rows: usable manifest rows of the splits `train` and `valid`.
        out: folder for the checkpoints `last.pt`, `previous.pt` (the one before), `best.pt` and `before_gan.pt`, and for
            `grad_spikes.jsonl`; one that holds a `last.pt` is gone on with.
        run: has `metrics(values, step)` and `file(path, folder)`, and records them; `last_step` is the last epoch that it
            had before. Used in the first process alone.
        about: identity of the data, stored in the checkpoints.
        initial: a checkpoint whose averaged generator is the beginning (with `p.init_discriminators` they, too).

    Raises:
        FloatingPointError: `p.max_bad_steps` steps in a row were not finite, and after going back again.
        ValueError: a checkpoint cannot be gone on with, by its name.
    """
    rank, n_ranks = ranks()
    going_on = (out / "last.pt").exists()  # asked here, as the first process may be quick to write one
    if rank == 0 and not going_on and run.last_step > 0:
        raise ValueError(
            f"{out / 'last.pt'}: gone, but the run has epoch {run.last_step}: it cannot be resumed; start a new one"
        )
    device = choose_device(p.device)
    batches = data.loader(items(p, rows["train"]), p.batch_size, p.n_workers, rank=rank, n_ranks=n_ranks)
    n_per_epoch = math.ceil(len(batches) / p.accumulate)
    learner, place = Learner(p, p.epochs * n_per_epoch, device), Place()
    judge = Validation(p, rows["valid"], device) if rank == 0 else None
    keeper = Keeper(p, out, run, about, learner)

    if going_on:
        keeper.load(place)
        keeper.forget_spikes(place.step)
        for record in place.history if rank == 0 else ():  # what a killed run could not say; nothing is logged twice
            run.metrics(*checkpoints.recorded(record))
    else:
        if initial is not None:
            learner.start_from(checkpoints.read(initial)["learner"], p.init_discriminators)
        finish_epoch(p, place, learner, judge, keeper, {})

    n_done = place.epoch - (place.n_batches > 0)
    for _ in progress(unfinished(p, place), f"training, {p.epochs} epochs", p.epochs, n_done):
        try:
            run_epoch(p, place, batches, n_per_epoch, learner, keeper)
        except Diverged as error:
            keeper.hand_over()
            if place.went_back:
                raise FloatingPointError(f"{error}, as before going back: see {out / SPIKES}") from None
            say(f"{error}: back to the last checkpoint, and on with half the learning rate")
            keeper.load(place)
            place.went_back, place.n_bad = True, 0
            learner.schedule.halve()
        else:
            finish_epoch(p, place, learner, judge, keeper, summary(p, place, learner))
    keeper.hand_over()
    return pd.DataFrame(place.history)


def unfinished(p, place: Place) -> Iterator[int]:
    """The epochs to come; the first may be one that is under way."""
    while place.epoch < p.epochs or place.n_batches:
        if not place.n_batches:
            place.epoch, place.sums, place.steps, place.largest = place.epoch + 1, {}, {}, 0.0
        yield place.epoch


class Diverged(Exception):  # noqa: N818 (a state)
    """Too many steps in a row were not finite."""


def run_epoch(p, place: Place, batches, n_per_epoch: int, learner: Learner, keeper: "Keeper") -> None:
    """The epoch that `place` is in, from where it is."""
    gan = place.epoch >= p.gan_start_epoch and p.lambda_adversarial + p.lambda_features > 0
    began_at, ramp_steps = (p.gan_start_epoch - 1) * n_per_epoch, max(1, round(p.gan_ramp_epochs * n_per_epoch))
    batches.sampler.set_epoch(place.epoch, n_done=place.n_batches * p.batch_size)
    name, n_done = f"epoch {place.epoch}/{p.epochs}{' with GAN' if gan else ''}", place.n_batches // p.accumulate
    said: dict[str, float] = {}
    began = time.perf_counter()
    for group in progress(groups(batches, p.accumulate), name, n_per_epoch, n_done, note=lambda: losses.as_text(said)):
        waited = time.perf_counter() - began
        metas = [meta for *_, metas in group for meta in metas]
        micro = [on_device(p, batch, learner.device) for batch in group]
        ramp = min(1.0, (place.step - began_at + 1) / ramp_steps) if gan else 0.0
        step = learner.step(micro, ramp, crop_start(p, place.step, micro))
        said.update(step.terms)
        bad = not step.finite and not step.overflowed
        if bad or step.norms["generator"] > p.grad_norm_dump:
            keeper.spike(place, step, metas)

        place.n_batches, place.step = place.n_batches + len(group), place.step + 1
        place.n_bad = place.n_bad + 1 if bad else 0
        count(place, step, len(metas) * ranks()[1], waited, time.perf_counter() - began)
        if place.n_bad >= p.max_bad_steps:
            raise Diverged(f"epoch {place.epoch}: {place.n_bad} steps in a row were not finite")
        if p.checkpoint_steps and place.step % p.checkpoint_steps == 0 and place.n_batches < len(batches):
            keeper.save(place)
        began = time.perf_counter()
    place.n_batches = 0


def finish_epoch(p, place: Place, learner: Learner, judge, keeper: Keeper, record: dict) -> None:
    """Validate, say what happened, keep what was learned. In the first process alone; the others wait."""
    if judge is None:
        place.history.append({"epoch": place.epoch})
    else:
        place.history.append(record | judge(learner.average, learner.discriminators, place.epoch))
        keeper.epoch(place)
        if place.epoch % p.samples_every == 0 or place.epoch in (1, p.gan_start_epoch - 1, p.epochs):
            with checkpoints.recording(place):
                keeper.hand_over()
                samples(p, judge, place.epoch, keeper.out, keeper.run)
        if place.epoch:
            say(line(place.history[-1], p.epochs))
    if dist.is_initialized():
        dist.barrier()


def count(place: Place, step: Step, n_items: int, waited_s: float, took_s: float) -> None:
    """Add a step to the sums of its epoch; one that was skipped counts as such, and in nothing else."""
    if step.finite:
        for name, term in step.terms.items():
            place.sums[name] = place.sums.get(name, 0.0) + n_items * term
        place.sums["n_items"] = place.sums.get("n_items", 0) + n_items
        place.largest = max(place.largest, step.norms["generator"])
        steps = {f"norm/{name}": norm for name, norm in step.norms.items()} | {"n_steps": 1}
    else:
        steps = {"n_skipped": 1}
    for name, value in (steps | {"waited_s": waited_s, "took_s": took_s}).items():
        place.steps[name] = place.steps.get(name, 0.0) + value


def summary(p, place: Place, learner: Learner) -> dict:
    """What an epoch's steps were, for the history."""
    n_items, n_steps = place.sums.get("n_items", 0), place.steps.get("n_steps", 0)
    record = {f"train/{name}": total / n_items for name, total in place.sums.items() if name != "n_items" and n_items}
    norms = {name.partition("/")[2]: total / n_steps for name, total in place.steps.items() if name.startswith("norm/")}
    record |= {f"train/grad_norm_{name.rpartition('/')[2]}": norm for name, norm in norms.items()}
    record |= {"train/grad_norm_max": place.largest, "train/skipped_steps": place.steps.get("n_skipped", 0.0)}
    for name, adam in (("lr", learner.adam_g), ("lr_discriminator", learner.adam_d)):
        record[f"train/{name}"] = adam.param_groups[0]["lr"]
    seconds = place.steps["took_s"]
    place.training_s += seconds
    record |= {
        "time/epoch_s": seconds,
        "time/audio_per_s": n_items * p.segment_length / SAMPLE_RATE / seconds,
        "time/waiting_share": place.steps["waited_s"] / seconds,
        "time/recording_share": place.recording_s / place.training_s,
    }
    if learner.device.startswith("cuda"):
        record["memory/gpu_peak_mb"] = torch.cuda.max_memory_allocated() / 2**20
    return record | {"memory/process_mb": psutil.Process().memory_info().rss / 2**20}


def groups(batches: Iterable, n: int) -> Iterator[list]:
    """The micro-batches of each step; the last ones may be fewer.

    >>> list(groups("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    group = []
    for batch in batches:
        group.append(batch)
        if len(group) == n:
            yield group
            group = []
    if group:
        yield group


def crop_start(p, step: int, micro: list[Batch]) -> int:
    """Where the part of the segments begins that the discriminators hear in this step: in no item it lies behind the end."""
    if not p.discriminator_length:
        return 0
    shortest = min(int(batch.n_samples.min()) for batch in micro)
    last = max(0, shortest - p.discriminator_length)
    return int(np.random.default_rng([p.seed, step]).integers(last + 1))


def line(record: dict, epochs: int) -> str:
    """One epoch in a line, for terminal and notebook."""
    terms = ", ".join(f"{name} {record[f'train/{name}']:.3f}" for name in (*losses.NAMES, "adversarial", "features")
                      if f"train/{name}" in record)  # fmt: skip
    scores = (
        f"LSD {record['valid/lsd_db']:.2f} dB, MCD {record['valid/mcd_db']:.2f} dB, PESQ {record['valid/pesq']:.2f}"
    )
    return (
        f"epoch {record['epoch']}/{epochs}: train {terms} | valid {scores}, gap closed {record['valid/gap_closed']:+.1%}"
        f" (best {record['best/gap_closed']:+.1%} in epoch {record['best/epoch']})"
    )


def on_pairs(p, corpus: pd.DataFrame) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    """What is trained on: the usable rows of the splits `train` and `valid`, and the identity of the data.

    Raises `ValueError` if `p.segment_length` is longer than what was saved.
    """
    pairs.check_segments(corpus, p.segment_length)
    about = {"corpus": p.corpus, "manifest_sha256": pairs.sha256(p.corpus)}
    about["df_weights_sha256"] = corpus.df_weights_sha256.iloc[0]
    return {split: pairs.usable(corpus, split) for split in ("train", "valid")}, about


def initial(p, run) -> Path | None:
    """The checkpoint that `p.init_run` names, which `run` remembers as its source; None for a new generator.

    Raises `ValueError` if its networks are others than the parameters describe.
    """
    if not p.init_run:
        return None
    source = (run.resumed and run.source_run) or tracking.find(p.init_run)
    run.source(source)
    path = tracking.download(source, "checkpoints/best.pt")
    theirs = checkpoints.read(path)["params"]
    for name in (*OF_GENERATOR, *(OF_DISCRIMINATORS if p.init_discriminators else ())):
        if getattr(p, name) != theirs[name]:
            raise ValueError(f"{name} = {getattr(p, name)!r}: expected {theirs[name]!r}, as in run {source} (init_run)")
    return path


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
        number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    }
    try:
        return elastic_launch(config, _process)(p.model_dump(), rows, out, run.id, about, initial)[0]
    except SignalException as error:
        raise KeyboardInterrupt from error
    except ChildFailedError as error:
        raise RuntimeError(_first_failure(error)) from None
    finally:
        for number, handler in handlers.items():  # the launcher leaves its own
            signal.signal(number, handler)


@contextmanager
def distributed() -> Iterator[None]:
    """The process group that the variables of torchrun or TorchElastic describe; without them nothing."""
    if "RANK" not in os.environ:
        yield
        return
    n_here = int(os.environ["LOCAL_WORLD_SIZE"])
    torch.set_num_threads(max(1, os.cpu_count() // n_here))
    if torch.cuda.device_count() >= n_here:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("cpu:gloo,cuda:nccl")
    else:
        dist.init_process_group("gloo")
    yield
    dist.destroy_process_group()  # not after an error: the others' broken connections would be told instead of it


@errors.record
def _process(given: dict, rows: dict, out: Path, run_id: str, about: dict, initial: Path | None) -> pd.DataFrame:
    """One of several processes that `launch` started."""
    with distributed():
        run = tracking.Run(run_id) if ranks()[0] == 0 else None
        return train(params.build(params.Train, given), rows, out, run, about, initial)


def _first_failure(error: ChildFailedError) -> str:
    rank, failure = error.get_first_failure()
    message = failure.message if isinstance(failure.message, str) else failure.message["message"]
    return f"process {rank}: {message}"


@errors.record
def main(words: list[str] | None = None) -> None:
    """The command line: one process or, under torchrun, one of several, of which the first starts the run and records."""
    parser = argparse.ArgumentParser("python -m lib.train", description=__doc__.partition("\n\n")[0])
    parser.add_argument(
        "-f", action="append", default=[], metavar="FILE", help="YAML files of parameters, the last one wins"
    )
    parser.add_argument("-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help="one parameter")
    typed = parser.parse_args(words)
    given = {name: value for file in typed.f for name, value in (yaml.safe_load(Path(file).read_text()) or {}).items()}
    given |= dict(typed.p)
    with distributed():
        if dist.is_initialized():
            given["n_processes"] = ranks()[1]
        run, shared = None, [None]
        try:
            if ranks()[0] == 0:
                run, p = tracking.start("train", params.Train, given)
                say("\n".join(p.warnings))
                corpus = pairs.find(p.corpus, params.Prepare())
                shared = [(p.model_dump(), run.id, initial(p, run))]
            if dist.is_initialized():
                dist.broadcast_object_list(shared)
            chosen, run_id, beginning = shared[0]
            p = params.build(params.Train, chosen)
            rows, about = on_pairs(p, corpus if run else pairs.read(p.corpus))
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
