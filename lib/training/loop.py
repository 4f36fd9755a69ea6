"""Epochs: the generator trains alone at first; from `gan_start_epoch` on, the discriminators join.

An epoch is one pass over the training pairs, a random segment of each. The first one is 1; epoch 0
is the state before training. Everything random follows from (seed, epoch, index), and a checkpoint
holds all that a step changes. So, on a CPU, a resumed run equals an uninterrupted one bit for bit.
"""

import math
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import torch.distributed as dist
from torch.utils.data import DataLoader

from lib.config.train import Train
from lib.data.loader import make_loader
from lib.losses.weighting import as_text
from lib.runtime.progress import echo, progress
from lib.runtime.threads import choose_device
from lib.tracking.run import Run
from lib.training.batches import crop_start, grouped, to_batch, training_items
from lib.training.checkpoints import Checkpoints, read_checkpoint
from lib.training.distributed import ranks
from lib.training.learner import Learner
from lib.training.report import count_step, epoch_line, epoch_record, validation_share
from lib.training.samples import log_samples
from lib.training.spikes import SPIKES, remove_spikes_from, write_spike
from lib.training.state import TrainState, as_metrics, recording_time, validation_time
from lib.training.step_curves import StepCurves
from lib.training.validation import Validation


class Diverged(Exception):  # noqa: N818 (a state)
    """Too many steps in a row were not finite."""


def train(
    p: Train,
    rows: dict[str, pd.DataFrame],
    out: Path,
    run: Run | None,
    about: dict[str, str],
    initial: Path | None = None,
) -> pd.DataFrame:
    """Train until epoch `p.epochs`.

    Args:
        p: parameters of the training.
        rows: usable manifest rows of the splits `train` and `valid`.
        out: folder for `grad_spikes.jsonl` and the checkpoints `last.pt`, `previous.pt` (the one
            before), `best.pt` and `before_gan.pt`. If it holds a `last.pt`, training resumes there.
        run: records metrics and files, in the first process alone. Its `last_step` is the last
            epoch that it has already.
        about: identity of the data, stored in the checkpoints.
        initial: a checkpoint whose averaged generator is the beginning; with
            `p.init_discriminators` its discriminators, too.

    Returns: the history, one row an epoch.

    Raises:
        FloatingPointError: `p.max_nonfinite_steps` steps in a row were not finite, and again after
            going back to the last checkpoint.
        ValueError: training cannot resume from a checkpoint, which the message names.
    """
    rank, n_ranks = ranks()
    # Asked before anything is written: the first process may soon write a checkpoint.
    resumes = (out / "last.pt").exists()
    if rank == 0 and not resumes and run.last_step > 0:
        raise ValueError(
            f"{out / 'last.pt'}: gone, but the run has epoch {run.last_step}:"
            " it cannot be resumed; start a new one"
        )
    device = choose_device(p.device)
    items = training_items(p, rows["train"])
    batches = make_loader(items, p.batch_size, p.n_workers, rank=rank, n_ranks=n_ranks)
    n_steps_per_epoch = math.ceil(len(batches) / p.accumulate)
    learner = Learner(p, p.epochs * n_steps_per_epoch, device)
    state = TrainState()
    validation = Validation(p, rows["valid"], device) if rank == 0 else None
    checkpoints = Checkpoints(p, out, run, about, learner)

    if resumes:
        checkpoints.load(state)
        if rank == 0:
            remove_spikes_from(out, state.step)
            # A killed process may not have logged its last epoch; the run leaves out what it has.
            for record in state.history:
                run.metrics(*as_metrics(record))
    else:
        if initial is not None:
            learner.start_from(read_checkpoint(initial)["learner"], p.init_discriminators)
        finish_epoch(p, state, learner, validation, checkpoints, {})

    n_done = state.epoch - (state.n_batches > 0)
    if p.epochs < n_done:
        raise ValueError(f"epochs = {p.epochs}, but the run has {n_done} already: give more")
    epochs = remaining_epochs(state, p.epochs)
    curves = StepCurves(run)
    for _ in progress(epochs, f"training, {p.epochs} epochs", p.epochs, n_done):
        try:
            run_epoch(p, state, batches, n_steps_per_epoch, learner, out, checkpoints, curves)
        except Diverged as error:
            restart(error, state, learner, checkpoints)
        else:
            record = epoch_record(state, learner, p.segment_length)
            finish_epoch(p, state, learner, validation, checkpoints, record)
    checkpoints.log_files()
    return pd.DataFrame(state.history)


def remaining_epochs(state: TrainState, n_epochs: int) -> Iterator[int]:
    """Begin and yield the epochs to come; the first one may be under way.

    >>> state = TrainState(epoch=3)
    >>> list(remaining_epochs(state, 5)), state.epoch
    ([4, 5], 5)
    """
    while state.epoch < n_epochs or state.n_batches:
        if not state.n_batches:
            state.begin_epoch()
        yield state.epoch


