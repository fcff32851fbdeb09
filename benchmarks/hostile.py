"""What harmful picture files do to emoscene: every one must end as a row, in at most 2 s and 300 MB.

    python benchmarks/hostile.py [--mutations 2000] [--seed 0] [--json]

Three groups go through a recognizer's `predict`: the files of `hostile-images` in the folder that
EMOSCENE_REFERENCE_DATA names (they crashed, hung or exhausted image libraries), the largest pictures that the
limits let through in their costliest forms, and seeded mutations of small pictures of every format.
Nothing is stored. Cases run in forked processes, so that a crash or a hang is seen and counted; a
process's peak memory is reset before each case. Seconds are those of the processor, so that other work on
the machine does not count. Linux only.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import os
import random
import resource
import struct
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from emoscene.errors import EmosceneError
from emoscene.labels import label_space
from emoscene.recognizers.base import Answer, BatchRecognizer, Card, Subject
from emoscene.types import Prediction, Sample, ScoreKind, Status

SECONDS, MEGABYTES = 2.0, 300.0
_HANGS_AFTER = 60.0
_A_PROCESS = 100


@dataclass(frozen=True)
class Case:
    name: str
    data: bytes


@dataclass(frozen=True)
class Measured:
    """What became of one case: a status (or `crashed`, `hung`, `raised ...`), seconds, megabytes of growth."""

    name: str
    status: str
    seconds: float
    megabytes: float

    @property
    def ends_as_a_row(self) -> bool:
        return self.status in (Status.OK, Status.UNREADABLE)

    @property
    def within_bars(self) -> bool:
        return self.ends_as_a_row and self.seconds <= SECONDS and self.megabytes <= MEGABYTES


class Brightest(BatchRecognizer[float]):
    """The least recognizer there is, so that what is measured is the way in. It touches every pixel."""

    def __init__(self) -> None:
        card = Card(name="brightest", summary="The brightest value of all pixels.", licence="Apache-2.0")
        super().__init__("brightest", card, label_space("emotic"), batch_size=1)

    def prepare(self, subject: Subject) -> float:
        assert subject.picture is not None
        return float(subject.picture.array.max()) / 255

    def answer(self, batch: Sequence[float]) -> Sequence[Answer | EmosceneError]:
        return [Answer(dict.fromkeys(self.labels.ids, most), ScoreKind.SIMILARITY) for most in batch]


def row_of(case: Case) -> Prediction:
    """The one row that the case ends as."""
    (row,) = Brightest().predict([Sample(id=case.name, picture=case.data, source=case.name)])
    return row


# --- the named files
# ---------------------------------------------------------------------------------------------


def named_files(folder: Path) -> list[Case]:
    """The hostile files as they are, under their own names (LICENSE left out)."""
    return [Case(file.name, file.read_bytes()) for file in sorted(folder.iterdir()) if file.suffix]


# --- the largest pictures
# ----------------------------------------------------------------------------------------


def largest_pictures() -> Iterator[Case]:
    """Pictures at the default limit of pixels, in the forms that cost most to decode."""
    wide, high = 7680, 4320
    exif = Image.Exif()
    exif[0x0112] = 6
    srgb = srgb_profile()
    clear = Image.new("RGBA", (wide, high), (200, 30, 30, 120))
    plain = clear.convert("RGB")
    yield Case(
        "PNG, alpha, profile, turned", encoded(clear, "PNG", exif=exif, icc_profile=srgb, compress_level=1)
    )
    yield Case("PNG, RGB", encoded(plain, "PNG", compress_level=1))
    yield Case("PNG, RGB, turned", encoded(plain, "PNG", exif=exif, compress_level=1))
    yield Case(
        "PNG, palette, transparent", encoded(plain.quantize(4), "PNG", transparency=0, compress_level=1)
    )
    yield Case("PNG, 16-bit, transparent value", sixteen_bit_png(wide, high))
    yield Case("JPEG, progressive, turned", encoded(plain, "JPEG", progressive=True, exif=exif))
    yield Case("JPEG, CMYK", encoded(plain.convert("CMYK"), "JPEG"))
    progressive = encoded(plain, "JPEG", progressive=True)
    yield Case("JPEG, 20 scans", many_scans(progressive, 20))
    yield Case("JPEG, 2,000 scans", many_scans(progressive, 2000))
    full = plain.resize((6400, 4147))
    yield Case(
        "JPEG, progressive, full colour", encoded(full, "JPEG", progressive=True, subsampling=0, exif=exif)
    )
    half = clear.resize((5430, 3055))
    yield Case("WEBP, alpha, turned", encoded(half, "WEBP", lossless=True, exif=exif, method=0))
    del full, half
    yield Case("GIF", encoded(plain.quantize(4), "GIF"))
    yield Case("BMP, run-length encoded, claims only", rle_bmp(wide, high, b"\x04\x01\x00\x01"))


def srgb_profile() -> bytes:
    """An sRGB profile without its date of creation, so that the seeds are the same every time."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile[:24] + bytes(12) + profile[36:]


