from __future__ import annotations

import numpy as np
import pytest

from emoscene.datasets.scenes import people_of
from emoscene.datasets.scenes.sheet import MARGIN, SIDE, contact_sheet, told
from emoscene.errors import OptionError


def test_a_sheet_frames_every_subject_and_repeats() -> None:
    sheet = contact_sheet("counterfactual", seed=2, people=6)
    assert sheet.width == 4 * (SIDE + MARGIN) + MARGIN
    pixels = np.asarray(sheet).astype(int)
    red = (pixels[..., 0] > 240) & (pixels[..., 1] < 20) & (pixels[..., 2] < 20)
    columns = [
        red[:SIDE, MARGIN + k * (SIDE + MARGIN) : MARGIN + k * (SIDE + MARGIN) + SIDE].sum() for k in range(4)
    ]
    assert min(columns) > 200
    assert sheet.tobytes() == contact_sheet("counterfactual", seed=2, people=6).tobytes()


def test_what_is_told_names_words_irony_and_labels() -> None:
    (person,) = people_of("irony", 5, 1)
    lines = dict(told(person))
    actor = person.scene.people[person.subject]
    assert actor.words is not None
    assert actor.words in lines["words"]
    assert lines["words"].endswith("(ironic)") == actor.ironic
    assert len(lines["labels"].split(", ")) == max(1, len(actor.labels))
    assert set(lines) == {"", "words", "labels", "picture", "and words"}


@pytest.mark.parametrize("people", [0, 201])
def test_an_impossible_number_is_refused(people: int) -> None:
    with pytest.raises(OptionError, match="sheet"):
        contact_sheet("test", seed=1, people=people)