def run_epoch(
    p: Train,
    state: TrainState,
    batches: DataLoader,
    n_steps_per_epoch: int,
    learner: Learner,
    out: Path,
    checkpoints: Checkpoints,
    curves: StepCurves,
) -> None:
    """Train the epoch that `state` is in, from where it is.

    Raises:
        Diverged: too many steps in a row were not finite.
    """
    gan = state.epoch >= p.gan_start_epoch and p.lambda_adversarial + p.lambda_features > 0
    ramp_start_step = (p.gan_start_epoch - 1 + p.gan_warmup_epochs) * n_steps_per_epoch
    n_ramp_steps = max(1, round(p.gan_ramp_epochs * n_steps_per_epoch))
    batches.sampler.set_epoch(state.epoch, n_done=state.n_batches * p.batch_size)
    title = f"epoch {state.epoch}/{p.epochs}{' with GAN' if gan else ''}"
    n_done = state.n_batches // p.accumulate
    terms: dict[str, float] = {}
    groups = grouped(batches, p.accumulate)
    began = time.perf_counter()
    for group in progress(groups, title, n_steps_per_epoch, n_done, note=lambda: as_text(terms)):
        waited_s = time.perf_counter() - began
        metas = [meta for *_, batch_metas in group for meta in batch_metas]
        micro_batches = [to_batch(p, batch, learner.device) for batch in group]
        ramp = None
        if gan:
            n_heard = max(0, state.step - ramp_start_step + 1)  # 0 while discriminators warm up
            ramp = min(1.0, n_heard / n_ramp_steps)
        start = crop_start(micro_batches, p.discriminator_segment_length, p.seed, state.step)
        result = learner.step(micro_batches, ramp, start)
        terms.update(result.terms)
        # A step that only left the range of fp16 is no sign of divergence.
        nonfinite = not result.finite and not result.overflowed
        if nonfinite or result.norms["generator"] > p.grad_norm_threshold:
            write_spike(out, state, result, metas)

        state.n_batches += len(group)
        state.step += 1
        state.n_nonfinite = state.n_nonfinite + 1 if nonfinite else 0
        took_s = time.perf_counter() - began
        count_step(state, result, len(metas) * ranks()[1], waited_s, took_s)
        with recording_time(state):
            curves.add(state.step, result)
        if state.n_nonfinite >= p.max_nonfinite_steps:
            raise Diverged(
                f"epoch {state.epoch}: {state.n_nonfinite} steps in a row were not finite"
            )
        is_due = p.checkpoint_steps and state.step % p.checkpoint_steps == 0
        # The end of an epoch has its own checkpoint. None is due between steps that go wrong:
        # a training that goes back must not go back to weights that overflow.
        if is_due and state.n_batches < len(batches) and not state.n_nonfinite:
            checkpoints.save(state)
        began = time.perf_counter()
    state.n_batches = 0


def restart(error: Diverged, state: TrainState, learner: Learner, checkpoints: Checkpoints) -> None:
    """Go back to the last checkpoint, once, and halve the learning rate.

    Raises:
        FloatingPointError: the training has gone back before.
    """
    checkpoints.log_files()
    if state.has_restarted:
        raise FloatingPointError(
            f"{error}, as before going back: see {checkpoints.out / SPIKES}"
        ) from None
    echo(f"{error}: back to the last checkpoint, and on with half the learning rate")
    checkpoints.go_back(state)
    if checkpoints.writes:
        # These steps are taken again, and would be told twice; the run keeps them.
        checkpoints.run.file(checkpoints.out / SPIKES, "before_going_back")
        remove_spikes_from(checkpoints.out, state.step)
    state.has_restarted = True
    state.n_nonfinite = 0
    learner.schedule.halve()


def finish_epoch(
    p: Train,
    state: TrainState,
    learner: Learner,
    validation: Validation | None,
    checkpoints: Checkpoints,
    record: dict,
) -> None:
    """Validate, save and log an epoch, in the first process alone; the others wait.

    Args:
        validation: None in the other processes.
        record: of the epoch's steps.
    """
    last_before_gan = p.gan_start_epoch - 1
    if validation is None:
        state.history.append({"epoch": state.epoch})
    else:
        with validation_time(state):
            valid = validation(learner.average, learner.discriminators, state.epoch)
        state.history.append(record | valid | validation_share(state))
        checkpoints.save_epoch(state, ["before_gan.pt"] if state.epoch == last_before_gan else [])
        if state.epoch % p.samples_every == 0 or state.epoch in (1, last_before_gan, p.epochs):
            with recording_time(state):
                checkpoints.log_files()
                log_samples(
                    p.corpus,
                    validation.logged,
                    validation.restored,
                    state.epoch,
                    checkpoints.out,
                    checkpoints.run,
                )
        if state.epoch:
            echo(epoch_line(state.history[-1], p.epochs))
    if dist.is_initialized():
        dist.barrier()
