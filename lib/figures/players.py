"""Audio players for notebooks and pages."""

import base64
import html
import io
from collections.abc import Mapping

import numpy as np
import soundfile


def player(signal: np.ndarray, sample_rate: int, label: str = "", subtype: str = "PCM_24") -> str:
    """An `<audio>` tag that holds `signal` as FLAC, its level unchanged.

    It plays in notebooks that are not trusted, too. The player of IPython scales each signal to
    full scale, and it is mute in a notebook that papermill executed: there the sound has to stand
    in the address of the tag itself.

    Args:
        signal: `[T]`, within +-1.
        label: how a screen reader calls the player.
        subtype: "PCM_24" or "PCM_16".

    Raises:
        ValueError: `signal` is beyond full scale, where an integer format clips, or holds NaN.
    """
    peak = float(np.max(np.abs(signal), initial=0.0))
    if not peak <= 1.0:  # written so that NaN is refused too
        raise ValueError(
            f"player {label!r}: peak {peak:.4g}, expected at most 1.0:"
            " scale all compared signals alike"
        )
    file = io.BytesIO()
    # FLAC is lossless and takes a third of the space of WAV.
    soundfile.write(file, np.asarray(signal), sample_rate, format="FLAC", subtype=subtype)
    data = base64.b64encode(file.getvalue()).decode()
    # Not in a `<source>` within: a notebook that is not trusted does not play that.
    return (
        f'<audio controls preload="metadata" aria-label="{escape(label)}"'
        f' src="data:audio/flac;base64,{data}"></audio>'
    )


def players(signals: Mapping[str, np.ndarray], sample_rate: int, title: str = "") -> str:
    """Players side by side with their names above, as HTML; `IPython.display.HTML` shows it."""
    names = "".join(f"<th>{escape(name)}</th>" for name in signals)
    tags = "".join(
        f"<td>{player(signal, sample_rate, name)}</td>" for name, signal in signals.items()
    )
    return f"<table><caption>{escape(title)}</caption><tr>{names}</tr><tr>{tags}</tr></table>"


def escape(text: object) -> str:
    """`text` as it may stand in HTML.

    >>> escape("a < b")
    'a &lt; b'
    """
    return html.escape(str(text))
