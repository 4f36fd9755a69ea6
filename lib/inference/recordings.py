"""Restoring recordings: short ones together in batches, long ones block by block.

A restored recording keeps the rate, channels, length, container and codec of its source. Memory is
bounded whatever the length.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from threading import Event
from typing import NamedTuple, TypedDict

import numpy as np
import soundfile
import soxr

from lib.audio.files import SAMPLE_RATE, AudioError, Info
from lib.inference import jobs, source_file, target_file
from lib.inference.channels import fit_length, join_channels, split_channels
from lib.inference.checks import check_options
from lib.inference.jobs import Job, Outcome
from lib.inference.stage_restorer import StageRestorer
from lib.inference.stage_stream import StageStream
from lib.runtime.progress import progress
from lib.runtime.threaded import in_threads, until

SHORT_S = 30.0  # recordings up to this length are read whole and restored in batches
BATCH_SIZE = 4  # channels of short recordings in a batch: more of them are no faster
BATCH_S = 30.0  # length of all of them together: a batch lies in memory
BLOCK_S = 10.0  # length of the blocks of a long recording


class Options(TypedDict):
    """How channels are restored; both methods of a restorer take these."""

    mix: float
    already_enhanced: bool


class ShortRecording(NamedTuple):
    """A recording that is read and waits for its batch."""

    job: Job
    info: Info
    signal: np.ndarray  # [T, C]
    noisy: np.ndarray | None  # [T, C]


def restore_jobs(
    todo: Sequence[Job],
    restorer: StageRestorer,
    overwrite: bool = False,
    mix: float = 1.0,
    already_enhanced: bool = False,
    n_threads: int = 1,
) -> Iterator[Outcome]:
    """Restore recordings. A bad one gives an outcome with its problem, and the others go on.

    Args:
        todo: from `jobs.find_jobs`.
        overwrite: replace targets that exist, also those that an earlier run has written.
        mix: share of restored in the target, 0 to 1; the rest is the source.
        already_enhanced: the sources have been through DeepFilterNet3.
        n_threads: batches and long recordings that are worked on at the same time. The restorer has
            to allow it, as `lib.inference.light` does.

    Raises:
        ValueError: `mix` is not within 0 to 1, or jobs have a noisy original without
            `already_enhanced`.
    """
    check_options(mix, already_enhanced, any(job.noisy for job in todo))
    options = Options(mix=mix, already_enhanced=already_enhanced)
    stop = Event()
    tasks = _tasks(todo, restorer, overwrite, options, stop)
    for outcomes in in_threads(tasks, n_threads, stop):
        yield from outcomes


def _tasks(
    todo: Sequence[Job],
    restorer: StageRestorer,
    overwrite: bool,
    options: Options,
    stop: Event,
) -> Iterator[Callable[[], list[Outcome]]]:
    """What is to be done, in parts that do not need each other."""
    batch: list[ShortRecording] = []
    for job in todo:
        try:
            info = jobs.check_job(job, overwrite)
            if not overwrite and jobs.is_done(job, info):
                yield partial(list, [jobs.existed(job, info)])
                continue
            # Long recordings are not read whole: memory would grow with their length.
            if info.duration > SHORT_S:
                yield partial(_restore_long, job, info, restorer, options, stop)
                continue
            noisy = source_file.read_whole(job.noisy) if job.noisy else None
            recording = ShortRecording(job, info, source_file.read_whole(job.source), noisy)
        except (AudioError, soundfile.SoundFileError, OSError, ValueError) as error:
            yield partial(list, [jobs.failed(job, error)])
            continue
        if batch and not _fits(recording, batch):
            yield partial(_restore_short, batch, restorer, options)
            batch = []
        batch.append(recording)
    if batch:
        yield partial(_restore_short, batch, restorer, options)


def _fits(recording: ShortRecording, batch: Sequence[ShortRecording]) -> bool:
    """Whether a batch with one more recording is not too large."""
    infos = [other.info for other in (*batch, recording)]
    seconds = sum(info.channels * info.duration for info in infos)
    return sum(info.channels for info in infos) <= BATCH_SIZE and seconds <= BATCH_S


def _restore_short(
    batch: Sequence[ShortRecording], restorer: StageRestorer, options: Options
) -> list[Outcome]:
    """Restore short recordings together; each channel is a signal of its own."""
    began, outcomes = time.perf_counter(), []
    signals, noisy_signals = [], []
    for recording in batch:
        rate = recording.info.sample_rate
        channels = split_channels(recording.signal, rate)
        signals += channels
        noisy = recording.noisy
        # An enhanced recording without its original stands in for it.
        noisy_signals += channels if noisy is None else split_channels(noisy, rate)
    originals = noisy_signals if options["already_enhanced"] else None
    restored = iter(restorer.restore_batch(signals, originals, **options))
    # The restorer keeps the order of the signals: channel by channel, recording by recording.
    for job, info, source, _ in batch:
        channels = [next(restored) for _ in range(info.channels)]
        took_s = (time.perf_counter() - began) / len(batch)
        try:
            recording = join_channels(channels, info.sample_rate, info.n_samples)
            n_clipped = target_file.write(job.target, job.source, info, [recording])
            energies = [_energy(source), _energy(recording)]
            outcomes.append(jobs.done(job, info, took_s, n_clipped, energies))
        except (AudioError, OSError, soundfile.SoundFileError) as error:
            outcomes.append(jobs.failed(job, error))
    return outcomes


def _restore_long(
    job: Job, info: Info, restorer: StageRestorer, options: Options, stop: Event
) -> list[Outcome]:
    """Restore a long recording block by block."""
    began = time.perf_counter()
    energies = [0.0, 0.0]
    blocks = _restored_blocks(job, info, restorer, options, energies)
    try:
        n_clipped = target_file.write(job.target, job.source, info, until(stop, blocks))
    except (AudioError, soundfile.SoundFileError, OSError, ValueError) as error:
        return [jobs.failed(job, error)]
    return [jobs.done(job, info, time.perf_counter() - began, n_clipped, energies)]


def _restored_blocks(
    job: Job, info: Info, restorer: StageRestorer, options: Options, energies: list[float]
) -> Iterator[np.ndarray]:
    """Restored blocks `[n, C]` at the recording's own rate, together as long as the recording.

    The energies of recording and result are added to `energies`.
    """
    streams = [restorer.stream(**options) for _ in range(info.channels)]
    # Resamplers with a state: blocks join without a seam.
    source_resampler = _resampler(info.sample_rate, SAMPLE_RATE, info.channels)
    noisy_resampler = _resampler(info.sample_rate, SAMPLE_RATE, info.channels)
    target_resampler = _resampler(SAMPLE_RATE, info.sample_rate, info.channels)
    n_to_skip, n_left = streams[0].delay, info.n_samples
    sources = source_file.read_blocks(job.source, BLOCK_S)
    originals = source_file.read_blocks(job.noisy or job.source, BLOCK_S)
    pairs = progress(
        zip(sources, originals, strict=True), job.source.name, math.ceil(info.duration / BLOCK_S)
    )
    for (block, last), (noisy, _) in pairs:
        signal = source_resampler.resample_chunk(block, last=last)
        noisy = noisy_resampler.resample_chunk(noisy, last=last) if job.noisy else None
        restored = _push(streams, signal, noisy)
        if last:
            ends = np.stack([stream.flush() for stream in streams], axis=1)
            restored = np.concatenate([restored, ends])
        # The first `delay` samples of a stream come before the signal.
        restored, n_to_skip = restored[n_to_skip:], max(0, n_to_skip - len(restored))
        output = target_resampler.resample_chunk(restored, last=last)
        # Rates that do not divide leave a sample too many or too few at the end.
        output = fit_length(output, n_left) if last else output[:n_left]
        n_left -= len(output)
        energies[0] += _energy(block)
        energies[1] += _energy(output)
        yield output


def _push(
    streams: Sequence[StageStream], signal: np.ndarray, noisy: np.ndarray | None
) -> np.ndarray:
    """A block `[n, C]` through one stream a channel -> `[n, C]`."""
    originals = [None] * len(streams) if noisy is None else noisy.T
    channels = zip(streams, signal.T, originals, strict=True)
    return np.stack([stream.push(*pair) for stream, *pair in channels], axis=1)


def _energy(signal: np.ndarray) -> float:
    return float(np.sum(np.square(signal, dtype=np.float64)))


def _resampler(from_rate: int, to_rate: int, channels: int) -> soxr.ResampleStream:
    return soxr.ResampleStream(from_rate, to_rate, channels, dtype="float32")
