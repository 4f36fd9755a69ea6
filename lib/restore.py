"""Restore recordings: DeepFilterNet3, then a trained run or the weights of this repository.

python -m lib.restore noisy.wav restored.wav     a recording
python -m lib.restore RECORDINGS RESTORED        a folder, and the folder that gets the same tree
python -m lib.restore --export chain.onnx        all of it, hop by hop, for ONNX Runtime
sox in.wav -t s16 -r 48k -c 1 - | python -m lib.restore --stream | sox -t s16 -r 48k -c 1 - out.wav

On a CPU the weights of this repository run without PyTorch, which takes seconds to import.
"""

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

from lib.runtime.command import exit_at_once, exit_stopped, importing

with importing(__name__):
    from lib.inference import jobs
    from lib.inference.checks import check_options
    from lib.inference.pcm import ENCODINGS, stream_pcm
    from lib.inference.recordings import restore_jobs
    from lib.inference.stage_restorer import StageRestorer
    from lib.runtime.progress import progress, remark

MAX_THREADS = 8  # each takes some 100 MB
# Of drivers with which PyTorch may find a CUDA device; the second is Windows' subsystem for Linux.
CUDA_DRIVERS = (Path("/proc/driver/nvidia"), Path("/dev/dxg"))


def main() -> None:
    """The command line."""
    arguments = parse_arguments()
    stop_like_ctrl_c()
    if sys.stdout is not None:
        # A name that the terminal's encoding lacks must not cost the report.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        if arguments.export:
            export(arguments)
            return
        # Loaded first: a run that does not exist ends the program here.
        restorer = load_light() if is_light(arguments) else load_in_pytorch(arguments)
        if arguments.stream:
            restore_stream(restorer, arguments)
            return
        restore_files(restorer, arguments)
    # A usual exit would complain about samples that cannot be flushed.
    except BrokenPipeError:  # the reader of the output has gone
        os._exit(1)
    except KeyboardInterrupt:
        exit_at_once("stopped")
    except (ValueError, OSError, LookupError) as error:  # NoRunError is a LookupError
        sys.exit(str(error))


def is_light(arguments: argparse.Namespace) -> bool:
    """Whether PyTorch is not needed: for the weights of this repository on a CPU."""
    may_be_cuda = arguments.device == "auto" and any(path.exists() for path in CUDA_DRIVERS)
    return arguments.run == "shipped" and arguments.device != "cuda" and not may_be_cuda


# Each way is imported where it is taken, so that nobody waits for the other.


def load_light() -> StageRestorer:
    """The weights of this repository, without PyTorch."""
    from threadpoolctl import threadpool_limits

    from lib.inference.light import LightRestorer

    # Files are what threads share. Those of BLAS would wait for each other, and burn as much time.
    threadpool_limits(1)
    return LightRestorer()


def load_in_pytorch(arguments: argparse.Namespace):
    """The `Restorer` of the run, on the device that was asked for."""
    from lib.inference.restorer import Restorer
    from lib.runtime.threads import choose_device

    return Restorer.load(arguments.run, choose_device(arguments.device))


def export(arguments: argparse.Namespace) -> None:
    """Write the model, and say what it takes and where an example of its use is."""
    from lib.inference.export_report import export_report

    restorer = load_in_pytorch(arguments)
    if arguments.stage == "restorer":
        path, example = restorer.export(arguments.export), "lib/weights/README.md"
    else:
        path = restorer.export_chain(arguments.export, arguments.half)
        example = "README.md, Use it elsewhere"
    print(f"{export_report(path)}\nexample: {example}")


