"""What determines the output besides the input: settings, weights, device."""

from importlib import metadata
from typing import NamedTuple

from lib.deepfilter.grid import LSNR_MAX, LSNR_MIN

# Raise the number whenever the same input gives another output. 3: a signal whose loudest part lies
# between -40 and -32 dB re full scale is heard louder, too.
ENGINE = "retimbre 3"


class Settings(NamedTuple):
    """The choices that upstream's runtime offers. The defaults are the runtime's, too.

    The local SNR is the network's estimate of the SNR of a frame, between -15 and 35 dB. With the
    default thresholds every frame passes both stages.

    Args:
        atten_lim_db: the largest attenuation of noise; 100 or more: no limit, 0: nothing changes.
        post_filter_beta: strength of the post-filter; 0: off, 0.02 is upstream's choice.
        min_db_thresh: a frame with a lower local SNR is silenced.
        max_db_erb_thresh: a frame with a higher local SNR is left as it is.
        max_db_df_thresh: a frame with a higher local SNR gets the ERB mask alone.
        hold_at_pauses: treat pauses and quiet signals as the runtime does, for comparisons: see
            `RuntimeStream`, and no signal is heard louder than it is.
    """

    atten_lim_db: float = 100.0
    post_filter_beta: float = 0.0
    min_db_thresh: float = -15.0
    max_db_erb_thresh: float = 35.0
    max_db_df_thresh: float = 35.0
    hold_at_pauses: bool = False

    @property
    def gated(self) -> bool:
        """Whether a frame may meet a threshold.

        >>> DEFAULTS.gated, Settings(min_db_thresh=-5.0).gated
        (False, True)
        """
        # Estimates stay within these limits, so a threshold at its end lets every frame pass.
        max_thresh = min(self.max_db_erb_thresh, self.max_db_df_thresh)
        return self.min_db_thresh > LSNR_MIN or max_thresh < LSNR_MAX


DEFAULTS = Settings()


def identity(settings: Settings = DEFAULTS, device: str = "cpu") -> dict[str, str]:
    """Engine, hash of the weights, settings and device, as columns of a manifest.

    Two rows with the same identity and the same input hold the same output.

    Raises:
        RuntimeError: the installed weights are not the official ones.

    >>> sorted(identity())
    ['df_device', 'df_engine', 'df_settings', 'df_weights_sha256']
    """
    # Imported here: the settings themselves need no PyTorch.
    from lib.deepfilter.weights import WEIGHTS_FROM, WEIGHTS_SHA256, weights_archive

    # This reads the archive and compares its hash.
    weights_archive()
    # The format writes 100 and 100.0 alike: equal settings have equal texts.
    values = " ".join(f"{name}={value:g}" for name, value in settings._asdict().items())
    return {
        "df_engine": f"{ENGINE}, weights of {WEIGHTS_FROM} {metadata.version(WEIGHTS_FROM)}",
        "df_weights_sha256": WEIGHTS_SHA256,
        "df_settings": values,
        "df_device": device,
    }
