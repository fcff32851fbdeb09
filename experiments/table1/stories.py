"""A small language model that knows why people feel what they feel, and has never been told of a picture.

It learns from stories: an event, a part in it, sometimes the place, what the person made of it, sometimes a sign, and
questions about the feelings, answered. Stories are told of people of a stream of their own, in other words than
captions; no picture, no caption, and nobody of train, val or test is among them. It stands for the language models
that the paper asks about captions.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from emoscene.datasets.scenes import Scene, sample_scene
from emoscene.datasets.scenes.appraisal import tables
from emoscene.datasets.scenes.captions import FACE, POSE, WHO, WITH
from emoscene.labels import LabelSpace, label_space
from emoscene.prompts import template
from emoscene.recognizers.questions import DIMENSIONS, WORDS_ALONE, WORDS_ONLY, Questions
from emoscene.recognizers.tokens import ChatFrame, chat_frame, plain_encoder
from emoscene.scoring.branches import Segment, collate, pack
from emoscene.training.folder import RunFolder
from emoscene.training.loop import Progress, fit
from emoscene.training.recipe import Part
from emoscene.training.scenes_llava.build import build_tokenizer
from emoscene.training.schedule import Schedule
from emoscene.training.task import Draw, Task
from experiments.table1.web_captions import FEELING_WORDS

__all__ = ["Read", "Reading", "Telling", "story", "train_stories"]

#: Stories come from streams of scenes far from those of any table.
_STREAM = 7_000_000
#: What a person makes of what happens, in words that no caption uses.
_MADE_OF_IT = {
    "welcomes": ("was glad about it", "could not have wished for more", "found it just right"),
    "moved": ("was touched by it", "took it to heart", "thought of the others with warmth"),
    "resists": ("would not put up with it", "stood up against it", "wanted to strike back"),
    "rejects": ("wanted nothing to do with it", "thought little of it", "turned away from it"),
    "dreads": ("feared what would come", "expected the worst", "could not find any rest"),
    "grieves": ("had lost something dear", "was hurt by it", "could not bear it"),
    "startled": ("had not seen it coming", "was taken unawares", "did not know what to think"),
    "detached": ("did not care any more", "was far away with their thoughts", "had no strength left"),
}  # fmt: skip
#: Signs, in a story's words; a story may also use the words that everybody has for them.
_FACES = {
    "neutral": "the face gave nothing away", "polite": "there was a small smile", "laugh": "there was laughter",
    "frown": "the brows were drawn together", "scared": "the eyes were wide open", "cry": "tears ran down",
    "gasp": "the mouth stood open", "sleepy": "the eyes nearly closed",
}  # fmt: skip
_POSES = {
    "neutral": "there was no movement", "pointing": "a hand was pointing at somebody",
    "crossed": "the arms were crossed", "arms_up": "both arms were raised", "open_arms": "the arms were spread",
    "hand_heart": "both hands lay on the chest", "hands_face": "the face was hidden in the hands",
    "slumped": "the head was hanging",
}  # fmt: skip
_OPENINGS = (
    "There was {at} {where}, and this is the story of the {role}.",
    "Once, at {at} {where}, somebody was the {role}.",
    "The {role} at {at} {where} is the one this is about.",
)


@dataclass(frozen=True)
class Telling:
    """A text, what is apparent in it (26,), and valence, arousal, dominance."""

    text: str
    labels: npt.NDArray[np.float64]
    vad: tuple[float, float, float]


def story(scene: Scene, subject: int, rng: random.Random) -> Telling:
    """The story of one person: what happened, what the person made of it, some of the signs; in varying order."""
    actor, t = scene.people[subject], tables()
    where = f"in the {scene.setting.replace('_', ' ')}" if rng.random() < 0.6 else ""
    at = t.at[t.events.index(scene.event)]
    opening = rng.choice(_OPENINGS).format(at=at, where=where, role=actor.role).replace(" ,", ",")
    told = []
    if rng.random() < 0.75:
        told.append(f"The {actor.role} {rng.choice(_MADE_OF_IT[actor.reaction])}.")
    if rng.random() < 0.6:
        told.append(_sign(_FACES[actor.expression], FACE[actor.expression], rng))
    if rng.random() < 0.6:
        told.append(_sign(_POSES[actor.pose], POSE[actor.pose], rng))
    if rng.random() < 0.4:
        told.append(f"It was {WHO[actor.age]} who had {WITH[actor.mark]}.")
    if actor.words and rng.random() < 0.5:
        told.append(f'What was heard: "{actor.words}".')
    known = sorted(actor.labels & FEELING_WORDS.keys())
    if known and rng.random() < 0.3:
        told.append(f"Others said: the person looks {rng.choice(FEELING_WORDS[rng.choice(known)][1])}.")
    rng.shuffle(told)
    text = " ".join(" ".join([opening, *told]).replace(" .", ".").split())
    held = np.array([float(label in actor.labels) for label in t.labels])
    return Telling(text, held, actor.vad)


def _sign(seen: str, done: str, rng: random.Random) -> str:
    return f"One saw that {seen}." if rng.random() < 0.5 else f"This one {done}."


def _nth(seed: int, index: int) -> Telling:
    rng = random.Random(f"story/{seed}/{index}")
    scene = sample_scene(_STREAM + seed, index, split="train")
    return story(scene, rng.randrange(len(scene.people)), rng)


def _vocabulary(seed: int, more: Sequence[str]) -> Iterator[str]:
    """Everything that the model reads and writes, and `more`: texts whose other words it will meet elsewhere."""
    for index in range(600):
        yield _nth(seed, index).text
    yield from more
    for phrases in _MADE_OF_IT.values():
        yield from phrases
    for wording in (_FACES, _POSES, FACE, POSE, WHO, WITH):
        yield from wording.values()
    yield from (label.name for label in label_space("emotic"))
    names = (
        WORDS_ALONE.feel,
        WORDS_ALONE.label,
        WORDS_ALONE.reason,
        WORDS_ALONE.name,
        *WORDS_ALONE.levels.values(),
    )
    yield from (
        template(name).text for name in (*names, WORDS_ALONE.words, "pointing/words.v1", "paper/pick.v1")
    )
    yield " ".join(str(n) for n in range(1, 11)) + " yes no read this and answer : ?"


class Reading:
    """How a text becomes a packed sequence: the very questions that `LanguageReasoner` asks."""

    def __init__(self, tokenizer: Any, labels: LabelSpace) -> None:
        self._frame: ChatFrame = chat_frame(tokenizer, 0)
        encode = plain_encoder(tokenizer)
        self.labels = labels
        self.pad = int(tokenizer.pad_token_id)
        self._prefix = tuple(tokenizer(self._frame.head).input_ids)
        tail = tokenizer(self._frame.tail, add_special_tokens=False).input_ids
        self.questions = Questions(
            labels, encode, tail, unknown=tokenizer.unk_token_id, wording=WORDS_ALONE, glue=self._frame.glue,
            answer_glue=self._frame.answer_glue, limits=WORDS_ONLY,
        )  # fmt: skip
        self._person = template("pointing/words.v1").text

    def read(self, telling: Telling, rng: random.Random, asked: int) -> Read:
        """A text with `asked` of the labels' questions, drawn, and one of a dimension."""
        q = self.questions
        tree = q.tree(q.root((), telling.text), self._person)
        # The tree hangs on the head that every text has; in training it stands in the sequence.
        labels = sorted(rng.sample(range(len(tree.labels)), min(asked, len(tree.labels))))
        dimension = rng.randrange(len(DIMENSIONS))
        wanted = [tree.labels[k] for k in labels] + [tree.dimensions[dimension]]
        stems = [i for i in range(len(tree.segments)) if i not in (*tree.labels, *tree.dimensions)]
        place = {old: new for new, old in enumerate([*stems, *wanted], start=1)}
        segments = [Segment(self._prefix)]
        for old in (*stems, *wanted):
            parent = tree.segments[old].parent
            segments.append(Segment(tree.segments[old].tokens, 0 if parent is None else place[parent]))
        level = float(np.clip(telling.vad[dimension], 1, 10))
        low = min(int(level), 9)
        pairs = [(q.yes[0], q.no[0])] * len(labels) + [(q.levels[low - 1][0], q.levels[low][0])]
        shares = [*(float(telling.labels[k]) for k in labels), 1 - (level - low)]
        return Read(segments, tuple(place[w] for w in wanted), tuple(pairs), tuple(shares))


