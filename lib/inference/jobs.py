"""Which recordings become which files, and what became of each of them."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lib.audio import files
from lib.audio.files import printable
from lib.inference.target_file import choose_format

MAX_QUIETER_DB = 20.0  # noise as loud as speech, with pauses, makes half of it


class Job(NamedTuple):
    """One recording that is to be restored."""

    source: Path
    target: Path
    noisy: Path | None = None  # the noisy original of a source that is enhanced already
    resumes: bool = False  # a target that an earlier run wrote is no problem


class Outcome(NamedTuple):
    """What became of one job."""

    source: str
    target: str
    seconds: float = 0.0  # length of the recording
    took_s: float = 0.0
    n_clipped: int = 0  # samples beyond full scale, which an integer format cannot hold
    problem: str = ""  # why there is no target; empty if there is one
    existed: bool = False  # an earlier run wrote the target
    quieter_db: float = 0.0  # level of the recording over that of the target

    def printable(self) -> "Outcome":
        """The same with names that can be printed and stored (see `printable`)."""
        return self._replace(source=printable(self.source), target=printable(self.target))


def find_jobs(source: Path, target: Path, noisy: Path | None = None) -> list[Job]:
    """The jobs for a file, or for each audio file below a folder.

    Args:
        source: a file, or a folder of any depth.
        target: the file to write, or the folder that gets the same tree; a file may go into a
            folder that exists.
        noisy: the noisy originals of sources that are enhanced already, in the same tree.

    Raises:
        ValueError: there is no audio file, one path is a file and another is a folder, or a target
            is one of the recordings that are read.
    """
    if not source.exists():
        raise ValueError(f"{source}: no such file or folder")
    # A restored file would stand beside the recordings, or take the place of one.
    if source.is_dir() and _real(source) == _real(target):
        raise ValueError(f"{target}: is the source itself; name another folder")
    if noisy and noisy.is_dir() != source.is_dir():
        kind = "folder" if source.is_dir() else "file"
        raise ValueError(f"{noisy}: expected a {kind}, as {source} is one")
    if not source.is_dir():
        return [Job(source, target / source.name if target.is_dir() else target, noisy)]
    if target.is_file():
        raise ValueError(f"{target}: is a file, expected a folder, as {source} is one")
    if target.suffix.lower() in files.SUFFIXES and not target.exists():
        raise ValueError(f"{target}: is named like a file, expected a folder, as {source} is one")
    paths = files.find(source)
    # The target may lie inside the source: a second run must not restore what the first one wrote.
    if _real(target).is_relative_to(_real(source)):
        paths = [path for path in paths if not _real(path).is_relative_to(_real(target))]
    if not paths:
        raise ValueError(f"{source}: no audio files ({', '.join(sorted(files.SUFFIXES))})")
    # The same relative path in all three folders.
    names = [path.relative_to(source) for path in paths]
    todo = [
        Job(source / name, target / name, noisy and noisy / name, resumes=True) for name in names
    ]
    # Where the source lies inside the target, or the target is the folder of the noisy originals.
    recordings = {_real(path) for job in todo for path in _read_by(job)}
    if lost := [job for job in todo if _real(job.target) in recordings]:
        raise ValueError(f"{lost[0].target}: is one of the recordings; name another folder")
    return todo


def check_job(job: Job, overwrite: bool) -> files.Info:
    """The source's header, after every check that needs no work.

    Raises:
        AudioError: a file is no audio, or the source holds no samples.
        ValueError: the target is the source or its noisy original, exists or has a format that
            cannot be written, or `noisy` differs from the source in rate, channels or length.
    """
    info = files.info(job.source, whole=True)
    if not info.n_samples:
        raise files.AudioError(f"{job.source}: holds no samples")
    # Not even with `overwrite`: the recording would be lost.
    if _real(job.target) in map(_real, _read_by(job)):
        which = "source" if _real(job.target) == _real(job.source) else "noisy original"
        raise ValueError(f"{job.target}: is the {which} itself; name another target")
    if job.target.is_dir():
        raise ValueError(f"{job.target}: is a folder")
    if job.target.exists() and not overwrite and not is_done(job, info):
        raise ValueError(f"{job.target}: exists; --overwrite or -p overwrite true replaces it")
    # Raises now for a format that cannot be written, and not after minutes of work.
    choose_format(job.target, info)
    if job.noisy and _size(noisy_info := files.info(job.noisy, whole=True)) != _size(info):
        raise ValueError(
            f"{job.noisy}: {noisy_info.sample_rate} Hz, {noisy_info.channels} channels, "
            f"{noisy_info.n_samples} samples; expected {info.sample_rate} Hz, {info.channels}, "
            f"{info.n_samples}, as {job.source.name} has"
        )
    return info


def is_done(job: Job, info: files.Info) -> bool:
    """Whether an earlier run over the same folder has written the target.

    Args:
        info: the source's header.

    It did if the target is as long as the source and newer: targets appear whole or not at all.
    """
    if not job.resumes or not job.target.is_file():
        return False
    if job.target.stat().st_mtime_ns < job.source.stat().st_mtime_ns:
        return False
    try:
        return _size(files.info(job.target)) == _size(info)
    except files.AudioError:
        return False


def done(
    job: Job, info: files.Info, took_s: float, n_clipped: int, energies: Sequence[float]
) -> Outcome:
    """The outcome of a job whose target is written; `energies` are of recording and target."""
    before, after = energies
    quieter_db = 10 * math.log10(before / max(after, 1e-20)) if before else 0.0
    names = str(job.source), str(job.target)
    return Outcome(*names, info.duration, took_s, n_clipped, quieter_db=quieter_db)


def existed(job: Job, info: files.Info) -> Outcome:
    """The outcome of a job whose target an earlier run has written."""
    return Outcome(str(job.source), str(job.target), info.duration, existed=True)


def failed(job: Job, error: Exception) -> Outcome:
    """The outcome of a job without a target; its problem names the source.

    >>> failed(Job(Path("a.wav"), Path("b.wav")), ValueError("disk full")).problem
    'a.wav: disk full'
    """
    text = str(error)
    # Messages of `lib.audio.files` name the file already.
    problem = text if str(job.source) in text else f"{job.source}: {text}"
    return Outcome(str(job.source), str(job.target), problem=printable(problem))


def report(outcomes: Sequence[Outcome], took_s: float | None = None) -> str:
    """A line for each problem, how many recordings were restored and how fast, and what was there.

    Args:
        took_s: of all together; by default the sum, as if one came after the other.

    >>> print(report([Outcome("a.wav", "b.wav", 60.0, 5.0, n_clipped=2)]))
    b.wav: 2 samples were beyond full scale and are clipped
    1 of 1 restored, 60.0 s in 5.0 s
    """
    restored = [outcome for outcome in outcomes if not outcome.problem and not outcome.existed]
    n_existed = sum(outcome.existed for outcome in outcomes)
    lines = [f"not restored: {outcome.problem}" for outcome in outcomes if outcome.problem]
    for outcome in restored:
        if outcome.n_clipped:
            clipped = f"{outcome.n_clipped} samples were beyond full scale and are clipped"
            lines.append(f"{printable(outcome.target)}: {clipped}")
        if outcome.quieter_db > MAX_QUIETER_DB:
            lines.append(
                f"{printable(outcome.target)}: {outcome.quieter_db:.0f} dB quieter than the"
                " recording; if that holds speech, make it louder and restore it again"
            )
    seconds = sum(outcome.seconds for outcome in restored)
    if took_s is None:
        took_s = sum(outcome.took_s for outcome in restored)
    speed = f", {seconds:.1f} s in {took_s:.1f} s" if restored else ""
    lines.append(f"{len(restored)} of {len(outcomes)} restored{speed}")
    if n_existed:
        lines.append(
            f"restored by an earlier command, maybe with other options: {n_existed};"
            " --overwrite or -p overwrite true does them again"
        )
    return "\n".join(lines)


def _read_by(job: Job) -> list[Path]:
    """The recordings that a job reads."""
    return [job.source, job.noisy] if job.noisy else [job.source]


def _size(info: files.Info) -> tuple[int, int, int]:
    return info.sample_rate, info.channels, info.n_samples


def _real(path: Path) -> Path:
    # `Path.resolve` fails at a link to itself.
    return Path(os.path.realpath(path))
