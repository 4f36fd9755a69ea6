"""Parameters of the notebook `train`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lib.config import fields
from lib.config.base import Parameters, checked


class Train(Parameters):
    """`train`: what is learned, from what, for how long. Loss weights are `lambda_<loss>`; 0.0 turns a loss off."""

    corpus: fields.Name = "demo"
    epochs: Annotated[int, Field(ge=0)] = 12
    gan_start_epoch: fields.Count = 6
    batch_size: fields.Count = 8
    segment_length: fields.Segment = 48000
    on_the_fly: bool = False
    speed_min: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    speed_max: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    architecture: Literal["spectral", "waveform"] = "spectral"
    channels: Annotated[int, Field(ge=4, le=256, multiple_of=2)] = 24
    hidden: Annotated[int, Field(ge=8, le=1024)] = 256
    condition_on_noisy: bool = True
    discriminators: list[Literal["period", "scale", "stft"]] = Field(
        ["period", "scale"], min_length=1
    )
    discriminator_size: Literal["cpu", "gpu"] = "cpu"
    discriminator_segment_length: Annotated[int, Field(ge=0)] = 0
    gan_ramp_epochs: fields.Weight = 1.0
    lr: Annotated[float, Field(gt=0, le=1)] = 1e-3
    lr_discriminator: Annotated[float, Field(gt=0, le=1)] = 5e-4
    lr_schedule: Literal["cosine", "restarts", "constant"] = "cosine"
    warmup_steps: Annotated[int, Field(ge=0)] = 100
    n_cycles: fields.Count = 3
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.999
    accumulate: fields.Count = 1
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    lambda_l1: fields.Weight = 50.0
    lambda_spectral: fields.Weight = 1.0
    lambda_complex: fields.Weight = 0.0
    lambda_mel: fields.Weight = 0.0
    lambda_pesq: fields.Weight = 0.0
    lambda_over_attenuation: fields.Weight = 0.0
    high_band_weight: fields.Positive = 1.0
    lambda_adversarial: fields.Weight = 0.1
    lambda_features: fields.Weight = 0.2
    gain_min: fields.Positive = 0.8
    gain_max: fields.Positive = 1.0
    p_invert: fields.Share = 0.0
    grad_clip: fields.Positive = 10.0
    grad_norm_threshold: fields.Positive = 100.0
    max_nonfinite_steps: fields.Count = 10
    checkpoint_steps: Annotated[int, Field(ge=0)] = 0
    n_valid_scored: Annotated[int, Field(ge=1, le=32)] = 32
    n_samples_logged: Annotated[int, Field(ge=0, le=32)] = 2
    samples_every: fields.Count = 5
    seed: fields.Seed = 0
    device: fields.Device = "auto"
    n_workers: Annotated[int, Field(ge=0)] = 0
    n_processes: Annotated[int, Field(ge=1, le=64)] = 1
    init_run: str = ""
    init_discriminators: bool = False
    resume: str = ""

    @model_validator(mode="after")
    def _together(self) -> Self:
        return checked(
            self,
            (
                self.discriminator_segment_length <= self.segment_length,
                f"discriminator_segment_length = {self.discriminator_segment_length}: expected at most segment_length = {self.segment_length},"
                " or 0 for all of it",
            ),
            (
                self.speed_min <= self.speed_max,
                f"speed_min = {self.speed_min}: expected at most speed_max = {self.speed_max}",
            ),
            (
                self.on_the_fly or self.speed_min == self.speed_max == 1,
                f"speed_min = {self.speed_min}, speed_max = {self.speed_max}: expected 1.0, 1.0 unless on_the_fly, since prepared"
                " pairs are as they are",
            ),
            (
                bool(self.init_run) or not self.init_discriminators,
                "init_discriminators = true: expected init_run beside it, the run whose discriminators are taken",
            ),
            (
                self.gain_min <= self.gain_max,
                f"gain_min = {self.gain_min}: expected at most gain_max = {self.gain_max}",
            ),
            (
                any(
                    getattr(self, f"lambda_{name}")
                    for name in ("l1", "spectral", "complex", "mel", "pesq")
                ),
                "lambda_l1, lambda_spectral, lambda_complex, lambda_mel and lambda_pesq are 0.0: expected one above 0,"
                " since nothing else asks for clean",
            ),
        )

    @property
    def warnings(self) -> list[str]:
        if self.epochs == 0:
            return ["epochs = 0: nothing is trained, the untrained generator is validated"]
        if self.gan_start_epoch > self.epochs:
            return [
                f"gan_start_epoch = {self.gan_start_epoch} is beyond epochs = {self.epochs}: no discriminator joins"
            ]
        if self.lambda_adversarial == self.lambda_features == 0:
            return ["lambda_adversarial = 0.0 and lambda_features = 0.0: no discriminator joins"]
        return []
