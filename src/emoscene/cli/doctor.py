"""`emoscene doctor`: what is installed, what is here, and whether the parts give the answers they should; of a
dataset, what is in it and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import typer

__all__ = ["doctor"]

_CORE = (
    "numpy",
    "pillow",
    "onnxruntime",
    "pydantic",
    "typer",
    "rich",
    "pyyaml",
    "filelock",
)
_EXTRAS = {
    "models": ("torch", "transformers", "safetensors", "huggingface-hub"),
    "text": ("torch", "transformers", "huggingface-hub"),
    "train": ("torch", "onnx", "onnxscript"),
    "report": ("matplotlib",),
    "pandas": ("pandas",),
    "emotic": ("scipy",),
}


def doctor(
    dataset: str | None = typer.Option(
        None, help="Look at a dataset instead: emotic, caer_s, table, ... Needs --root."
    ),
    root: str | None = typer.Option(None, help="The file or folder that holds the dataset."),
    option: list[str] | None = typer.Option(
        None, "--data", metavar="KEY=VALUE", help="An option of the dataset. May be repeated."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> int:
    """Check the installation: versions, extras, models on this machine, and known answers. Exit 1 on a fault."""
    if dataset is None and root is None and not option:
        return _installation(as_json)
    if dataset is None or root is None:
        from emoscene.errors import OptionError

        raise OptionError(
            "--dataset and --root go together",
            remedy="Write: emoscene doctor --dataset emotic --root PATH [--data KEY=VALUE].",
        )
    from emoscene.cli.doctor_dataset import examine

    return examine(dataset, root, option or [], as_json=as_json)


def _installation(as_json: bool) -> int:
    import json
    import platform

    from emoscene import __version__, catalogue
    from emoscene.cli.streams import write_line

    found: dict[str, Any] = {
        "emoscene": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in _CORE},
        "extras": {extra: {name: _version(name) for name in packages} for extra, packages in _EXTRAS.items()},
        "model_cache": str(catalogue.hub_cache()),
        "models_here": [e.name for e in catalogue.entries() if catalogue.is_here(e)],
        "checks": dict(_checks()),
    }
    if as_json:
        write_line(json.dumps(found, ensure_ascii=False))
    else:
        for line in _lines(found):
            write_line(line)
    missing = [name for name, number in found["packages"].items() if number is None]
    faults = [name for name, said in found["checks"].items() if said != "ok"]
    return 1 if missing or faults else 0


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield f"emoscene {found['emoscene']}, Python {found['python']}, {found['platform']}"
    core = (f"{name} {number or 'MISSING'}" for name, number in found["packages"].items())
    yield "core: " + ", ".join(core)
    for extra, parts in found["extras"].items():
        absent = [name for name, number in parts.items() if number is None]
        if absent:
            yield f'extra {extra}: not installed ({", ".join(absent)}); pip install "emoscene[{extra}]"'
        else:
            yield f"extra {extra}: " + ", ".join(f"{name} {number}" for name, number in parts.items())
    yield f"models here: {', '.join(found['models_here']) or 'none'} (cache: {found['model_cache']})"
    for name, said in found["checks"].items():
        yield f"check {name}: {said}"


def _checks() -> Iterator[tuple[str, str]]:
    """Each check and `ok`, or what is wrong."""
    from emoscene.errors import EmosceneError

    checks: dict[str, Callable[[], str]] = {
        "pictures": _pictures,
        "label spaces": _label_spaces,
        "embedded model": _embedded,
    }
    for name, check in checks.items():
        try:
            said = check()
        except EmosceneError as error:
            said = str(error)
        yield name, said


def _pictures() -> str:
    """The formats every installation must read give back the pixels that were written."""
    import io

    import numpy as np
    from PIL import Image

    from emoscene.images import open_picture

    pixels = np.arange(16 * 12 * 3, dtype=np.uint8).reshape(12, 16, 3)
    for kind in ("PNG", "WEBP"):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, kind, **({"lossless": True} if kind == "WEBP" else {}))
        if not np.array_equal(open_picture(buffer.getvalue()).array, pixels):
            return f"{kind} does not come back as it was written"
    return "ok"


def _label_spaces() -> str:
    from emoscene.labels import label_space, label_space_names

    sizes = {name: len(label_space(name)) for name in label_space_names()}
    return "ok" if sizes.get("emotic") == 26 else f"emotic has {sizes.get('emotic')} labels, not 26"


def _embedded() -> str:
    """The model that ships answers or declines; a picture of noise is none of its drawn scenes."""
    import numpy as np

    from emoscene import api
    from emoscene.types import Status

    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    row = api.analyze(noise, model="embedded")
    if row.status is not Status.OUT_OF_DOMAIN:
        return f"a picture of noise gave {row.status}, not out_of_domain"
    return "ok"
