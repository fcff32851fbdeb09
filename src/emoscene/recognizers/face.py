"""The face recognizer: the expression of one face, and nothing else of the scene.

    box --YuNet, or the box itself--> face --112 x 112--> seven expressions --names--> scores of the label
    space

It stands beside the others to show what a face alone tells and what it does not: the labels that no
expression speaks of get 0, and every row names them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from emoscene.errors import AnswerError, EmosceneError, ModelNotHereError, OptionError, PersonNotFoundError
from emoscene.images import crop
from emoscene.labels import LabelSpace
from emoscene.people import FACE_DETECTOR as DETECTOR
from emoscene.people import FaceFinder, YuNet
from emoscene.people.onnx_files import KnownFile, OnnxFile, OnnxLayout, open_onnx
from emoscene.recognizers.base import Answer, BatchRecognizer, Card, Subject
from emoscene.types import BoundingBox, Picture, ScoreKind

__all__ = ["EXPRESSIONS", "EXPRESSION_NETWORK", "FaceRecognizer", "Share", "make", "mapping", "spoken_of"]

#: The environment variable that names the network's file.
NETWORK = "EMOSCENE_FACE_NETWORK"

#: What the network tells apart, in the order of its output, by the noun that label spaces use.
EXPRESSIONS = ("neutral", "happiness", "sadness", "anger", "fear", "disgust", "surprise")

EXPRESSION_NETWORK = OnnxLayout(
    what="face expression network",
    known=(
        KnownFile(
            sha256="16e9045306e7ecda3f9db3bd0e0a6a4ffc309272423a947dd081f31b74871e36",
            name="face-expression",
            licence="MIT",
            source="face_expression.onnx, seven expressions, 1.3 MB",
        ),
    ),
    inputs={"input": ("N", 3, 112, 112)},
    outputs={"probabilities": ("N", len(EXPRESSIONS))},
)

_SIDE = 112
#: A label is chosen if it gets at least this share; fixed, not fitted.
CUT = 0.2
#: Narrower faces are scaled up several times, and little of an expression is left.
_SMALL_FACE = 24

#: EMOTIC has neighbours of the basic emotions that a face shows in the same way. They count half, by
#: convention (not measured): the same expression speaks for them, but less plainly. Neutral speaks for no
#: label of EMOTIC.
_NEIGHBOURS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "emotic": {
        "happiness": ("pleasure",),
        "sadness": ("suffering",),
        "anger": ("annoyance",),
        "fear": ("disquietment",),
    }
}
_NEIGHBOUR_WEIGHT = 0.5


@dataclass(frozen=True)
class Share:
    """A label's score: `weight` x the share of the expression at place `expression` of `EXPRESSIONS`."""

    expression: int
    weight: float


@dataclass(frozen=True)
class Face:
    """A face ready for the network: RGB 0 to 255, of shape (3, 112, 112)."""

    pixels: npt.NDArray[np.float32]
    warnings: tuple[str, ...] = ()


def spoken_of(labels: LabelSpace) -> dict[str, Share]:
    """Which labels of a space a facial expression speaks of, and how much.

    A label is meant by an expression if the expression's noun is its id or its name or one of its
    synonyms; an id or name wins over synonyms. In EMOTIC neighbouring labels count half.

    Raises:
        OptionError: if no label of the space is meant by any expression.
    """
    shares: dict[str, Share] = {}
    for place, noun in enumerate(EXPRESSIONS):
        named = [label.id for label in labels if noun in (label.id, label.name.lower())]
        meant = named or [label.id for label in labels if noun in label.synonyms]
        shares.update({label: Share(place, 1.0) for label in meant})
    for noun, neighbours in _NEIGHBOURS.get(labels.name, {}).items():
        share = Share(EXPRESSIONS.index(noun), _NEIGHBOUR_WEIGHT)
        shares.update({label: share for label in neighbours if label in labels.ids})
    if not shares:
        raise OptionError(
            "no label of this space is a facial expression, so the face recognizer cannot use it",
            value=labels.name,
            remedy=f"Add synonyms ({', '.join(EXPRESSIONS)}) to its labels, or use another model.",
        )
    return shares


