"""Recordings in, recordings out: files and folders, whatever libsndfile reads, hours long in bounded memory.

What is done to them is a restorer's business (`many` for signals that are short, `stream` for long ones); here they are found,
checked, resampled there and back, and written as they were: same tree, rate, channels, length, container and bits.
"""

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr

from lib.audio import files
from lib.audio.files import SAMPLE_RATE
from lib.inference.formats import target_format
from lib.runtime.progress import progress

SHORT_S = 60.0  # recordings up to this length are held whole, and worked on together
BATCH_SIZE = 8  # channels of short recordings at once
WRITE_LENGTH = (
    16_384  # samples that are written at once: libsndfile's Vorbis encoder crashes on millions
)
BLOCK_S = 10.0  # of a long recording that are held at once


class Job(NamedTuple):
    """What is to become of one recording."""

    source: Path
    target: Path
    noisy: Path | None = None  # the original of a source that is enhanced already


class Outcome(NamedTuple):
    """What became of it."""

    source: str
    target: str
    seconds: float = 0.0  # of the recording
    took_s: float = 0.0
    n_clipped: int = 0  # samples beyond full scale, which an integer format cannot hold
    problem: str = ""  # empty: it was made


def find_jobs(source: Path, target: Path, noisy: Path | None = None) -> list[Job]:
    """A file and the file that it becomes; or for each audio file below a folder one with the same path below `target`.

    Raises `ValueError` if there is nothing to do, or one of them is a file and another a folder.
    """
    if not source.exists():
        raise ValueError(f"{source}: no such file or folder")
    if source.is_dir() and source.resolve() == target.resolve():
        raise ValueError(f"{target}: is the source itself; name another folder")
    if noisy and noisy.is_dir() != source.is_dir():
        raise ValueError(
            f"{noisy}: expected a {'folder' if source.is_dir() else 'file'}, as {source} is one"
        )
    if source.is_file():
        if target.is_dir():
            target = target / source.name
        return [Job(source, target, noisy)]
    if target.is_file():
        raise ValueError(f"{target}: is a file, expected a folder, as {source} is one")
    if not (
        found := [
            path
            for path in files.find(source)
            if not path.resolve().is_relative_to(target.resolve())
        ]
    ):
        raise ValueError(f"{source}: no audio files ({', '.join(sorted(files.SUFFIXES))})")
    names = [path.relative_to(source) for path in found]
    return [Job(source / name, target / name, noisy and noisy / name) for name in names]


def restore_jobs(
    todo: Sequence[Job], restorer, overwrite: bool = False, **how
) -> Iterator[Outcome]:
    """Restore recordings; a bad one is an outcome with its problem, and the rest goes on.

    Args:
        restorer: has `many(signals, noisy, **how)` and `stream(**how)` for channels at 48 kHz.
        overwrite: replace targets that exist.
        how: `mix`, `already_enhanced`.
    """
    batch: list[tuple[Job, np.ndarray, np.ndarray]] = []
    for job in todo:
        try:
            info = _checked(job, overwrite)
            if info.duration > SHORT_S:
                yield _long(job, info, restorer, how)
                continue
            batch.append((job, _read(job.source), _read(job.noisy) if job.noisy else None))
        except (files.AudioError, soundfile.SoundFileError, OSError, ValueError) as error:
            yield _failed(job, error)
        if sum(signal.shape[1] for _, signal, _ in batch) >= BATCH_SIZE:
            yield from _short(batch, restorer, how)
            batch = []
    yield from _short(batch, restorer, how)


def _checked(job: Job, overwrite: bool) -> files.Info:
    """What can be known before any work."""
    info = files.info(job.source)
    if not info.n_samples:
        raise files.AudioError(f"{job.source}: holds no samples")
    if job.source.resolve() == job.target.resolve():
        raise ValueError(f"{job.target}: is the source itself; name another target")
    if job.target.exists() and not overwrite:
        raise ValueError(
            f"{job.target}: exists, and is only replaced where overwriting is asked for"
        )
    target_format(job.target, info)
    if job.noisy and (other := files.info(job.noisy)) and other[2:] != info[2:]:
        raise ValueError(
            f"{job.noisy}: {other.sample_rate} Hz, {other.channels} channels, {other.n_samples} samples; "
            f"expected {info.sample_rate} Hz, {info.channels}, {info.n_samples}, as {job.source.name} has"
        )
    return info


def _short(batch: list, restorer, how: dict) -> Iterator[Outcome]:
    """Short recordings together; each channel is a signal."""
    began = time.perf_counter()
    infos = [files.info(job.source) for job, _, _ in batch]
    signals, originals = (
        [channel for (job, *both), info in zip(batch, infos, strict=True) if both[k] is not None
         for channel in soxr.resample(both[k], info.sample_rate, SAMPLE_RATE).T]
        for k in (0, 1)
    )  # fmt: skip
    restored = iter(restorer.many(signals, originals or None, **how)) if signals else iter(())
    for (job, signal, _), info in zip(batch, infos, strict=True):
        channels = np.stack([next(restored) for _ in range(info.channels)], axis=1)
        took_s = (time.perf_counter() - began) / len(batch)
        try:
            back = soxr.resample(channels, SAMPLE_RATE, info.sample_rate)
            yield _outcome(job, info, took_s, _write(job, info, [_of_length(back, len(signal))]))
        except (files.AudioError, OSError, soundfile.SoundFileError) as error:
            yield _failed(job, error)


