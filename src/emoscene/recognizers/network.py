"""The recognizer `network`: a trained EMOTIC CNN, ViLBERT or Unified-VLP from its folder.

    picture, box --squares or regions--.
                                        >-- network --> scores, valence, arousal, dominance (and a caption)
    words --tokens--------------------'

What it is given is its folder's affair: picture and words, or one of them. Scores are what the network puts out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emoscene.errors import EmosceneError, ModelFilesError, ModelNotHereError, OptionError
from emoscene.labels import LabelSpace
from emoscene.recognizers.base import Answer, BatchRecognizer, Card, Refusal, Subject, no_picture
from emoscene.recognizers.loading import Placement, load_model, load_processor
from emoscene.types import VAD, ScoreKind, Status

if TYPE_CHECKING:
    from emoscene.networks.examples import Example
    from emoscene.networks.network import About, EmotionNetwork
    from emoscene.networks.regions import DetectorEyes
    from emoscene.networks.words import Words

__all__ = ["NetworkRecognizer", "make", "open_eyes"]

_WITHOUT_WORDS = "no words were given: the answer is from the picture alone"
_CUT = "the words were cut to the {longest} tokens that this network reads"
_GIVEN = {"both": "the picture and words", "text": "words alone", "image": "the picture alone"}
_LONGEST_CAPTION = 40


class NetworkRecognizer(BatchRecognizer["tuple[Example, tuple[str, ...]]"]):
    """A network and what goes with it.

    Args:
        network: In evaluation mode, on its device.
        words: Its tokenizer, for networks that read words.
        labels: The label space of the answers, all of whose labels the network knows.
        eyes: A detector, where its regions come from one.
        captions: Let it write captions.
        batch_size: How many people are answered together.
    """

    def __init__(
        self,
        network: EmotionNetwork,
        words: Words | None,
        labels: LabelSpace,
        *,
        eyes: DetectorEyes | None = None,
        captions: bool = False,
        batch_size: int = 16,
    ) -> None:
        card = _card(network)
        super().__init__(card.name, card, labels, batch_size=batch_size)
        self.network, self.words, self.eyes, self.captions = network, words, eyes, captions
        self._columns = [network.about.labels.index(label) for label in labels.ids]
        if network.about.single:
            self.default_top = 1

    def prepare(self, subject: Subject) -> tuple[Example, tuple[str, ...]]:
        """The person as the network sees them, and what is to be said about it; or a refusal."""
        from emoscene.networks.examples import Example, shares_of, views

        shape = self.network.shape
        ids, warnings = self._read(subject.sample.text)
        if shape.modalities == "text":
            return Example(ids=ids), warnings
        if subject.picture is None:
            raise no_picture(self.name)
        image = subject.picture.image
        shares = shares_of(subject.box, image.size)
        if self.eyes is not None:
            return Example(box=shares, ids=ids, detected=self.eyes(image, shares)), warnings
        scene, body = views(image, subject.box, shape.sight)
        return Example(scene, body, shares, ids), warnings

    def _read(self, text: str | None) -> tuple[tuple[int, ...], tuple[str, ...]]:
        if self.words is None:
            return (), ()
        if self.network.shape.modalities == "image":
            return self.words.encode("")[0], ()
        told = (text or "").strip()
        if told:
            ids, cut = self.words.encode(told)
            return ids, (_CUT.format(longest=self.words.longest),) if cut else ()
        if self.network.shape.modalities == "text" or not self.network.about.empty_words:
            raise Refusal(
                f"{self.name} reads words, and this sample has none",
                status=Status.MISSING_INPUT,
                remedy="Give words that belong to the scene, such as --text 'She hugs her son.'",
            )
        return self.words.encode("")[0], (_WITHOUT_WORDS,)

    def answer(self, batch: Sequence[tuple[Example, tuple[str, ...]]]) -> Sequence[Answer | EmosceneError]:
        import torch

        from emoscene.networks.examples import batched

        device = next(self.network.parameters()).device
        inputs = batched([example for example, _ in batch], self.network.shape.sight).to(device)
        with torch.inference_mode():
            outputs = self.network(inputs)
            scores = self.network.scores(outputs).double().cpu().numpy()
            levels = outputs.vad.double().cpu().numpy()
            captions = self._write(inputs) if self.captions else [None] * len(batch)
        return [
            Answer(
                scores=dict(zip(self.labels.ids, (float(row[c]) for c in self._columns), strict=True)),
                score_kind=ScoreKind.ACTIVATION,
                vad=_levels(level),
                caption=caption,
                warnings=warnings,
            )
            for row, level, caption, (_, warnings) in zip(scores, levels, captions, batch, strict=True)
        ]

    def _write(self, inputs: Any) -> list[str | None]:
        from emoscene.networks.unified_vlp import UnifiedVlpCore

        core, words = self.network.core, self.words
        assert isinstance(core, UnifiedVlpCore)
        assert words is not None
        longest = min(_LONGEST_CAPTION, words.longest - 2)
        rows = core.write(self.network.regions(inputs), words.start, words.blank, longest)
        return [words.decode(row) for row in rows]


def _levels(row: Any) -> VAD:
    valence, arousal, dominance = (min(10.0, max(1.0, float(level))) for level in row)
    return VAD(valence=valence, arousal=arousal, dominance=dominance)


def _card(network: EmotionNetwork) -> Card:
    shape, said = network.shape, network.about.card
    reads = shape.modalities != "image"
    words = "" if not reads else (
        " People without words are answered from the picture alone." if network.about.empty_words
        and shape.modalities == "both" else " People without words are not answered."
    )  # fmt: skip
    figures = said.get("figures", {})
    return Card(
        name=str(said.get("name") or shape.name),
        summary=f"{shape.name}, which is given {_GIVEN[shape.modalities]}.{words}",
        licence=str(said.get("licence") or "that of the data it was trained on"),
        data=str(said.get("data") or ""),
        limits="Scores are what the network puts out, not calibrated. It knows the kind of pictures it was trained on.",
        figures={str(name): str(value) for name, value in figures.items()}
        if isinstance(figures, dict)
        else {},
        uses_picture=shape.modalities != "text",
        uses_text=reads,
    )


def make(
    labels: LabelSpace,
    *,
    model: str,
    detector: str | None = None,
    captions: bool = False,
    batch_size: int = 16,
    device: str = "auto",
) -> NetworkRecognizer:
    """The recognizer of a trained network.

    Args:
        labels: The label space of the answers; the network must know all of its labels.
        model: The network's folder.
        detector: The folder of the detector whose regions it was trained on, where it has moved.
        captions: Let a Unified-VLP that was trained to guess words write captions.
        batch_size: How many people are answered together, at least 1; the scores do not depend on it.
        device: A torch device; `auto` takes a GPU if there is one.

    Raises:
        ModelNotHereError: if there is no such folder.
        ModelFilesError: if its files are missing, broken, or do not fit each other.
        OptionError: if the network does not know a label, or an option cannot be used.
        MissingExtraError: if torch or transformers is not installed.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        raise ModelNotHereError(
            "there is no folder of a network here",
            value=model,
            remedy="Check the path, or train one: emoscene train vilbert",
        )
    placed, _ = Placement(device, "float32").resolve()
    from emoscene.networks.network import load_network

    network, words = load_network(folder)
    _check_labels(labels, network.about)
    if captions and network.shape.name != "unified-vlp":
        raise OptionError(
            "only Unified-VLP writes captions", value=network.shape.name, remedy="Leave captions out."
        )
    eyes = _eyes(network, detector, device)
    try:
        network.to(placed)
    except (RuntimeError, AssertionError):
        raise OptionError("this device cannot be used", value=device, remedy="Try -o device=cpu.") from None
    return NetworkRecognizer(network, words, labels, eyes=eyes, captions=captions, batch_size=batch_size)