@dataclass(frozen=True)
class Read:
    """Segments, those after which an answer is read, each answer's two tokens, and the share of the first."""

    segments: Sequence[Segment]
    reads: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]
    shares: tuple[float, ...]


class StoryTask(Task[Read]):
    """Yes/no questions and a level behind each text, as cross entropy over the whole vocabulary.

    Args:
        model: A causal language model.
        reading: How texts become sequences.
        stories: How many there are.
        seed: Of the stories.
        asked: Labels asked for behind a text.
    """

    def __init__(self, model: nn.Module, reading: Reading, stories: int, seed: int, asked: int = 13) -> None:
        self._model, self._reading, self._stories, self._seed, self._asked = (
            model,
            reading,
            stories,
            seed,
            asked,
        )

    @property
    def module(self) -> nn.Module:
        return self._model

    @property
    def size(self) -> int:
        return self._stories

    def example(self, draw: Draw) -> Read:
        return self._reading.read(_nth(self._seed, draw.index), random.Random(draw.key), self._asked)

    def loss(self, batch: Sequence[Read]) -> tuple[Tensor, dict[str, float]]:
        together = collate(
            [pack(each.segments) for each in batch], [each.reads for each in batch], self._reading.pad
        )
        barrier = torch.zeros(together.mask.shape).masked_fill(
            ~torch.from_numpy(together.mask), torch.finfo(torch.float32).min
        )
        hidden = self._model(
            input_ids=torch.from_numpy(together.tokens),
            attention_mask=barrier[:, None],
            position_ids=torch.from_numpy(together.positions),
            use_cache=False,
        ).logits
        rows = torch.arange(len(batch))[:, None]
        logs = hidden[rows, torch.from_numpy(together.reads)].log_softmax(dim=-1)
        pairs, shares = torch.tensor([e.pairs for e in batch]), torch.tensor([e.shares for e in batch])
        said = logs.gather(2, pairs)
        loss = -(said[..., 0] * shares + said[..., 1] * (1 - shares)).mean()
        return loss, {}

    def validate(self) -> dict[str, float]:
        return {}