def sixteen_bit_png(width: int, height: int) -> bytes:
    rows = zlib.compressobj(1)
    line = b"\x00" + b"\x12\x34" * width
    packed = b"".join(rows.compress(line) for _ in range(height)) + rows.flush()
    header = struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"tRNS", b"\x12\x34"), (b"IDAT", packed), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, data) for kind, data in chunks)


def many_scans(data: bytes, count: int) -> bytes:
    """The last scan of a progressive JPEG again and again: little to read, all coefficients to visit."""
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * (count - data.count(b"\xff\xda")) + data[-2:]


def rle_bmp(width: int, height: int, pixels: bytes) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(pixels), 0, 0, 256, 0)
    return (
        b"BM" + struct.pack("<IHHI", 54 + 1024 + len(pixels), 0, 0, 54 + 1024) + header + bytes(1024) + pixels
    )


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def encoded(image: Image.Image, name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


# --- the mutations
# -----------------------------------------------------------------------------------------------

Mutation = Callable[[bytearray, random.Random], bytes | bytearray]
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def seeds() -> dict[str, bytes]:
    """Small pictures in every format and most of its forms."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    clear = image.convert("RGBA")
    clear.putalpha(Image.fromarray(pixels[:, :, 0]))
    frames = [image, image.rotate(90).resize(image.size), image.rotate(180)]
    more: dict[str, object] = {"save_all": True, "append_images": frames[1:]}
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "words"
    extras: dict[str, object] = {
        "exif": exif,
        "icc_profile": srgb_profile(),
    }
    return {
        "jpeg": encoded(image, "JPEG"),
        "jpeg progressive": encoded(image, "JPEG", progressive=True, **extras),
        "jpeg cmyk": encoded(image.convert("CMYK"), "JPEG"),
        "jpeg grey": encoded(image.convert("L"), "JPEG", restart_marker_rows=1),
        "png": encoded(image, "PNG"),
        "png alpha": encoded(clear, "PNG", **extras),
        "png palette": encoded(image.quantize(16), "PNG", transparency=3),
        "png 16 bit": encoded(Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 257), "PNG"),
        "png bits": encoded(image.convert("1"), "PNG"),
        "png animated": encoded(image, "PNG", **more),
        "webp": encoded(image, "WEBP"),
        "webp lossless": encoded(clear, "WEBP", lossless=True, **extras),
        "webp animated": encoded(image, "WEBP", **more),
        "gif": encoded(image, "GIF", transparency=0),
        "gif animated": encoded(image, "GIF", **more),
        "bmp": encoded(image, "BMP"),
        "bmp palette": encoded(image.quantize(16), "BMP"),
        "bmp bits": encoded(image.convert("1"), "BMP"),
        "bmp run-length": rle_bmp(32, 24, b"\x20\x01\x00\x00" * 24 + b"\x00\x01"),
    }


def flip_bytes(data: bytearray, rng: random.Random) -> bytearray:
    for _ in range(rng.choice((1, 2, 4, 16))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def truncate(data: bytearray, rng: random.Random) -> bytearray:
    return data[: rng.randrange(len(data))]


def garble_header(data: bytearray, rng: random.Random) -> bytearray:
    for _ in range(rng.choice((1, 4, 12))):
        data[rng.randrange(min(64, len(data)))] = rng.randrange(256)
    return data


def extreme_number(data: bytearray, rng: random.Random) -> bytearray:
    size, order = rng.choice((1, 2, 4)), rng.choice(("big", "little"))
    at = rng.randrange(max(1, min(len(data), rng.choice((48, len(data)))) - size))
    number = rng.choice(_EXTREMES) & (256**size - 1)
    data[at : at + size] = number.to_bytes(size, "big" if order == "big" else "little")
    return data


def lie_about_size(data: bytearray, rng: random.Random) -> bytearray:
    """Another width or height at the place where the format has it."""
    number = rng.choice((0, 1, 2, 100, 5_000, 16_383, 20_000, 40_000, 65_535, 2**31 - 1, 2**32 - 1))
    spots: tuple[int, ...]
    places: dict[bytes, tuple[tuple[int, ...], str, int]] = {
        b"\x89P": ((16, 20), ">I", 4),
        b"GI": ((6, 8), "<H", 2),
        b"BM": ((18, 22), "<I", 4),
        b"RI": ((24, 26, 27, 28), "<H", 2),
    }
    if data[:2] == b"\xff\xd8":
        found = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
        spots, code, size = (found + 5, found + 7), ">H", 2
    else:
        spots, code, size = places[bytes(data[:2])]
    at = rng.choice(spots)
    data[at : at + size] = struct.pack(code, number & (256**size - 1))
    return repaired_png(data) if data[:2] == b"\x89P" else data


def repaired_png(data: bytearray) -> bytearray:
    """Checksums made right again, so that the decoder reads on."""
    at = 8
    while at + 12 <= len(data):
        length = struct.unpack_from(">I", data, at)[0]
        if at + 12 + length > len(data):
            break
        body = data[at + 4 : at + 8 + length]
        data[at + 8 + length : at + 12 + length] = struct.pack(">I", zlib.crc32(body))
        at += 12 + length
    return data


def flip_and_repair(data: bytearray, rng: random.Random) -> bytearray:
    data = flip_bytes(data, rng)
    return repaired_png(data) if data[:2] == b"\x89P" else data


def move_a_piece(data: bytearray, rng: random.Random) -> bytearray:
    """A piece cut out, or put in again somewhere else."""
    start = rng.randrange(len(data))
    piece = data[start : start + rng.randrange(1, 200)]
    if rng.random() < 0.5:
        del data[start : start + len(piece)]
        return data
    at = rng.randrange(len(data))
    return data[:at] + piece * rng.choice((1, 2, 50)) + data[at:]


def zero_the_rest(data: bytearray, rng: random.Random) -> bytearray:
    at = rng.randrange(len(data))
    return data[:at] + bytes(len(data) - at)


MUTATIONS: tuple[Mutation, ...] = (
    flip_bytes,
    truncate,
    garble_header,
    extreme_number,
    lie_about_size,
    flip_and_repair,
    move_a_piece,
    zero_the_rest,
)


def mutations(count: int, seed: int = 0) -> Iterator[Case]:
    """`count` broken pictures, the same for the same seed; each form and each kind of harm equally often."""
    originals = list(seeds().items())
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        name, data = originals[number % len(originals)]
        mutation = MUTATIONS[number // len(originals) % len(MUTATIONS)]
        yield Case(f"{name}, {mutation.__name__}, {number}", bytes(mutation(bytearray(data), rng)))


# --- measuring
# ---------------------------------------------------------------------------------------------------


def measure(cases: Sequence[Case]) -> list[Measured]:
    """Run the cases in one forked process; what is missing at its end crashed or hung there."""
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(cases, sending))
    process.start()
    sending.close()
    results: list[Measured] = []
    status = "crashed"
    while len(results) < len(cases):
        if not receiving.poll(_HANGS_AFTER):
            process.kill()
            status = "hung"
            break
        try:
            results.append(receiving.recv())
        except EOFError:
            break
    process.join()
    if len(results) < len(cases):
        results.append(Measured(cases[len(results)].name, status, _HANGS_AFTER, 0.0))
        results += measure(cases[len(results) :]) if len(results) < len(cases) else []
    return results


def _child(cases: Sequence[Case], sending: Connection) -> None:
    row_of(Case("first", encoded(Image.new("RGB", (8, 8)), "PNG")))
    for case in cases:
        before = _reset_peak()
        start = time.process_time()
        try:
            status = str(row_of(case).status)
        except Exception as error:  # noqa: BLE001 - the benchmark counts whatever escapes
            status = f"raised {type(error).__name__}"
        seconds = time.process_time() - start
        sending.send(Measured(case.name, status, seconds, _peak() - before))
    sending.close()


def _reset_peak() -> float:
    """Forget the peak so far, where the kernel lets us; the megabytes in use now."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return _peak()
    return _proc("VmRSS")


def _peak() -> float:
    return max(_proc("VmHWM"), 0.0) or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _proc(key: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) / 1024
    return 0.0


def _groups(count: int, seed: int) -> Iterator[tuple[str, list[Measured]]]:
    named = os.environ.get("EMOSCENE_REFERENCE_DATA")
    if named:
        files = named_files(Path(named) / "hostile-images")
        yield f"{len(files)} named files", [result for case in files for result in measure([case])]
    else:
        print("no named files: set EMOSCENE_REFERENCE_DATA to the folder of reference data", file=sys.stderr)
    yield "largest pictures", [result for case in largest_pictures() for result in measure([case])]
    cases = list(mutations(count, seed))
    pieces = [cases[at : at + _A_PROCESS] for at in range(0, len(cases), _A_PROCESS)]
    yield f"{count} mutations", [result for piece in pieces for result in measure(piece)]


def _report(group: str, results: Sequence[Measured], each: bool) -> None:
    statuses = ", ".join(
        f"{status} {count}" for status, count in sorted(Counter(r.status for r in results).items())
    )
    slowest, largest = max(results, key=lambda r: r.seconds), max(results, key=lambda r: r.megabytes)
    print(f"{group}: {statuses}")
    print(f"  slowest {slowest.seconds:.3f} s ({slowest.name})")
    print(f"  largest {largest.megabytes:.1f} MB ({largest.name})")
    for result in results:
        if each or not result.within_bars:
            mark = " " if result.within_bars else "!"
            figures = f"{result.seconds:7.3f} s {result.megabytes:7.1f} MB"
            print(f"  {mark} {result.name:55.55} {result.status:12} {figures}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Harmful pictures: each ends as a row, fast and small.")
    parser.add_argument("--mutations", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print every measurement as a JSON line")
    given = parser.parse_args()
    broken = 0
    for group, results in _groups(given.mutations, given.seed):
        broken += sum(not result.within_bars for result in results)
        if given.json:
            for result in results:
                print(json.dumps({"group": group, **asdict(result)}))
        else:
            _report(group, results, each=len(results) < 50)
    print(
        f"{'passed' if not broken else f'{broken} broke the bar'}: a row each, at most {SECONDS:g} s "
        f"and {MEGABYTES:g} MB",
        file=sys.stderr,
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
