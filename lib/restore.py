"""Give recordings their timbre back: DeepFilterNet3, then a trained run or the weights that come with this repository.

python -m lib.restore noisy.wav restored.wav             one recording, or a folder and the folder that gets the same tree
sox in.wav -t s16 -r 48k -c 1 - | python -m lib.restore --stream | sox -t s16 -r 48k -c 1 - out.wav
python -m lib.restore --export restorer.onnx             the restorer, hop by hop, for ONNX Runtime

    >>> import numpy as np
    >>> restorer = Restorer.load()
    >>> restorer(np.zeros((4_410, 2)), 44_100).shape
    (4410, 2)
"""

import argparse
import os
import sys
from pathlib import Path

from lib.inference import recordings
from lib.inference.pcm import PCM, stream_pcm
from lib.inference.restorer import Restorer
from lib.runtime.progress import progress
from lib.runtime.threads import choose_device


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m lib.restore", description=__doc__.partition("\n    >>>")[0],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "source",
        nargs="?",
        type=Path,
        help="a recording that libsndfile reads, or a folder of such",
    )
    parser.add_argument(
        "target", nargs="?", type=Path, help="the file, or the folder that gets the same tree"
    )
    parser.add_argument(
        "--run", default="shipped", help="shipped, best, latest or the id of a training run"
    )
    parser.add_argument(
        "--mix", type=float, default=1.0, help="share of restored, 0 to 1; the rest is the source"
    )
    parser.add_argument(
        "--already-enhanced", action="store_true", help="the source has been through DeepFilterNet3"
    )
    parser.add_argument(
        "--noisy", type=Path, help="with --already-enhanced: the noisy original, a file or a folder"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace targets that exist")
    parser.add_argument(
        "--device", default="auto", choices=("auto", "cpu", "cuda"), help="where the restorer works"
    )
    parser.add_argument(
        "--stream",
        action="store_true",
        help="raw samples at 48 kHz from standard input to standard output",
    )
    parser.add_argument(
        "--encoding",
        default="s16",
        choices=sorted(PCM),
        help="of --stream, little-endian (default: s16)",
    )
    parser.add_argument(
        "--channels", type=int, default=1, help="of --stream, interleaved (default: 1)"
    )
    parser.add_argument(
        "--export", type=Path, help="write the restorer as an ONNX model of one hop"
    )
    typed = parser.parse_args()
    if sum([typed.stream, typed.export is not None, typed.target is not None]) != 1:
        parser.error("expected either a source and a target, or --stream, or --export PATH")
    if not 0 <= typed.mix <= 1:
        parser.error(f"--mix {typed.mix}: expected 0 to 1")
    if typed.channels < 1:
        parser.error(f"--channels {typed.channels}: expected at least 1")
    if typed.noisy and (typed.stream or not typed.already_enhanced):
        parser.error("--noisy goes with --already-enhanced, and not with --stream")
    if typed.export and typed.export.exists() and not typed.overwrite:
        parser.error(f"{typed.export}: exists; --overwrite replaces it")
    try:
        restorer = Restorer.load(typed.run, choose_device(typed.device))
        if typed.export:
            print(restorer.export(typed.export))
            return
        if typed.stream:
            print(
                f"{restorer.stream(already_enhanced=typed.already_enhanced).delay / 48:.1f} ms late",
                file=sys.stderr,
            )
            stream_pcm(restorer, typed.encoding, typed.channels, typed.mix, typed.already_enhanced)
            return
        todo = recordings.find_jobs(typed.source, typed.target, typed.noisy)
    except (BrokenPipeError, KeyboardInterrupt):  # who listened to --stream has gone
        os._exit(1)  # without a word about what cannot be flushed
    except (ValueError, OSError, LookupError) as error:  # NoRunError is one
        sys.exit(str(error))
    how = {"mix": typed.mix, "already_enhanced": typed.already_enhanced}
    outcomes = []
    try:
        for outcome in progress(
            recordings.restore_jobs(todo, restorer, typed.overwrite, **how), "restoring", len(todo)
        ):
            outcomes.append(outcome)
    except KeyboardInterrupt:
        print(recordings.report(outcomes))
        sys.exit(f"stopped: {len(todo) - len(outcomes)} are left")
    print(recordings.report(outcomes))
    sys.exit(any(outcome.problem for outcome in outcomes))


if __name__ == "__main__":
    main()