def _long(job: Job, info: files.Info, restorer, how: dict) -> Outcome:
    """A long recording, block by block."""
    began = time.perf_counter()
    return _outcome(
        job, info, 0.0, _write(job, info, _restored_blocks(job, info, restorer, how))
    )._replace(took_s=time.perf_counter() - began)


def _restored_blocks(job: Job, info: files.Info, restorer, how: dict) -> Iterator[np.ndarray]:
    """Blocks `[n, C]` at the recording's own rate, as long altogether as the recording."""
    streams = [restorer.stream(**how) for _ in range(info.channels)]
    there = [
        soxr.ResampleStream(info.sample_rate, SAMPLE_RATE, info.channels, dtype="float32")
        for _ in range(2)
    ]
    back = soxr.ResampleStream(SAMPLE_RATE, info.sample_rate, info.channels, dtype="float32")
    late, n_left = streams[0].delay, info.n_samples
    pairs = zip(_blocks(job.source), _blocks(job.noisy or job.source), strict=True)
    for (block, last), (other, _) in progress(
        pairs, job.source.name, math.ceil(info.duration / BLOCK_S)
    ):
        block = there[0].resample_chunk(block, last=last)
        other = there[1].resample_chunk(other, last=last) if job.noisy else block
        out = [stream.push(a, b) for stream, a, b in zip(streams, block.T, other.T, strict=True)]
        if last:
            out = [
                np.concatenate([samples, stream.flush()])
                for samples, stream in zip(out, streams, strict=True)
            ]
        out = np.stack(out, axis=1)
        out, late = out[late:], max(0, late - len(out))
        made = back.resample_chunk(out, last=last)
        made = _of_length(made, n_left) if last else made[:n_left]
        n_left -= len(made)
        yield made


def _blocks(path: Path) -> Iterator[tuple[np.ndarray, bool]]:
    """Blocks `[n, C]` of a file, and whether one is the last."""
    with soundfile.SoundFile(path) as file:
        n_left = file.frames
        while n_left > 0:
            wanted = min(n_left, round(BLOCK_S * file.samplerate))
            block = file.read(wanted, dtype="float32", always_2d=True)
            n_left -= wanted
            yield _sound(path, block, wanted), n_left <= 0


def _read(path: Path) -> np.ndarray:
    """A whole file `[T, C]`."""
    with soundfile.SoundFile(path) as file:
        return _sound(path, file.read(dtype="float32", always_2d=True), file.frames)


def _sound(path: Path, block: np.ndarray, wanted: int) -> np.ndarray:
    if len(block) < wanted:
        raise files.AudioError(
            f"{path}: {wanted - len(block)} of its samples cannot be read: truncated?"
        )
    if not np.isfinite(block).all():
        raise files.AudioError(
            f"{path}: {np.count_nonzero(~np.isfinite(block))} samples are NaN or infinite"
        )
    return block


def _write(job: Job, info: files.Info, blocks: Iterable[np.ndarray]) -> int:
    """Write the target, which appears whole or not at all; the number of samples that had to be clipped."""
    container, codec = target_format(job.target, info)
    job.target.parent.mkdir(parents=True, exist_ok=True)
    part, n_clipped = job.target.with_name(f".{job.target.name}.part"), 0
    try:
        with soundfile.SoundFile(job.source) as file:
            tags = file.copy_metadata()
        with soundfile.SoundFile(
            part, "w", info.sample_rate, info.channels, codec, format=container
        ) as file:
            for name, text in tags.items():
                with suppress(soundfile.LibsndfileError):  # a container without such a tag
                    setattr(file, name, text)
            for block in blocks:
                if codec not in ("FLOAT", "DOUBLE"):
                    n_clipped += int(np.count_nonzero(np.abs(block) > 1))
                    block = block.clip(-1, 1)
                for start in range(0, len(block), WRITE_LENGTH):
                    file.write(block[start : start + WRITE_LENGTH])
        part.replace(job.target)
    finally:
        part.unlink(missing_ok=True)
    return n_clipped


def _of_length(signal: np.ndarray, n_samples: int) -> np.ndarray:
    """Rates that do not divide leave a sample too many or too few."""
    return np.pad(signal[:n_samples], ((0, max(0, n_samples - len(signal))), (0, 0)))


def _outcome(job: Job, info: files.Info, took_s: float, n_clipped: int) -> Outcome:
    return Outcome(str(job.source), str(job.target), info.duration, took_s, n_clipped)


def _failed(job: Job, error: Exception) -> Outcome:
    text = str(error)
    return Outcome(
        str(job.source),
        str(job.target),
        problem=text if str(job.source) in text else f"{job.source}: {text}",
    )


def report(outcomes: Sequence[Outcome]) -> str:
    """What a command says at its end: what was made and how fast, and a line for each thing that went wrong."""
    made = [outcome for outcome in outcomes if not outcome.problem]
    seconds, took_s = sum(one.seconds for one in made), sum(one.took_s for one in made)
    lines = [f"not restored: {outcome.problem}" for outcome in outcomes if outcome.problem]
    lines += [
        f"{one.target}: {one.n_clipped} samples were beyond full scale and are clipped"
        for one in made
        if one.n_clipped
    ]
    speed = f", {seconds:.1f} s in {took_s:.1f} s" if made else ""
    return "\n".join([*lines, f"{len(made)} of {len(outcomes)} restored{speed}"])