def train_stories(
    out: Path, seed: int, steps: int, *, more: Sequence[str] = (), progress: Progress | None = None
) -> Path:
    """Train the model on stories into `out/model`, a plain folder of a causal language model.

    Args:
        out: The folder; what it holds of this training already is gone on with.
        seed: Of stories and weights.
        steps: Steps of 32 stories; no story is told twice.
        more: Texts whose words the tokenizer is to know.
        progress: As `loop.fit`.
    """
    schedule = Schedule.model_validate(
        {"steps": steps, "batch": 32, "at_once": 32, "rate": 3e-3, "weight_decay": 0.01, "keep": "last",
         "warm_up": 0.05, "checkpoint_every": 100, "workers": 1}
    )  # fmt: skip
    recipe = StoriesRecipe(seed=seed, schedule=schedule)
    tokenizer = build_tokenizer(_vocabulary(seed, more))
    tokenizer.chat_template = None
    model = _model(tokenizer, seed)
    stories = steps * schedule.batch
    task = StoryTask(model, Reading(tokenizer, label_space("emotic")), stories, seed)
    with RunFolder.claim(out, recipe, {"stories": stories, "stream": _STREAM + seed}) as folder:
        fit(task, schedule, folder, seed=seed, progress=progress)
        model.save_pretrained(folder.model)
        tokenizer.save_pretrained(folder.model)
        folder.finish()
        return folder.model


class StoriesRecipe(Part):
    """What decides the training."""

    kind: str = "stories"
    seed: int
    schedule: Schedule


def _model(tokenizer: Any, seed: int) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=128, intermediate_size=320, num_hidden_layers=3,
        num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=1024, tie_word_embeddings=True,
        pad_token_id=0, bos_token_id=2, eos_token_id=3,
    )  # fmt: skip
    return LlamaForCausalLM(config)
