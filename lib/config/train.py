"""Parameters of the notebook `train`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lib.config.base import Parameters
from lib.config.fields import (
    Count,
    CountOrZero,
    Device,
    Name,
    NonNegative,
    Positive,
    Segment,
    Share,
)


class Train(Parameters):
    """`train`: the data, the networks, the losses, and how long they are trained.

    The weight of a loss is `lambda_<loss>`; 0.0 turns the loss off.
    """

    # data

    corpus: Name = "demo"
    """Folder of prepared pairs below `runs/pairs`. Default: the embedded corpus."""
    segment_length: Segment = 48_000
    """Samples of each training item. Default: one second, which holds a few syllables."""
    batch_size: Count = 8
    """Segments per batch. Larger batches give steadier gradients and need more memory."""
    on_the_fly: bool = False
    """Mix every utterance anew in every epoch instead of reading prepared pairs: more data, but
    DeepFilterNet3 runs in each step. They meet the rooms and recorders of the corpus."""
    speed_min: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    """Lowest factor by which speech and noise are played faster, pitch and all, on the fly.
    Other speeds sound like other voices. Default: speeds stay as recorded."""
    speed_max: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    """Highest such factor."""
    gain_min: Positive = 0.8
    """Lowest random gain of a segment, the same for all its signals. Default: mild, since the
    corpus already varies the level."""
    gain_max: Positive = 1.0
    """Highest such gain. Default: never louder, so that nothing exceeds full scale."""
    p_invert: Share = 0.0
    """Probability that the polarity of a segment is inverted. Default: off, since the ear does not
    hear polarity."""

    # generator

    architecture: Literal["dual_path", "bins", "bands", "spectral", "waveform"] = "bins"
    """dual_path learns complex masks and a residual to each bin, by recurrence over time and
    attention over frequency; spectral by a U-Net; bins a gain for each bin of DeepFilterNet3's
    output, at most 12 dB up or down; bands for each ERB band, at most 6 dB; waveform, the baseline,
    works on samples. Default: gains learn fastest; dual_path restores more, and takes a GPU."""
    channels: Annotated[int, Field(ge=4, le=256, multiple_of=2)] = 16
    """Width of the first layer; 32 is dual_path's, 24 spectral's. Default: 1.1 million parameters
    with `hidden`; the real-time budget is 3.6 million."""
    hidden: Annotated[int, Field(ge=8, le=1024)] = 256
    """Units of the GRUs, the generator's memory over time. dual_path has three for each of 30
    groups of bins, of 64 units."""
    condition_on_noisy: bool = True
    """Show the generator the noisy recording, which holds what DeepFilterNet3 took away, beside
    DeepFilterNet3's output."""
    mask_noisy: bool = False
    """Let dual_path and spectral mix the noisy recording into their output. Default: they only hear
    it, since the noise that comes with it is what judges mind most, unless a long GAN teaches them
    what to take."""
    gate_pauses: bool = True
    """Let the generator make nothing louder where nobody speaks (spectral: change nothing), in
    frames 36 dB below the loudest one of the last seconds of DeepFilterNet3's output. waveform has
    no gate."""

    # discriminators

    gan_start_epoch: Count = 6
    """First epoch with discriminators; the first epoch is 1. Before it the generator trains alone.
    Default: 5 to 10 epochs let it learn the coarse spectrum first. Beyond `epochs`: never."""
    gan_warmup_epochs: CountOrZero = 0
    """Epochs from `gan_start_epoch` on in which the discriminators learn and the generator does not
    hear them yet: judges that know nothing teach it nothing."""
    gan_ramp_epochs: NonNegative = 1.0
    """Epochs after that in which the discriminators' losses rise from zero to their weights, so
    that their start is no jump."""
    discriminators: list[Literal["period", "scale", "stft", "bands"]] = Field(
        ["bands"], min_length=1
    )
    """Families of discriminators. period sees the waveform folded by periods, scale sees it at
    several rates (both from HiFi-GAN, 2010.05646), stft sees spectra (UnivNet, 2106.07889), bands
    sees the levels of ERB bands. Default: what the default generator can change."""
    condition_discriminators: bool = True
    """Show the discriminators DeepFilterNet3's output beside what they judge (pix2pix, 1611.07004):
    what was made of it is judged."""
    discriminator_size: Literal["cpu", "gpu"] = "cpu"
    """cpu: few and narrow ones, which a CPU can train; gpu: more and wider ones."""
    discriminator_segment_length: CountOrZero = 0
    """Samples of each segment that the discriminators see, at a random place: less work for each
    step. 0: the whole segment."""

    # losses

    target: Literal["clean", "quiet_pauses", "dominant"] = "dominant"
    """What losses and discriminators compare with. clean: the clean recording. quiet_pauses: the
    quieter one of clean and enhanced where nobody speaks. dominant: clean in the bins that carry
    the voice, the quieter one elsewhere. Scores always compare with clean."""
    lambda_l1: NonNegative = 0.0
    """Weight of the mean absolute difference of the samples, which fixes level and phase. Default:
    none, since gains of bands have no phase."""
    lambda_spectral: NonNegative = 0.0
    """Weight of the difference of STFT levels at several resolutions, per dB."""
    lambda_complex: NonNegative = 0.0
    """Weight of the squared difference of compressed complex spectra, in which quiet bins and their
    phase count (1804.03619)."""
    lambda_mel: NonNegative = 0.0
    """Weight of the difference of mel band levels, per dB: the colour of the voice."""
    lambda_pesq: NonNegative = 0.0
    """Weight of the difference that PESQ's model of hearing perceives, in points of PESQ."""
    pesq_forgives: bool = False
    """Let that model forgive a fixed filter and a slow gain, as PESQ does. Then PESQ rises, and the
    voice is coloured: an ablation."""
    lambda_over_attenuation: NonNegative = 0.0
    """Weight of the energy that is missing where clean has it, in dB. Energy that is too much costs
    nothing here."""
    lambda_dominant: NonNegative = 0.0
    """Weight of the difference of levels in the bins that carry the voice, per dB."""
    lambda_overshoot: NonNegative = 0.0
    """Weight of the level above both target and enhanced, per dB: noise that was let in or made."""
    lambda_bands: NonNegative = 0.0
    """Weight of the difference of the levels of ERB bands to those that gains of 6 dB can reach,
    per dB. Bands that do not carry the voice may not get louder."""
    lambda_bins: NonNegative = 1.0
    """Weight of the difference of the levels of bins to those that gains of 12 dB can reach, per
    dB. Bins that do not carry the voice count less."""
    lambda_contrast: NonNegative = 1.0
    """Weight of the difference in how far harmonics stand out within ERB bands, per dB of spectral
    flatness."""
    lambda_dnsmos: NonNegative = 0.0
    """Weight of what the ratings of DNSMOS P.835 lack to 5 points, as a mean of its three. DNSMOS
    is no witness for such a training. Default: none, since its network takes most of a step."""
    lambda_dnsmos_features: NonNegative = 0.0
    """Weight of the difference of the activations of DNSMOS P.835's convolutions, which is no
    witness then, either."""
    high_band_weight: Positive = 1.0
    """How much an error above 4 kHz counts in the spectral loss; one below 4 kHz counts 1."""
    gan_share: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Share of the discriminators' losses in the gradient, by norms at the generator's last layer.
    Then `lambda_adversarial` and `lambda_features` matter relative to each other alone. 0: they are
    weights like the others."""
    lambda_adversarial: NonNegative = 0.1
    """Weight of the loss for being told from the target by the discriminators."""
    lambda_features: NonNegative = 0.2
    """Weight of the difference of the discriminators' activations. Default: twice the adversarial
    weight, as in HiFi-GAN."""

    # optimiser

    epochs: CountOrZero = 12
    """Passes over the training pairs. 0 validates the untrained generator. Default: some minutes on
    two cores for the embedded corpus."""
    lr: Annotated[float, Field(gt=0, le=1)] = 2e-3
    """Highest learning rate of the generator. Default: twice that of Adam (1412.6980), for short
    trainings."""
    lr_discriminator: Annotated[float, Field(gt=0, le=1)] = 5e-4
    """Highest learning rate of the discriminators. Default: a quarter of the generator's, so that
    they do not outrun it."""
    lr_schedule: Literal["cosine", "restarts", "constant"] = "cosine"
    """Both learning rates over time: cosine falls to 5 %, restarts does so `n_cycles` times
    (1608.03983), constant stays."""
    warmup_steps: CountOrZero = 100
    """Optimiser steps of a linear rise of both learning rates, at most a tenth of all steps. Adam's
    averages are still unreliable in the first steps."""
    n_cycles: Count = 3
    """Cosines of the schedule `restarts`."""
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Decay per step of the averaged weights, which are validated and kept: 0.999 averages over
    about 1,000 steps. 0: no average."""
    accumulate: Count = 1
    """Batches per optimiser step. N batches of one are exactly one batch of N in less memory."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Precision of the networks; losses are always computed in fp32. auto: bf16 where the device
    multiplies in it, fp32 elsewhere, where bf16 would be slower."""
    grad_clip: Positive = 10.0
    """Highest norm of a gradient. A larger gradient is scaled down to it."""
    max_nonfinite_steps: Count = 10
    """Steps in a row whose gradient is NaN or infinite after which the training goes back to its
    last checkpoint, once. One such step is only skipped."""

    # run

    grad_norm_threshold: Positive = 100.0
    """Gradient norm above which a step is written down with its items. Default: ten times
    `grad_clip`."""
    register_model: bool = True
    """At the end, export the best generator as an MLflow model of 14 MB, and register it as
    `retimbre`. It takes some seconds; false saves them in large sweeps."""
    checkpoint_steps: CountOrZero = 0
    """Optimiser steps between checkpoints within an epoch. 0: one at the end of each epoch."""
    n_valid_scored: Annotated[int, Field(ge=2, le=64)] = 6
    """Validation items, drawn once, whose losses and scores are recorded in each epoch; the judges'
    scores choose the best one. Default: validation takes less than a tenth of the training's time
    on the embedded corpus. At least 2, whose spread is the unit; at most 64: judges are slow."""
    n_samples_logged: Annotated[int, Field(ge=0, le=32)] = 2
    """Validation items that are logged as audio and spectrograms."""
    samples_every: Count = 5
    """Epochs between these logs. The first and last epoch and the one before the discriminators
    join are always logged."""
    seed: CountOrZero = 0
    """Of the initial weights, the order of items, and their segments and gains."""
    device: Device = "auto"
    """auto takes CUDA where there is one."""
    n_workers: CountOrZero = 0
    """Processes that load batches. 0: the training process does. The notebook `workers` measures
    how many are worth while."""
    n_processes: Annotated[int, Field(ge=1, le=64)] = 1
    """Training processes of this machine, a batch each (DDP). With CUDA at most one a device."""
    init_run: str = ""
    """Run whose averaged generator is fine-tuned: an id, latest or best. Empty: a new generator."""
    init_checkpoint: Literal["best", "last", "before_gan"] = "best"
    """Which of that run's checkpoints. Default: the epoch that the judges prefer."""
    init_discriminators: bool = False
    """Take the discriminators of `init_run`, too."""
    resume: str = ""
    """Run to go on with, in its own MLflow run: an id or latest. Empty: a new run."""

    @model_validator(mode="after")
    def _check_combinations(self) -> Self:
        if self.discriminator_segment_length > self.segment_length:
            raise ValueError(
                f"discriminator_segment_length = {self.discriminator_segment_length}: expected at"
                f" most segment_length = {self.segment_length}, or 0 for all of it"
            )
        if self.speed_min > self.speed_max:
            raise ValueError(
                f"speed_min = {self.speed_min}: expected at most speed_max = {self.speed_max}"
            )
        if not (self.on_the_fly or self.speed_min == self.speed_max == 1):
            raise ValueError(
                f"speed_min = {self.speed_min}, speed_max = {self.speed_max}: expected 1.0, 1.0"
                " unless on_the_fly, since the speed of prepared pairs is fixed"
            )
        if self.init_discriminators and not self.init_run:
            raise ValueError(
                "init_discriminators = true: expected init_run beside it,"
                " the run whose discriminators are taken"
            )
        if self.gain_min > self.gain_max:
            raise ValueError(
                f"gain_min = {self.gain_min}: expected at most gain_max = {self.gain_max}"
            )
        if not (
            self.lambda_l1
            or self.lambda_spectral
            or self.lambda_complex
            or self.lambda_mel
            or self.lambda_pesq
            or self.lambda_dominant
            or self.lambda_bands
            or self.lambda_bins
        ):
            raise ValueError(
                "lambda_l1, lambda_spectral, lambda_complex, lambda_mel, lambda_pesq,"
                " lambda_dominant, lambda_bands and lambda_bins are 0.0: expected one above 0,"
                " since no other loss leads towards clean"
            )
        return self

    @property
    def start_lines(self) -> list[str]:
        """Whether discriminators join, which a short training may leave out without being asked."""
        if self.epochs == 0:
            return ["epochs = 0: nothing is trained, the untrained generator is validated"]
        if self.lambda_adversarial == self.lambda_features == 0:
            when = "none, since lambda_adversarial and lambda_features are 0.0"
        elif self.gan_start_epoch > self.epochs:
            when = f"none, since gan_start_epoch {self.gan_start_epoch} is beyond"
            when += f" epochs {self.epochs}"
        else:
            when = f"join in epoch {self.gan_start_epoch} of {self.epochs}"
            if self.gan_warmup_epochs:
                heard = self.gan_start_epoch + self.gan_warmup_epochs
                when += f"; the generator hears them from epoch {heard} on"
        return [f"discriminators: {when}"]