class FaceRecognizer(BatchRecognizer[Face]):
    """Scores labels by the expression of the person's face: `label_likelihood`, from 0 to 1, uncalibrated.

    Chosen are the labels with a score of at least `CUT`, highest first; in a space of single labels the
    highest of them. A face whose expression means no label of the space has no chosen label, and a warning
    says so.

    Args:
        labels: The label space.
        network: The expression network.
        faces: Finds the face in the person's box; without one, the box is taken as the face.
        batch_size: How many faces go through the network together; results do not depend on it (to 1e-5).
    """

    def __init__(
        self, labels: LabelSpace, network: OnnxFile, faces: FaceFinder | None, *, batch_size: int = 8
    ) -> None:
        super().__init__("face", _card(network, labels), labels, batch_size=batch_size)
        self._network = network
        self._faces = faces
        self._shares = spoken_of(labels)
        silent = [label for label in labels.ids if label not in self._shares]
        self._silent = (f"this model does not speak of: {', '.join(silent)}",) if silent else ()

    def prepare(self, subject: Subject) -> Face:
        picture = subject.picture
        if picture is None:
            raise PersonNotFoundError("there is no picture to look for a face in", remedy="Give a picture.")
        box = subject.box or BoundingBox(x1=0, y1=0, x2=picture.width, y2=picture.height)
        warnings: tuple[str, ...] = ()
        if self._faces is None:
            warnings = ("no face detector was named: the box is taken as the face",)
        else:
            box = self._face(picture, subject)
        if min(box.width, box.height) < _SMALL_FACE:
            warnings += (f"the face is only {box.width:.0f} x {box.height:.0f} pixels",)
        return Face(face_pixels(picture, box), warnings)

    def _face(self, picture: Picture, subject: Subject) -> BoundingBox:
        assert self._faces is not None
        others = subject.sample.others
        if subject.box is None:
            face = self._faces.largest_face(picture)
        else:
            face = self._faces.face_of(picture, subject.box, others)
        if face is None:
            raise _no_face(among_others=bool(others))
        return face

    def answer(self, batch: Sequence[Face]) -> Sequence[Answer | EmosceneError]:
        pixels = np.stack([face.pixels for face in batch])
        shares = self._network.run(pixels)["probabilities"].astype(np.float64)
        return [self._answer(face, row) for face, row in zip(batch, shares, strict=True)]

    def _answer(self, face: Face, shares: npt.NDArray[np.float64]) -> Answer | EmosceneError:
        if not np.isfinite(shares).all() or shares.min() < -1e-3 or abs(float(shares.sum()) - 1) > 1e-2:
            return AnswerError("the expression network gave no shares for this face")
        scores = dict.fromkeys(self.labels.ids, 0.0)
        for label, share in self._shares.items():
            scores[label] = share.weight * min(max(float(shares[share.expression]), 0.0), 1.0)
        warnings = face.warnings + self._silent
        top = int(shares.argmax())
        if all(share.expression != top for share in self._shares.values()):
            unnamed = f"the face looks {EXPRESSIONS[top]} ({shares[top]:.2f}), which is none of the labels"
            warnings = (unnamed, *warnings)
        return Answer(scores, ScoreKind.LABEL_LIKELIHOOD, warnings=warnings)

    def chosen_labels(self, scores: Mapping[str, float]) -> tuple[str, ...]:
        """The labels with a score of at least `CUT`, highest first; one at most in a space of single labels."""
        ranked = sorted(scores.items(), key=lambda item: -item[1])
        chosen = tuple(label for label, score in ranked if score >= CUT)
        return chosen if self.labels.multi_label else chosen[:1]


def _no_face(*, among_others: bool) -> PersonNotFoundError:
    theirs = " that is not another person's" if among_others else ""
    return PersonNotFoundError(
        f"no face{theirs} is found in the box",
        remedy="The face recognizer needs a visible face; try another model.",
    )


