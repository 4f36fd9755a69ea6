"""Speech and noise mixed while training."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from lib.audio import files
from lib.audio.files import SAMPLE_RATE
from lib.corpus import mix
from lib.data.sampling import epoch_and_index

NYQUIST_HZ = SAMPLE_RATE / 2
PASSBAND = 0.91  # of half the sample rate is what the resampler leaves untouched
N_DRAWS = 20  # cuts that are tried until one holds speech and noise


class Mixtures(Dataset):
    """Speech and noise mixed while training: `(noisy, clean, clean_rms, meta)`, another mixture in every epoch.

    Draws a cut of the utterance, an SNR, a level and a place in a noise file. The noise is set to the SNR over active speech,
    then noisy and clean get one gain, so that the peak of noisy is `scale`. Files are at 48 kHz (`sources.at_48_khz` makes them
    so), since nothing is resampled here and only the cut is read.

    Args:
        speech, noise: files.
        segment_length: samples; 0: whole utterances, of different lengths. A shorter utterance stays as short.
        snr_db: one of these, for each item.
        scale: range of the peak of noisy.
        speed: range of the factors that speech, and apart from it noise, is played faster by, pitch and all: other voices.
        p_second_noise: probability that a second noise sounds along, 0 to 10 dB below the first.
        bandwidth_hz: what each speech file really holds, by its path; 24 kHz for those that are not named.

    Returns: noisy and clean `[1, T]`, the RMS of that clean `[]`, and `meta`, never with audio in it: idx, id (its path),
        snr (dB), scale, clean_path, noise_path, clean_len, noisy_len (samples), start, speed, bandwidth_hz.

    Raises:
        ValueError: no speech, no noise, or a file at another rate than 48 kHz, by its name.
    """

    def __init__(self, speech: Sequence[Path], noise: Sequence[Path], segment_length: int, seed: int,
                 snr_db: Sequence[float] = (-5, 0, 5, 10, 15), scale: tuple[float, float] = (0.05, 1.0),
                 speed: tuple[float, float] = (1.0, 1.0), p_second_noise: float = 0.0,
                 bandwidth_hz: Mapping[Path, float] | None = None):  # fmt: skip
        if not speech or not noise:
            raise ValueError(
                f"{len(speech)} speech and {len(noise)} noise files, expected at least one of each"
            )
        self.speech, self.noise, self.length, self.seed = (
            list(speech),
            list(noise),
            segment_length,
            seed,
        )
        self.snr_db, self.scale, self.speed = list(snr_db), scale, speed
        self.p_second_noise, self.bandwidth_hz = p_second_noise, dict(bandwidth_hz or {})
        self.n_samples = {path: _length_at_48_khz(path) for path in [*self.speech, *self.noise]}

    def __len__(self) -> int:
        return len(self.speech)

    def __getitem__(self, key: tuple[int, int] | int) -> tuple[Tensor, Tensor, Tensor, dict]:
        epoch, index = epoch_and_index(key)
        rng, path = np.random.default_rng([self.seed, epoch, index]), self.speech[index]
        snr_db, scale = float(rng.choice(self.snr_db)), float(rng.uniform(*self.scale))
        speed = float(rng.uniform(*self.speed))
        longest = int(self.n_samples[path] / speed)
        n_samples = min(self.length or longest, longest)
        for _ in range(N_DRAWS):
            start = int(rng.integers(self.n_samples[path] - int(n_samples * speed) + 1))
            noise_path = self.noise[rng.integers(len(self.noise))]
            clean = _faster(
                files.read(path, start=start, n_samples=int(n_samples * speed)), speed, n_samples
            )
            try:
                noise = self._noise(noise_path, n_samples, rng)
                if rng.random() < self.p_second_noise:
                    second = self._noise(self.noise[rng.integers(len(self.noise))], n_samples, rng)
                    noise = mix.add_noise(noise, second, float(rng.uniform(*mix.SECOND_NOISE_DB)))
                made = mix.mix(clean, noise, snr_db, scale)
                break
            except ValueError as error:  # a pause, of the speech or of the noise
                reason = error
        else:
            raise files.AudioError(
                f"{path}: no cut of {n_samples} samples among {N_DRAWS} that can be mixed ({reason})"
            )
        # `mix` keeps clean within full scale, which tensors need not
        gain = np.float32(scale / np.abs(made.noisy).max())
        noisy, clean = (
            torch.from_numpy(signal * gain)[None] for signal in (made.noisy, made.clean)
        )
        meta = {
            "idx": index, "id": str(path), "snr": snr_db, "scale": scale, "clean_path": str(path), "noise_path": str(noise_path),
            "clean_len": n_samples, "noisy_len": n_samples, "start": start, "speed": speed,
            "bandwidth_hz": self._bandwidth_hz(path, speed),
        }  # fmt: skip
        return noisy, clean, clean.square().mean().sqrt(), meta

    def _bandwidth_hz(self, path: Path, speed: float) -> float:
        """What a file holds when it is played at `speed`; playing it faster takes the last of the highs."""
        highest = PASSBAND * NYQUIST_HZ if speed > 1 else NYQUIST_HZ
        return min(speed * self.bandwidth_hz.get(path, NYQUIST_HZ), highest)

    def _noise(self, path: Path, n_samples: int, rng: np.random.Generator) -> np.ndarray:
        """A cut of a noise file, which goes round where it is shorter."""
        speed = float(rng.uniform(*self.speed))
        wanted, there = int(n_samples * speed), self.n_samples[path]
        offset = int(rng.integers(max(there - wanted, 0) + 1))
        noise = files.read(path, start=offset, n_samples=min(wanted, there))
        noise = noise if there >= wanted else mix.loop(noise, int(rng.integers(there)), wanted)
        return _faster(noise, speed, n_samples)


def _faster(signal: np.ndarray, speed: float, n_samples: int) -> np.ndarray:
    """`int(n_samples * speed)` samples in the time of `n_samples`."""
    if speed == 1:
        return signal
    resampled = files.resample(signal, speed * SAMPLE_RATE, SAMPLE_RATE)[:n_samples]
    return np.pad(resampled, (0, n_samples - len(resampled)))


def _length_at_48_khz(path: Path) -> int:
    head = files.info(path)
    if head.sample_rate != SAMPLE_RATE:
        raise ValueError(
            f"{path}: at {head.sample_rate} Hz, expected {SAMPLE_RATE} Hz: nothing is resampled while training"
        )
    return head.n_samples
