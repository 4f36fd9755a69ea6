"""Train a restorer: generator alone first, from `gan_start_epoch` on against discriminators. One file, top to bottom.

An epoch is one pass over the training pairs, a random segment of each; the first is 1, and 0 is the state before training.
Everything random follows from (seed, epoch, index), and a checkpoint holds all that a step changes: a run that goes on from one
equals, on a CPU, bit for bit one that never stopped.

    python -m lib.train -f params/train/no_adversarial.yaml -p epochs 8
    torchrun --nproc-per-node 2 -m lib.train -p epochs 8
"""

import math
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch.distributed as dist

from lib.data.loader import make_loader
from lib.losses.weighting import as_text
from lib.runtime.progress import echo, progress
from lib.runtime.threads import choose_device
from lib.training import checkpoints
from lib.training.batches import Batch, to_batch, training_items
from lib.training.checkpoints import Checkpoints
from lib.training.distributed import ranks
from lib.training.learner import Learner
from lib.training.report import count_step, epoch_line, epoch_record
from lib.training.spikes import SPIKES
from lib.training.state import TrainState, as_metrics, recording_time
from lib.training.validation import Validation, log_samples


def train(
    p,
    rows: dict[str, pd.DataFrame],
    out: Path,
    run,
    about: dict[str, str],
    initial: Path | None = None,
) -> pd.DataFrame:
    """Train until epoch `p.epochs` and return the history, one row an epoch.

    Args:
        p: config.Train.
        rows: usable manifest rows of the splits `train` and `valid`.
        out: folder for the checkpoints `last.pt`, `previous.pt` (the one before), `best.pt` and `before_gan.pt`, and for
            `grad_spikes.jsonl`; one that holds a `last.pt` is gone on with.
        run: has `metrics(values, step)` and `file(path, folder)`, and records them; `last_step` is the last epoch that it
            had before. Used in the first process alone.
        about: identity of the data, stored in the checkpoints.
        initial: a checkpoint whose averaged generator is the beginning (with `p.init_discriminators` they, too).

    Raises:
        FloatingPointError: `p.max_nonfinite_steps` steps in a row were not finite, and after going back again.
        ValueError: a checkpoint cannot be gone on with, by its name.
    """
    rank, n_ranks = ranks()
    going_on = (
        out / "last.pt"
    ).exists()  # asked here, as the first process may be quick to write one
    if rank == 0 and not going_on and run.last_step > 0:
        raise ValueError(
            f"{out / 'last.pt'}: gone, but the run has epoch {run.last_step}: it cannot be resumed; start a new one"
        )
    device = choose_device(p.device)
    batches = make_loader(
        training_items(p, rows["train"]), p.batch_size, p.n_workers, rank=rank, n_ranks=n_ranks
    )
    n_per_epoch = math.ceil(len(batches) / p.accumulate)
    learner, place = Learner(p, p.epochs * n_per_epoch, device), TrainState()
    judge = Validation(p, rows["valid"], device) if rank == 0 else None
    keeper = Checkpoints(p, out, run, about, learner)

    if going_on:
        keeper.load(place)
        keeper.forget_spikes(place.step)
        for record in (
            place.history if rank == 0 else ()
        ):  # what a killed run could not say; nothing is logged twice
            run.metrics(*as_metrics(record))
    else:
        if initial is not None:
            learner.start_from(
                checkpoints.read_checkpoint(initial)["learner"], p.init_discriminators
            )
        finish_epoch(p, place, learner, judge, keeper, {})

    n_done = place.epoch - (place.n_batches > 0)
    for _ in progress(epochs_to_come(p, place), f"training, {p.epochs} epochs", p.epochs, n_done):
        try:
            run_epoch(p, place, batches, n_per_epoch, learner, keeper)
        except Diverged as error:
            keeper.hand_over()
            if place.went_back:
                raise FloatingPointError(
                    f"{error}, as before going back: see {out / SPIKES}"
                ) from None
            echo(f"{error}: back to the last checkpoint, and on with half the learning rate")
            keeper.load(place)
            place.went_back, place.n_bad = True, 0
            learner.schedule.halve()
        else:
            finish_epoch(p, place, learner, judge, keeper, epoch_record(p, place, learner))
    keeper.hand_over()
    return pd.DataFrame(place.history)


