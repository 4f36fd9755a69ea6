import matplotlib
import numpy as np
import pandas as pd
import pytest

from lib.audio import stft
from lib.evaluation import charts, timbre_figures
from lib.figures import curves, long_term, plots, spectrograms
from lib.figures.base import COLOURS, png

SAMPLE_RATE = 48_000
RNG = np.random.default_rng(0)


def sine(hz, amplitude=1.0, seconds=1.0):
    return amplitude * np.sin(
        2 * np.pi * hz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    )


def bars(ax):
    return sum(bar.get_height() for bar in ax.patches)


@pytest.mark.parametrize("amplitude, expected", [(1.0, 0.0), (0.5, -6.0206), (0.001, -60.0)])
def test_a_sine_in_the_middle_of_a_bin_reads_its_level_re_full_scale(amplitude, expected):
    spectrum = stft.spectrogram_db(sine(1500, amplitude))
    assert spectrum.max(axis=0) == pytest.approx(np.full(spectrum.shape[1], expected), abs=0.001)
    assert (spectrum.argmax(axis=0) == 1500 * spectrograms.N_FFT / SAMPLE_RATE).all()


def test_a_sine_between_two_bins_reads_at_most_hanns_1_42_db_less():
    peak = stft.spectrogram_db(sine(1000)).max(axis=0)
    assert (peak <= 0.001).all() and (peak >= -1.43).all()


def test_four_spectrograms_stand_on_one_scale_from_0_to_24_khz():
    signals = {name: sine(1500, 0.1, seconds=2) for name in COLOURS}
    figure = spectrograms.spectrograms(signals, SAMPLE_RATE, bandwidth_hz=11_025)
    panels = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title(loc="left") for ax in panels] == ["noisy", "enhanced", "restored", "clean"]
    assert {ax.images[0].get_clim() for ax in panels} == {(-100, -30)}
    assert {tuple(ax.images[0].get_extent()[2:]) for ax in panels} == {(0, 24)}
    assert all(ax.lines[0].get_ydata()[0] == 11.025 for ax in panels)
    assert float(panels[0].images[0].get_array().max()) == pytest.approx(-20, abs=0.001)


def test_a_spectrogram_ends_at_max_seconds():
    figure = spectrograms.spectrograms({"clean": sine(1500, seconds=3)}, SAMPLE_RATE, max_seconds=2)
    assert figure.axes[0].images[0].get_extent()[1] == pytest.approx(2, abs=0.02)


def test_the_long_term_spectrum_of_white_noise_is_flat_at_6_over_n_fft_of_its_power():
    noise = 0.1 * RNG.standard_normal(20 * SAMPLE_RATE)
    frequencies = np.geomspace(100, 20_000, 50)
    level = long_term.long_term_level_db([noise], [noise], frequencies, SAMPLE_RATE)
    expected = 10 * np.log10(
        6 / spectrograms.N_FFT * 0.1**2
    )  # 4 * sum(w^2) / sum(w)^2 of a Hann window is 6 / N
    assert level == pytest.approx(np.full(50, expected), abs=0.5)


def test_pauses_of_the_clean_signal_do_not_count_in_a_long_term_spectrum():
    noise, frequencies = 0.1 * RNG.standard_normal(4 * SAMPLE_RATE), np.array([500.0, 5000.0])
    with_pause = np.concatenate([noise, np.zeros(8 * SAMPLE_RATE)])
    hiss = with_pause + 0.01 * RNG.standard_normal(len(with_pause))
    level = long_term.long_term_level_db([noise], [noise], frequencies, SAMPLE_RATE)
    assert long_term.long_term_level_db(
        [hiss], [with_pause], frequencies, SAMPLE_RATE
    ) == pytest.approx(level, abs=0.2)


def test_half_the_amplitude_lies_6_db_below_clean_everywhere():
    clean = 0.1 * RNG.standard_normal(SAMPLE_RATE)
    figure = long_term.long_term_spectrum({"restored": [clean / 2], "clean": [clean]}, SAMPLE_RATE)
    gap = figure.axes[1].lines[0].get_ydata()
    assert gap == pytest.approx(np.full(len(gap), -6.0206), abs=0.001)


def test_a_long_term_spectrum_wants_signals_as_long_as_their_clean_versions():
    with pytest.raises(ValueError, match=r"100 samples.*200"):
        long_term.long_term_spectrum(
            {"noisy": [np.ones(100)], "clean": [np.ones(200)]}, SAMPLE_RATE
        )


def test_a_histogram_counts_each_finite_value_once_and_names_the_others():
    figure = plots.histogram([0.0, 1.0, 1.0, 2.0, np.nan, np.inf], "lag (ms)", marks={"gate": 0.5})
    assert bars(figure.axes[0]) == 4
    assert figure.axes[0].get_title(loc="right") == "n = 4, 2 not a number"
    assert figure.axes[0].lines[0].get_xdata()[0] == 0.5


@pytest.mark.parametrize("value", [0.0, -1e-12, 48_000.0, 1e12])
def test_equal_values_are_one_bar(value):
    figure = plots.histogram([value] * 7, "x")
    filled = [bar for bar in figure.axes[0].patches if bar.get_height()]
    assert [bar.get_height() for bar in filled] == [7]
    assert filled[0].get_x() <= value <= filled[0].get_x() + filled[0].get_width()


def test_a_scatter_counts_what_is_outside_of_its_band():
    figure = plots.scatter(
        [0, 1, 2, 3, 4], [0.4, 1.6, 2, 3, np.nan], "claimed", "achieved", identity=True, band=0.5
    )
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert "1 of 4 outside" in labels