def mapping(labels: LabelSpace) -> str:
    """Which expression speaks for which labels of a space, and which labels none speaks for, in words."""
    shares = spoken_of(labels)
    parts = []
    for place, noun in enumerate(EXPRESSIONS):
        meant = [
            label if share.weight == 1 else f"{label} ({share.weight:g} of it)"
            for label, share in shares.items()
            if share.expression == place
        ]
        parts.append(f"{noun} -> {', '.join(meant) or 'no label'}")
    silent = [label for label in labels.ids if label not in shares]
    return f"{'; '.join(parts)}. Never answered: {', '.join(silent) or 'none'}."


def face_pixels(picture: Picture, face: BoundingBox) -> npt.NDArray[np.float32]:
    """The face as the network takes it: no margin, aspect kept, centred on black, RGB 0..255, (3, 112, 112)."""
    region = crop(picture, face)
    scale = _SIDE / max(region.size)
    size = (max(1, round(region.width * scale)), max(1, round(region.height * scale)))
    square = Image.new("RGB", (_SIDE, _SIDE))
    scaled = region.resize(size, Image.Resampling.BILINEAR)
    square.paste(scaled, ((_SIDE - size[0]) // 2, (_SIDE - size[1]) // 2))
    return np.ascontiguousarray(np.asarray(square).transpose(2, 0, 1).astype(np.float32))


def make(
    labels: LabelSpace,
    *,
    network: str | None = None,
    detector: str | None = None,
    batch_size: int = 8,
    allow_unknown_hash: bool = False,
) -> FaceRecognizer:
    """The face recognizer.

    Args:
        labels: The label space of the answers.
        network: The expression network's .onnx file; None takes the one EMOSCENE_FACE_NETWORK names.
        detector: YuNet's .onnx file; None takes the one EMOSCENE_FACE_DETECTOR names. Without either the given
            box is taken as the face.
        batch_size: How many faces go through the network together, at least 1.
        allow_unknown_hash: Also run .onnx files whose SHA-256 emoscene does not know.

    Raises:
        ModelNotHereError: if no expression network is named.
        MissingFileError: if a named file does not exist.
        ModelFilesError: if a file is unknown or not the network it should be.
        OptionError: if the label space has no facial expression, or an option cannot be used.
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise OptionError("batch_size must be a whole number above 0", value=batch_size, remedy="Try 8.")
    if not isinstance(allow_unknown_hash, bool):
        raise OptionError("allow_unknown_hash is true or false", value=allow_unknown_hash, remedy="Use true.")
    spoken_of(labels)
    network = network or os.environ.get(NETWORK)
    detector = detector or os.environ.get(DETECTOR)
    if not network:
        raise ModelNotHereError(
            "the face recognizer needs an expression network, and no file is named",
            remedy=f"Name it with -o network=PATH or {NETWORK}; `emoscene models list` shows what there is.",
        )
    return FaceRecognizer(
        labels,
        open_onnx(network, EXPRESSION_NETWORK, allow_unknown_hash=allow_unknown_hash),
        FaceFinder(YuNet(detector, allow_unknown_hash=allow_unknown_hash)) if detector else None,
        batch_size=batch_size,
    )


def _card(network: OnnxFile, labels: LabelSpace) -> Card:
    known = network.known
    return Card(
        name="face",
        summary=(
            "The face alone: seven expressions of a small network "
            f"({known.name if known else 'a file that emoscene does not know'}), given to labels by name."
        ),
        licence=known.licence if known else "unknown",
        data="Trained on photographs of faces by its authors, not on EMOTIC and not on any label set here.",
        limits=(
            "Sees no scene, no posture and no other people. An expression is not a feeling. Needs a visible face. "
            "Its shares are far too sure of themselves and not calibrated; labels that are no expression get 0; "
            "valence, arousal and dominance are not given. "
            f"Expressions and labels of {labels.name}: {mapping(labels)}"
        ),
    )
