"""Where a training is, between one step and the next."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class TrainState:
    """Progress of a training: all of a checkpoint that is not the learner's.

    Attributes:
        epoch: the epoch under way, or the last one.
        step: optimiser steps since the beginning.
        n_batches: batches of this epoch that this process has done; 0 between epochs.
        term_sums: sums over the items of this epoch, of each loss term and of `n_items`.
        step_sums: sums over the steps of this epoch, of gradient norms, times (s) and events.
        max_grad_norm: the largest gradient norm of the generator in this epoch.
        n_nonfinite: steps in a row, up to now, that were not finite.
        has_restarted: the training went back to a checkpoint once, after too many such steps.
        training_s: time of all steps so far, in s.
        recording_s: time that went into checkpoints and records, in s.
        validation_s: time that went into validations, in s.
        history: one record for each epoch that ended, see `lib.training.report`.
    """

    # Numbers, dicts and lists alone: a checkpoint must load without running code.
    epoch: int = 0
    step: int = 0
    n_batches: int = 0
    term_sums: dict[str, float] = field(default_factory=dict)
    step_sums: dict[str, float] = field(default_factory=dict)
    max_grad_norm: float = 0.0
    n_nonfinite: int = 0
    has_restarted: bool = False
    training_s: float = 0.0
    recording_s: float = 0.0
    validation_s: float = 0.0
    history: list[dict] = field(default_factory=list)

    def begin_epoch(self) -> None:
        """Go to the next epoch, with empty sums.

        >>> state = TrainState(epoch=1, max_grad_norm=3.0)
        >>> state.begin_epoch()
        >>> state.epoch, state.max_grad_norm
        (2, 0.0)
        """
        # `n_batches` is 0 already: while it is not, the epoch is still under way.
        self.epoch += 1
        self.term_sums = {}
        self.step_sums = {}
        self.max_grad_norm = 0.0


@contextmanager
def validation_time(state: TrainState) -> Iterator[None]:
    """Add the time that the block takes to `state.validation_s`."""
    began = time.perf_counter()
    yield
    state.validation_s += time.perf_counter() - began


@contextmanager
def recording_time(state: TrainState) -> Iterator[None]:
    """Add the time that the block takes to `state.recording_s`."""
    # Nothing is added after an error: the training ends with it.
    began = time.perf_counter()
    yield
    state.recording_s += time.perf_counter() - began


def as_metrics(record: dict) -> tuple[dict, int]:
    """The metrics of an epoch's record, and the epoch.

    `best/selection` comes first: MLflow shows that one when runs are compared.

    >>> as_metrics({"epoch": 3, "valid/lsd_db": 4.0, "best/selection": 0.1})
    ({'best/selection': 0.1, 'valid/lsd_db': 4.0}, 3)
    """
    # False sorts before True, and the sort keeps the order of the others.
    names = sorted(record, key="best/selection".__ne__)
    return {name: record[name] for name in names if name != "epoch"}, record["epoch"]
