"""Options of datasets on the command line."""

from __future__ import annotations

import pytest

from emoscene.cli.asked import read_data_options, read_options
from emoscene.errors import OptionError


def test_a_dataset_may_have_options_that_a_model_may_not() -> None:
    pairs = ["labels=emotion", "threshold=0.4", "outside=true", 'columns=["a","b"]', "vad-range=-1,1"]
    assert read_data_options(pairs) == {
        "labels": "emotion",
        "threshold": 0.4,
        "outside": True,
        "columns": '["a","b"]',
        "vad_range": "-1,1",
    }
    with pytest.raises(OptionError, match="no option of this name"):
        read_options(["labels=emotion"])
    with pytest.raises(OptionError, match="KEY=VALUE"):
        read_data_options(["labels"])