def stop_like_ctrl_c() -> None:
    """Let `kill` and a terminal that is closed end the program like Ctrl-C: tidily."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        # `nohup` has it ignored.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def parse_arguments() -> argparse.Namespace:
    """The arguments as typed. A combination that makes no sense ends the program with status 2."""
    parser = argparse.ArgumentParser(
        "python -m lib.restore",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("source", nargs="?", type=Path, help="a recording that libsndfile reads, or a folder")
    add("target", nargs="?", type=Path, help="the file, or the folder that gets the same tree")
    add("--run", default="shipped", help="shipped, best, latest or the id of a training run")
    add("--mix", type=float, default=1.0, help="share of restored, 0 to 1; the rest is the source")
    add("--already-enhanced", action="store_true", help="the source comes from DeepFilterNet3")
    add("--noisy", type=Path, help="with --already-enhanced: the noisy original, file or folder")
    add("--overwrite", action="store_true", help="replace targets that exist")
    devices = ("auto", "cpu", "cuda")
    add("--device", default="auto", choices=devices, help="where the restorer runs")
    add("--stream", action="store_true", help="raw samples at 48 kHz from stdin to stdout")
    add("--encoding", choices=sorted(ENCODINGS), help="of --stream (default: s16)")
    add("--channels", type=int, help="of --stream, interleaved (default: 1)")
    add("--export", type=Path, help="write an ONNX model of one hop of 10 ms")
    stages = ("chain", "restorer")
    add("--stage", choices=stages, help="of --export: all of it (default), or the restorer alone")
    add("--half", action="store_true", help="of --export: weights as float16, half the bytes")
    arguments = parser.parse_args()

    # One task in a call. A source beside another task would be left alone in silence, and a stream
    # would wait for standard input.
    chosen = [arguments.stream, arguments.export is not None, arguments.source is not None]
    if sum(chosen) != 1 or (arguments.source is None) != (arguments.target is None):
        parser.error("expected either a source and a target, or --stream, or --export PATH")
    try:
        check_options(arguments.mix, arguments.already_enhanced, bool(arguments.noisy))
    except ValueError as error:
        parser.error(f"--{error}".replace("_", "-"))
    for name in ("encoding", "channels"):
        if getattr(arguments, name) is not None and not arguments.stream:
            parser.error(f"--{name} goes with --stream: files keep their own")
    if arguments.stage and not arguments.export:
        parser.error("--stage goes with --export")
    if arguments.half and (not arguments.export or arguments.stage == "restorer"):
        parser.error("--half goes with --export of the whole chain")
    # The model would be another one than the user asked for.
    if arguments.export and arguments.mix != 1:
        parser.error("--mix goes with recordings and --stream: a model has it as an input")
    if arguments.export and arguments.already_enhanced:
        parser.error("--already-enhanced goes with recordings and --stream: see --stage restorer")
    if arguments.channels is not None and arguments.channels < 1:
        parser.error(f"--channels {arguments.channels}: expected at least 1")
    if arguments.noisy and arguments.stream:
        parser.error("--noisy goes with files, and not with --stream")
    if arguments.export and arguments.export.is_dir():
        parser.error(f"{arguments.export}: is a folder, expected a file, like chain.onnx")
    # Refused now: the export itself replaces a file without asking.
    if arguments.export and arguments.export.exists() and not arguments.overwrite:
        parser.error(f"{arguments.export}: exists; --overwrite replaces it")
    return arguments


def restore_stream(restorer: StageRestorer, arguments: argparse.Namespace) -> None:
    """Raw samples from standard input to standard output, until the input ends."""
    already_enhanced = arguments.already_enhanced
    # 48 samples are a millisecond.
    delay = restorer.stream(already_enhanced=already_enhanced).delay
    remark(f"{delay / 48:.1f} ms late")
    encoding, channels = arguments.encoding or "s16", arguments.channels or 1
    n_broken, n_bytes_left = stream_pcm(
        restorer, encoding, channels, arguments.mix, already_enhanced
    )
    if n_broken:
        remark(f"{n_broken} samples were NaN or infinite: silence stands in for them")
    if n_bytes_left:
        remark(
            f"the last {n_bytes_left} bytes are left out: less than a sample of"
            f" {channels} channels in {encoding}; are --encoding and --channels right?"
        )


def restore_files(restorer: StageRestorer, arguments: argparse.Namespace) -> NoReturn:
    """Restore files, then exit: with status 1 if one failed, 130 if Ctrl-C stopped it."""
    todo = jobs.find_jobs(arguments.source, arguments.target, arguments.noisy)
    outcomes: list[jobs.Outcome] = []
    options = (arguments.overwrite, arguments.mix, arguments.already_enhanced)
    n_cores = len(os.sched_getaffinity(0)) if is_light(arguments) else 1
    restored = restore_jobs(todo, restorer, *options, min(n_cores, len(todo), MAX_THREADS))
    began = time.perf_counter()
    try:
        for outcome in progress(restored, "restoring", len(todo)):
            outcomes.append(outcome)
    except KeyboardInterrupt:
        # A user who stops still learns which files are there.
        print(jobs.report(outcomes, time.perf_counter() - began), flush=True)
        exit_stopped(f"stopped: {len(todo) - len(outcomes)} are left")
    print(jobs.report(outcomes, time.perf_counter() - began), flush=True)
    # True is status 1.
    sys.exit(any(outcome.problem for outcome in outcomes))


if __name__ == "__main__":
    main()
