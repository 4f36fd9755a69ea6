"""What the user reads about a model that is written: size, delay, inputs."""

from lib.inference.export_report import export_report
from lib.models.export import write_onnx
from lib.models.pretrained import load_weights


def test_it_says_what_goes_in_how_often_and_how_late_it_comes_out(tmp_path):
    path = write_onnx(load_weights(), tmp_path / "restorer.onnx")
    size = path.stat().st_size / 1e6
    first, second = export_report(path).splitlines()
    assert first == (
        f"{path}: ONNX, {size:.1f} MB, a hop of 480 samples at 48000 Hz, 480 samples (10 ms) late"
    )
    n_states = len(load_weights().start(1))
    assert second == (
        f"inputs: inputs [1, 2, 480], {n_states} states that begin as zeros;"
        " outputs: restored, and each state for the next hop (<state>_after)"
    )