def test_a_scatter_wants_one_y_for_each_x():
    with pytest.raises(ValueError, match="2 values of x but 3 of y"):
        plots.scatter([1, 2], [1, 2, 3], "x", "y")


def test_counts_are_written_at_their_bars_in_the_given_order():
    ax = plots.counts({"FLAC": 3, "WAV": 12}, "files").axes[0]
    assert [bar.get_width() for bar in ax.patches] == [3, 12]
    assert [text.get_text() for text in ax.texts] == ["3", "12"]


def test_a_half_as_loud_band_is_6_db_missing_in_the_difference_of_spectrograms():
    clean = sine(6000)
    ax = spectrograms.difference_spectrograms(
        {"restored": clean / 2, "clean": clean}, SAMPLE_RATE
    ).axes[0]
    shown = ax.images[0].get_array()
    assert ax.get_title(loc="left") == "restored - clean"
    assert shown[256].min() == pytest.approx(-6.02, abs=0.01)  # 6 kHz: bin 256
    assert shown[512:].max() == shown[512:].min() == 0.0


ROW = {"difference": np.nan, "low": np.nan, "high": np.nan, "n_items": 0}
NOTHING = {
    "histogram of none": lambda: plots.histogram([], "x", marks={"gate": 1.0}),
    "histogram of NaN": lambda: plots.histogram([np.nan] * 3, "x"),
    "histogram of one": lambda: plots.histogram([3.0], "x"),
    "histograms of none": lambda: plots.histograms({}),
    "histograms": lambda: plots.histograms({"a": [], "b": [np.inf], "c": [1.0, 1.0], "d": [1, 2]}),
    "counts of none": lambda: plots.counts({}, "files"),
    "scatter of none": lambda: plots.scatter([], [], "x", "y", identity=True, band=1.0),
    "scatter of one": lambda: plots.scatter([1.0], [np.nan], "x", "y", identity=True),
    "scatter of equals": lambda: plots.scatter(
        [1.0, 1.0], [1.0, 1.0], "x", "y", identity=True, band=1.0
    ),
    "spectrograms of none": lambda: spectrograms.spectrograms({}, SAMPLE_RATE),
    "spectrograms of silence": lambda: spectrograms.spectrograms(
        {"clean": np.zeros(9), "noisy": np.zeros(0)}, SAMPLE_RATE
    ),
    "long term of none": lambda: long_term.long_term_spectrum(
        {"noisy": [], "clean": []}, SAMPLE_RATE
    ),
    "long term of silence": lambda: long_term.long_term_spectrum(
        {"a": [np.zeros(9)], "clean": [np.zeros(9)]}, 16_000
    ),
    "curves of none": lambda: curves.curves(
        pd.DataFrame(), {"LSD (dB)": "lsd_db"}, gan_start_epoch=1
    ),
    "curves of one epoch": lambda: curves.curves(
        pd.DataFrame({"epoch": [1], "x": [2.0]}), {"x": "x", "y": ["z", "x"]}
    ),
    "curves of no panels": lambda: curves.curves(pd.DataFrame({"epoch": [1]}), {}),
    "differences of none": lambda: charts.paired_differences(pd.DataFrame(columns=list(ROW))),
    "differences of NaN": lambda: charts.paired_differences(pd.DataFrame([ROW], index=["pesq"])),
    "differences of silence": lambda: spectrograms.difference_spectrograms(
        {"a": np.zeros(9), "clean": np.zeros(9)}, SAMPLE_RATE
    ),
    "differences to clean of none": lambda: spectrograms.difference_spectrograms(
        {"clean": np.zeros(9)}, SAMPLE_RATE
    ),
    "distributions of none": lambda: charts.distributions(
        pd.DataFrame(columns=["item_id", "system", "pesq"]), ["pesq"]
    ),
    "timbre of none": lambda: timbre_figures.before_and_after(
        pd.DataFrame(columns=["system", "snr_db", "hz", "change_db"], dtype=float)
    ),
    "scores of none": lambda: charts.scores_by(
        pd.DataFrame({"system": [], "snr_db": [], "pesq": []}), "pesq"
    ),
    "scores of NaN": lambda: charts.scores_by(
        pd.DataFrame({"system": ["noisy"], "snr_db": [1.0], "pesq": [np.nan]}), "pesq"
    ),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("draw", NOTHING.values(), ids=NOTHING.keys())
def test_nothing_to_draw_is_drawn_without_a_warning(draw):
    assert png(draw(), dpi=50).startswith(b"\x89PNG")


def test_a_figure_shows_itself_and_leaves_pyplot_and_the_users_style_alone():
    import matplotlib.pyplot as plt

    before = dict(matplotlib.rcParams)
    figure = plots.histogram([1.0, 2.0], "x")
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert dict(matplotlib.rcParams) == before and not plt.get_fignums()


def test_lines_draw_a_panel_for_each_label_and_start_at_0_where_asked():
    table = pd.DataFrame(
        {
            "size": [1, 2, 4],
            "ratio": [5.0, 7.0, 8.0],
            "least": [4.0, 6.0, 7.0],
            "memory": [2.0, 2.0, 2.0],
        }
    )
    figure = plots.lines(
        table,
        "size",
        {"ratio": ["ratio", "least"], "memory (MB)": ["memory"]},
        "batch size",
        from_zero=True,
    )
    first, second = figure.axes
    assert [ax.get_ylabel() for ax in figure.axes] == [
        "ratio",
        "memory (MB)",
    ] and second.get_xlabel() == "batch size"
    assert [line.get_ydata().tolist() for line in first.lines] == [[5.0, 7.0, 8.0], [4.0, 6.0, 7.0]]
    assert first.get_ylim() == pytest.approx((0, 8.8)) and second.get_ylim() == pytest.approx(
        (0, 2.2)
    )
