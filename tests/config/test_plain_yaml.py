"""Names stay names, numbers become numbers."""

import pytest
import yaml

from lib.config.plain_yaml import read_named_values, read_yaml

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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        (b"- epochs", "holds a list alone, expected names and values"),
        (b"epochs", "holds a value alone, expected names and values"),
        (b"epochs: [", "is no YAML: .*line 1"),
        (b"epochs: 2\nepochs 3\n", "is no YAML: .*line 3"),
        (b"corpus: M\xfcller", "is no text in UTF-8"),
    ],
)
def test_a_file_that_holds_no_names_and_values_says_what_it_holds(tmp_path, content, message):
    path = tmp_path / "a.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as refused:
        read_named_values(path)
    assert len(str(refused.value).splitlines()) == 1
    with pytest.raises(ValueError, match="Is a directory"):
        read_named_values(tmp_path)


def test_an_empty_file_names_nothing_and_every_name_is_text(tmp_path):
    path = tmp_path / "a.yaml"
    for content, values in (("", {}), ("# epochs: 2\n", {}), ("1: [2]\n", {"1": [2]})):
        path.write_text(content)
        assert read_named_values(path) == values
