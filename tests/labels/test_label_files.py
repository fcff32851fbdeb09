"""Label files of users: read back what was written, and one clear sentence for whatever is wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emoscene.errors import InputError, LabelSpaceError, MissingFileError
from emoscene.labels import Label, LabelSpace, label_space, label_space_names, normal_form

GOOD = """
name: mine
title: My emotions
labels:
  - id: joy
    name: Joy
    definition: is glad
    synonyms: [happy]
    valence: 8
  - id: gloom
    name: Gloom
    definition: is low
"""

Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def _write(content: str | bytes) -> Path:
        path = tmp_path / "mine.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return _write


def test_a_good_file_is_read_by_path_and_by_text(write: Write) -> None:
    path = write(GOOD)
    space = label_space(path)
    assert space == label_space(str(path))
    assert space.ids == ("joy", "gloom")
    assert space["joy"].valence == 8.0
    assert space["gloom"].valence is None
    assert space.multi_label is True


@pytest.mark.parametrize("name", label_space_names())
def test_shipped_spaces_survive_a_round_trip(name: str, write: Write) -> None:
    assert label_space(write(label_space(name).to_yaml())) == label_space(name)


_WORDS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)


@given(
    names=st.lists(_WORDS.filter(normal_form), min_size=2, max_size=5, unique_by=normal_form),
    definition=_WORDS,
    valence=st.none() | st.floats(1, 10),
    multi_label=st.booleans(),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_space_survives_a_round_trip(
    names: list[str], definition: str, valence: float | None, multi_label: bool, tmp_path: Path
) -> None:
    labels = tuple(
        Label(f"label_{number}", name, definition, valence=valence) for number, name in enumerate(names)
    )
    if any(normal_form(name).startswith("label") for name in names):
        return  # may collide with the ids above, which the loader refuses
    space = LabelSpace("any", "Any", labels, multi_label=multi_label)
    path = tmp_path / f"{abs(hash(space))}.yaml"
    path.write_text(space.to_yaml(), "utf-8")
    assert label_space(path) == space


def test_a_changed_file_is_read_again(write: Write) -> None:
    path = write(GOOD)
    before = label_space(path)
    path = write(GOOD.replace("My emotions", "Other"))
    os.utime(path, ns=(1, 1))
    assert label_space(path).title == "Other" != before.title


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("name: mine\n", ""), ["a key is missing", "name"]),
        (("    definition: is low\n", ""), ["label 2 (gloom)", "definition", "Add a line"]),
        (("definition: is low", "definition:"), ["label 2 (gloom)", "missing or empty", "definition"]),
        (("id: gloom", "id: joy"), ["label 2", "twice", "joy"]),
        (("id: gloom", "id: Gloom!"), ["label 2", "slug", "Gloom!"]),
        (("id: gloom", "id: no"), ["id must be a text", "true/false", "quotes"]),
        (("name: mine", "name: My Space"), ["slug", "My Space"]),
        (("synonyms: [happy]", "synonyms: happy"), ["label 1 (joy)", "list", "a text"]),
        (("synonyms: [happy]", "synonyms: [happy, 3]"), ["label 1 (joy)", "a number"]),
        (("synonyms: [happy]", "synonyms: ['?']"), ["label 1 (joy)", "no letter"]),
        (("synonyms: [happy]", "synonyms: [gloom]"), ["label 1 (joy)", "gloom"]),
        (
            ("    definition: is low\n", "    definition: is low\n    synonyms: [Happy]\n"),
            ["gloom", "'joy'", "Happy"],
        ),
        (("synonyms:", "synonims:"), ["unknown key", "synonims", "Did you mean 'synonyms'?"]),
        (("valence: 8", "valence: 80"), ["valence", "1 to 10", "80"]),
        (("valence: 8", "valence: .nan"), ["valence", "1 to 10"]),
        (("valence: 8", "valence: true"), ["valence", "1 to 10"]),
        (("valence: 8", "valence: 2024-01-01"), ["valence", "1 to 10"]),
        (("title: My emotions", "title: 2024-01-01"), ["title must be a text", "date"]),
        (("title: My emotions", 'title: "a\\nb"'), ["title", "control characters"]),
        (("title: My emotions", f"title: {'long ' * 500}"), ["title", "too long"]),
        (("title: My emotions", "title: My emotions\nmulti_label: maybe"), ["multi_label", "true or false"]),
        (("title: My emotions", "title: My emotions\ntitle: Again"), ["line 4", "twice", "title"]),
        (("    name: Joy\n", "    name: Joy\n    name: Joyous\n"), ["twice", "name"]),
        (("definition: is glad", "definition: glad: very"), ["not YAML", "line 7", "quotes"]),
        (("name: Joy\n", "name: &anchor Joy\n"), ["anchors", "line 6"]),
        (("name: Joy\n", "name: !!python/object/apply:os.system [ls]\n"), ["tags", "line 6"]),
    ],
)
def test_what_is_wrong_is_said(change: tuple[str, str], said: list[str], write: Write) -> None:
    assert change[0] in GOOD
    with pytest.raises(LabelSpaceError) as caught:
        label_space(write(GOOD.replace(*change)))
    line = str(caught.value)
    assert "\n" not in line
    for part in ["mine.yaml", *said]:
        assert part in line, line


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "nothing"),
        ("just words", "a text"),
        ("- a\n- b\n", "a list"),
        ("name: a\ntitle: b\nlabels: []\n", "2 to 1000"),
        ("name: a\ntitle: b\nlabels: {}\n", "2 to 1000"),
        ("name: a\ntitle: b\nlabels: [x, y]\n", "label 1: expected keys"),
        ("name: a\n---\nname: b\n", "one document"),
        ("[" * 5000, "nested too deeply"),
        ("a: " + "{b: " * 3000, "nested too deeply"),
        ("a: [unclosed", "not YAML"),
        ("\tname: a", "not YAML"),
        ("name: 2024-99-99", "not YAML"),
        ("? [a, b]\n: c\n", "not YAML"),
        (b"\xff\xfe\x00name", "not UTF-8"),
        (b"name: a\x00b", "not YAML"),
        (b"\x89PNG\r\n\x1a\n", "not UTF-8"),
        ("x" * (256 * 1024 + 1), "too large"),
    ],
)
def test_hopeless_files_end_in_one_sentence(content: str | bytes, said: str, write: Write) -> None:
    with pytest.raises(LabelSpaceError) as caught:
        label_space(write(content))
    assert said in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_bomb_of_aliases_is_refused_before_it_grows(write: Write) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    with pytest.raises(LabelSpaceError, match="anchors"):
        label_space(write("\n".join(lines)))


@given(content=st.text(max_size=200) | st.binary(max_size=200))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_content_escapes_as_another_error(content: str | bytes, tmp_path: Path) -> None:
    path = tmp_path / f"{abs(hash(content))}.yaml"
    path.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    with pytest.raises(LabelSpaceError):
        label_space(path)


def test_unknown_names_get_the_nearest_one() -> None:
    with pytest.raises(LabelSpaceError, match="Did you mean 'emotic'"):
        label_space("emotik")
    with pytest.raises(LabelSpaceError, match="Known: emotic, caption-study, ekman, plutchik, mikels"):
        label_space("zzz")


@pytest.mark.parametrize("name", ["", "a\x00b", "x" * 5000, "..", "emotic\n"])
def test_odd_names_are_unknown_names(name: str) -> None:
    with pytest.raises(LabelSpaceError, match="no label space of this name"):
        label_space(name)


def test_missing_files_and_folders_are_said(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(MissingFileError):
            label_space(path)
    assert issubclass(LabelSpaceError, InputError)
