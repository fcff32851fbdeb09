"""FindingEmo: its annotation file in its real layout, and pictures that are never fetched."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from emoscene.datasets.registry import open_dataset
from emoscene.errors import InputError, MissingFileError
from tests.datasets.reading import target_of

HEADER = "index,user,image_path,tags,age,valence,arousal,emotion,dec_factors,ambiguity,datetime\n"
ROWS = (
    '0,5fd9,/Run_2/Loving toddlers/a.jpg,Undefined,Children,-3,6,Trust,"BodyLanguage,FacialExpression",0,2023-09-01\n'
    "5,5fd9,/Run_1/Tired youth office/b.png,Undefined,Undefined,0,3,Interest,Undefined,2,2023-09-01\n"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "annotations_single.ann").write_text(HEADER + ROWS)
    return tmp_path


def test_emotions_of_scenes_with_valence_and_arousal_as_attributes(root: Path) -> None:
    (root / "images/Run_2/Loving toddlers").mkdir(parents=True)
    Image.new("RGB", (20, 20)).save(root / "images/Run_2/Loving toddlers/a.jpg")
    dataset = open_dataset("finding_emo", root)
    assert dataset.splits == ("all",)
    first, second = dataset.samples("all")
    assert first.id == "finding_emo/all/0"
    assert first.picture == str(root / "images/Run_2/Loving toddlers/a.jpg")
    assert (target_of(first), target_of(second)) == ({"trust"}, {"interest"})
    assert first.target_vad is None
    assert (first.attributes["valence"], first.attributes["arousal"]) == ("1", "10")
    assert second.attributes == {"valence": "5.5", "arousal": "5.5", "ambiguity": "2", "user": "5fd9"}
    (finding,) = dataset.findings()
    assert (finding.defect, finding.count, finding.examples) == (
        "no_picture",
        1,
        ("Run_1/Tired youth office/b.png",),
    )


def test_the_pictures_folder_is_an_option(root: Path, tmp_path: Path) -> None:
    dataset = open_dataset(
        "finding_emo", root / "data/annotations_single.ann", pictures=str(tmp_path / "far")
    )
    assert str(next(iter(dataset.samples("all"))).picture).startswith(str(tmp_path / "far"))
    assert dataset.describe()["options"] == {"pictures": "far"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("7,u,/Run_1/x/c.jpg,U,A,0,0,Trusty,U,0,d", "line 4.*Trusty.*Did you mean 'trust'"),
        ("0,u,/Run_1/x/c.jpg,U,A,0,0,Trust,U,0,d", "line 4.*twice"),
        ("7,u,/../x/c.jpg,U,A,0,0,Trust,U,0,d", "line 4.*outside"),
        ("7,u,http://x.org/c.jpg,U,A,0,0,Trust,U,0,d", "line 4.*never fetched"),
        ("7,u,/Run_1/x/c.jpg,U,A,4,0,Trust,U,0,d", "line 4.*valence lies outside of -3 to 3"),
        ("7,u,/Run_1/x/c.jpg,U,A,x,0,Trust,U,0,d", "line 4.*valence must be a number"),
        ("7,u", "line 4: 2 cells"),
    ],
)
def test_faulty_rows_are_said(row: str, said: str, root: Path) -> None:
    path = root / "data" / "annotations_single.ann"
    path.write_text(f"{HEADER}{ROWS}{row}\n")
    with pytest.raises(InputError, match=said):
        list(open_dataset("finding_emo", root).samples("all"))


def test_rows_without_emotion_are_left_out_and_counted(root: Path) -> None:
    path = root / "data" / "annotations_single.ann"
    path.write_text(
        HEADER.replace("tags", "reject")
        + "1,u,/R/c.jpg,1,A,0,0,Trust,U,0,d\n2,u,/R/d.jpg,0,A,0,0,Undefined,U,0,d\n3,u,/R/e.jpg,0,A,0,0,Joy,U,0,d\n"
    )
    dataset = open_dataset("finding_emo", root)
    assert [target_of(sample) for sample in dataset.samples("all")] == [{"joy"}]
    found = {each.defect: each.count for each in dataset.findings(pictures=False)}
    assert found == {"rejected": 1, "no_emotion": 1}


def test_what_is_no_finding_emo_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="annotations_single"):
        open_dataset("finding_emo", tmp_path)
    other = tmp_path / "other.csv"
    other.write_text("index,emotion\n1,Joy\n")
    with pytest.raises(InputError, match="columns are missing: image_path"):
        open_dataset("finding_emo", other)
