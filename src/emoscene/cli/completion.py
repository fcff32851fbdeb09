"""What the shell offers after Tab: names of models, detectors and label spaces."""

from __future__ import annotations

__all__ = ["datasets", "detectors", "label_spaces", "model_specs", "which_people"]


def model_specs(incomplete: str) -> list[tuple[str, str]]:
    """Registered names and catalogue names that something can ask today."""
    from emoscene import catalogue
    from emoscene.recognizers import registry

    offered = {"auto": "the best model for photographs that is here"}
    offered |= dict.fromkeys(registry.names(), "recognizer")
    for entry in catalogue.entries():
        if entry.recognizer == "vlm":
            offered[entry.name] = entry.good_for
    return [(name, text) for name, text in offered.items() if name.startswith(incomplete)]


def detectors(incomplete: str) -> list[tuple[str, str]]:
    """Catalogue names of detectors whose files are here."""
    from emoscene import catalogue

    here = [entry for entry in catalogue.entries() if entry.kind == "detector" and catalogue.is_here(entry)]
    return [(entry.name, entry.good_for) for entry in here if entry.name.startswith(incomplete)]


def datasets(incomplete: str) -> list[str]:
    """Names of the datasets that can be read."""
    from emoscene.datasets.registry import dataset_names

    return [name for name in dataset_names() if name.startswith(incomplete)]


def label_spaces(incomplete: str) -> list[str]:
    """Names of the label spaces that ship."""
    from emoscene.labels import label_space_names

    return [name for name in label_space_names() if name.startswith(incomplete)]


def which_people(incomplete: str) -> list[str]:
    """The words that --people takes."""
    return [word for word in ("all", "largest") if word.startswith(incomplete)]
