"""Parameters of `restore`."""

from refusals import refusal

from lib.config.base import build
from lib.config.restore import Restore


def test_noisy_originals_go_with_a_source_that_was_enhanced(tmp_path):
    (line,) = refusal(Restore, noisy=str(tmp_path))
    assert line == "noisy: goes with already_enhanced"
    assert build(Restore, {"noisy": str(tmp_path), "already_enhanced": True}).noisy == str(tmp_path)


def test_a_target_stays_below_the_folder_of_results():
    assert "plain folder name" in refusal(Restore, target="../pairs")[0]