def epochs_to_come(p, place: TrainState) -> Iterator[int]:
    """The epochs to come; the first may be one that is under way."""
    while place.epoch < p.epochs or place.n_batches:
        if not place.n_batches:
            place.epoch, place.sums, place.steps, place.largest = place.epoch + 1, {}, {}, 0.0
        yield place.epoch


class Diverged(Exception):  # noqa: N818 (a state)
    """Too many steps in a row were not finite."""


def run_epoch(
    p, place: TrainState, batches, n_per_epoch: int, learner: Learner, keeper: Checkpoints
) -> None:
    """The epoch that `place` is in, from where it is."""
    gan = place.epoch >= p.gan_start_epoch and p.lambda_adversarial + p.lambda_features > 0
    began_at, ramp_steps = (
        (p.gan_start_epoch - 1) * n_per_epoch,
        max(1, round(p.gan_ramp_epochs * n_per_epoch)),
    )
    batches.sampler.set_epoch(place.epoch, n_done=place.n_batches * p.batch_size)
    name, n_done = (
        f"epoch {place.epoch}/{p.epochs}{' with GAN' if gan else ''}",
        place.n_batches // p.accumulate,
    )
    said: dict[str, float] = {}
    began = time.perf_counter()
    for group in progress(
        micro_batches(batches, p.accumulate), name, n_per_epoch, n_done, note=lambda: as_text(said)
    ):
        waited = time.perf_counter() - began
        metas = [meta for *_, metas in group for meta in metas]
        micro = [to_batch(p, batch, learner.device) for batch in group]
        ramp = min(1.0, (place.step - began_at + 1) / ramp_steps) if gan else 0.0
        step = learner.step(micro, ramp, crop_start(p, place.step, micro))
        said.update(step.terms)
        bad = not step.finite and not step.overflowed
        if bad or step.norms["generator"] > p.grad_norm_threshold:
            keeper.spike(place, step, metas)

        place.n_batches, place.step = place.n_batches + len(group), place.step + 1
        place.n_bad = place.n_bad + 1 if bad else 0
        count_step(place, step, len(metas) * ranks()[1], waited, time.perf_counter() - began)
        if place.n_bad >= p.max_nonfinite_steps:
            raise Diverged(f"epoch {place.epoch}: {place.n_bad} steps in a row were not finite")
        if (
            p.checkpoint_steps
            and place.step % p.checkpoint_steps == 0
            and place.n_batches < len(batches)
        ):
            keeper.save(place)
        began = time.perf_counter()
    place.n_batches = 0


def finish_epoch(
    p, place: TrainState, learner: Learner, judge, keeper: Checkpoints, record: dict
) -> None:
    """Validate, say what happened, keep what was learned. In the first process alone; the others wait."""
    if judge is None:
        place.history.append({"epoch": place.epoch})
    else:
        place.history.append(record | judge(learner.average, learner.discriminators, place.epoch))
        keeper.epoch(place)
        if place.epoch % p.samples_every == 0 or place.epoch in (
            1,
            p.gan_start_epoch - 1,
            p.epochs,
        ):
            with recording_time(place):
                keeper.hand_over()
                log_samples(p, judge, place.epoch, keeper.out, keeper.run)
        if place.epoch:
            echo(epoch_line(place.history[-1], p.epochs))
    if dist.is_initialized():
        dist.barrier()


def micro_batches(batches: Iterable, n: int) -> Iterator[list]:
    """The micro-batches of each step; the last ones may be fewer.

    >>> list(micro_batches("abcde", 2))
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
    if not p.discriminator_segment_length:
        return 0
    shortest = min(int(batch.n_samples.min()) for batch in micro)
    last = max(0, shortest - p.discriminator_segment_length)
    return int(np.random.default_rng([p.seed, step]).integers(last + 1))
