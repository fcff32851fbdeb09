"""emoscene: how does the person in the bounding box feel? Apparent emotion from the whole scene.

    import emoscene

    row = emoscene.analyze("photo.jpg", box=(40, 10, 220, 300))
    print(row.status, row.dominant, row.top(3), row.vad)

    recognizer = emoscene.load("embedded")
    for row in recognizer.predict(samples):
        print(row.to_json())

Emotions are *apparent*: what a scene suggests to an observer, not what a person feels.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emoscene.api import AutoRecognizer as AutoRecognizer
    from emoscene.api import Choice as Choice
    from emoscene.api import analyze as analyze
    from emoscene.api import analyze_all as analyze_all
    from emoscene.api import find_people as find_people
    from emoscene.api import load as load
    from emoscene.api import resolve as resolve
    from emoscene.datasets.registry import open_dataset as open_dataset
    from emoscene.errors import EmosceneError as EmosceneError
    from emoscene.images import open_picture as open_picture
    from emoscene.labels import LabelSpace as LabelSpace
    from emoscene.labels import label_space as label_space
    from emoscene.labels import label_space_names as label_space_names
    from emoscene.people import DetectionOptions as DetectionOptions
    from emoscene.recognizers.base import Recognizer as Recognizer
    from emoscene.types import VAD as VAD
    from emoscene.types import Annotation as Annotation
    from emoscene.types import BoundingBox as BoundingBox
    from emoscene.types import Person as Person
    from emoscene.types import Prediction as Prediction
    from emoscene.types import Sample as Sample
    from emoscene.types import ScoreKind as ScoreKind
    from emoscene.types import Status as Status
    from emoscene.types import to_frame as to_frame

__version__ = "0.1.0"

# Where each public name lives. They are imported when they are first asked for, so that `import emoscene` is
# quick and brings in none of numpy, Pillow or onnxruntime.
_HOMES = {
    "VAD": "emoscene.types",
    "Annotation": "emoscene.types",
    "AutoRecognizer": "emoscene.api",
    "BoundingBox": "emoscene.types",
    "Choice": "emoscene.api",
    "DetectionOptions": "emoscene.people",
    "EmosceneError": "emoscene.errors",
    "LabelSpace": "emoscene.labels",
    "Person": "emoscene.types",
    "Prediction": "emoscene.types",
    "Recognizer": "emoscene.recognizers.base",
    "Sample": "emoscene.types",
    "ScoreKind": "emoscene.types",
    "Status": "emoscene.types",
    "analyze": "emoscene.api",
    "analyze_all": "emoscene.api",
    "find_people": "emoscene.api",
    "label_space": "emoscene.labels",
    "label_space_names": "emoscene.labels",
    "load": "emoscene.api",
    "open_dataset": "emoscene.datasets.registry",
    "open_picture": "emoscene.images",
    "resolve": "emoscene.api",
    "to_frame": "emoscene.types",
}

__all__ = [
    "VAD",
    "Annotation",
    "AutoRecognizer",
    "BoundingBox",
    "Choice",
    "DetectionOptions",
    "EmosceneError",
    "LabelSpace",
    "Person",
    "Prediction",
    "Recognizer",
    "Sample",
    "ScoreKind",
    "Status",
    "__version__",
    "analyze",
    "analyze_all",
    "find_people",
    "label_space",
    "label_space_names",
    "load",
    "open_dataset",
    "open_picture",
    "resolve",
    "to_frame",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'emoscene' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
