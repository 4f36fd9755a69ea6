"""Names stay names, numbers become numbers."""

import pytest
import yaml

from lib.config.plain_yaml import read_yaml

NAMES = ["0170", "06701", "1_2", "1:30", "1.10", "1e5", "0x1f", "no", "Yes", "off", "2024-01-01"]


@pytest.mark.parametrize("name", [*NAMES, ".5", "+1", "1.", "NaN", ".inf", "-"])
def test_what_yaml_1_1_would_change_stays_text(name):
    assert read_yaml(f"name: '{name}'") == {"name": name}
    if name != "-":  # the beginning of a list
        assert read_yaml(f"name: {name}") == {"name": name}


def test_a_number_is_one_if_it_would_be_written_so():
    for value in (0, 7, -5, 170, 0.5, -0.25, 1e-05, True, False, None):
        text = "null" if value is None else str(value).lower()
        assert read_yaml(f"[{text}]") == [value] and type(read_yaml(text)) is type(value)


def test_anchors_merge_and_tags_run_no_code():
    merged = read_yaml("a: &a {x: 1}\nb:\n  <<: *a\n  y: 2\n")
    assert merged["b"] == {"x": 1, "y": 2}
    with pytest.raises(yaml.YAMLError):
        read_yaml("!!python/object/apply:os.getcwd []")