def _check_labels(labels: LabelSpace, about: About) -> None:
    unknown = [label for label in labels.ids if label not in about.labels]
    if unknown:
        raise OptionError(
            f"this network was trained on the labels of {about.label_space!r} and does not know",
            value=", ".join(unknown),
            remedy=f"Ask it with --labels {about.label_space}.",
        )


def _eyes(network: EmotionNetwork, detector: str | None, device: str) -> DetectorEyes | None:
    sight = network.shape.sight
    if not sight.detector or network.shape.modalities == "text":
        if detector:
            raise OptionError(
                "this network looks at pixels itself", value=detector, remedy="Leave the detector out."
            )
        return None
    folder = Path(detector or sight.detector).expanduser()
    if not folder.is_dir():
        raise ModelNotHereError(
            "the detector that this network was trained with is not here",
            value=folder,
            remedy="Give its folder: -o detector=FOLDER",
        )
    eyes = open_eyes(folder, sight.detections, device)
    if eyes.width != network.about.features:
        raise ModelFilesError(
            f"this detector tells {eyes.width} features of a region, and the network was trained on "
            f"{network.about.features}",
            value=folder,
            remedy="Give the detector that it was trained with.",
        )
    return eyes


def open_eyes(folder: Path, detections: int, device: str = "auto") -> DetectorEyes:
    """A detector's folder as eyes that see regions, at most `detections` beside the person and the picture.

    Raises:
        ModelFilesError, MissingExtraError, OptionError: as `load_model` raises them.
    """
    from emoscene.networks.regions import DetectorEyes

    model = load_model(folder, "AutoModelForObjectDetection", Placement(device, "float32"))
    return DetectorEyes(model, load_processor(folder), detections)
