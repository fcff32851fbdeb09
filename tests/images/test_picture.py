"""The one door: every way in gives the same pixels, and nothing harmful comes through."""

from __future__ import annotations

import base64
import io
import struct
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageCms

from emoscene.errors import InputError, MissingFileError, OptionError, PictureError, PictureLimitError
from emoscene.images import Limits, open_base64, open_picture
from emoscene.images.quiet import without_pillow_warnings
from emoscene.types import Picture

Pixels = npt.NDArray[np.uint8]

pictures = hnp.arrays(np.uint8, st.tuples(st.integers(2, 12), st.integers(2, 12), st.just(3)))


def noise(height: int = 7, width: int = 5, channels: int = 3, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def encoded(image: Image.Image, name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, depth: int, colour: int, rows: bytes, extra: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = (
        png_chunk(b"IHDR", header) + extra + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    )
    return b"\x89PNG\r\n\x1a\n" + body


@settings(max_examples=25, deadline=None)
@given(pixels=pictures, name=st.sampled_from(["PNG", "BMP", "WEBP"]))
def test_every_way_in_gives_the_same_picture(
    pixels: Pixels, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = encoded(Image.fromarray(pixels), name, **({"lossless": True} if name == "WEBP" else {}))
    path = tmp_path_factory.mktemp("ways") / "picture.anything"
    path.write_bytes(data)
    text = base64.b64encode(data).decode()
    with path.open("rb") as file:
        ways = [
            open_picture(path),
            open_picture(str(path)),
            open_picture(data),
            open_picture(bytearray(data)),
            open_picture(file),
            open_picture(io.BytesIO(data)),
            open_picture(pixels),
            open_picture(Image.open(io.BytesIO(data))),
            open_picture(Image.fromarray(pixels)),
            open_picture(f"data:image/png;base64,{text}"),
            open_base64(text),
            open_base64(text[:7] + "\n " + text[7:]),
        ]
    for picture in ways:
        assert isinstance(picture, Picture)
        assert np.array_equal(picture.array, pixels)
        assert (picture.height, picture.width) == pixels.shape[:2]
        assert picture.image.mode == "RGB"
        assert picture.sha256 == ways[0].sha256


@pytest.mark.parametrize("name", ["JPEG", "GIF"])
def test_lossy_formats_give_what_pillow_gives(name: str, tmp_path: Path) -> None:
    data = encoded(Image.fromarray(noise(40, 30)), name)
    (tmp_path / "a").write_bytes(data)
    wanted = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    with Image.open(tmp_path / "a") as image:
        ways = [open_picture(data), open_picture(tmp_path / "a"), open_picture(image)]
    for picture in ways:
        assert np.array_equal(picture.array, wanted)


def test_an_opened_picture_comes_back_as_it_is() -> None:
    picture = open_picture(noise())
    assert open_picture(picture) is picture


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_all_eight_orientations_give_the_same_upright_pixels(orientation: int, name: str) -> None:
    upright = Image.fromarray(np.kron(noise(3, 5), np.ones((16, 16, 1), np.uint8)))
    # How a camera stores the picture so that this orientation value turns it upright again.
    store: Callable[[Image.Image], Image.Image] = {
        1: lambda im: im,
        2: lambda im: im.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: lambda im: im.transpose(Image.Transpose.ROTATE_180),
        4: lambda im: im.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: lambda im: im.transpose(Image.Transpose.TRANSPOSE),
        6: lambda im: im.transpose(Image.Transpose.ROTATE_90),
        7: lambda im: im.transpose(Image.Transpose.TRANSVERSE),
        8: lambda im: im.transpose(Image.Transpose.ROTATE_270),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, object] = {"quality": 100, "subsampling": 0} if name == "JPEG" else {"lossless": True}
    data = encoded(store(upright), name, exif=exif, **options)
    for picture in (open_picture(data), open_picture(Image.open(io.BytesIO(data)))):
        assert (picture.width, picture.height) == upright.size
        difference = np.abs(picture.array.astype(int) - np.asarray(upright).astype(int))
        assert difference.max() <= (6 if name == "JPEG" else 0)


def test_exif_that_cannot_be_read_counts_as_upright() -> None:
    data = encoded(Image.fromarray(noise()), "PNG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff\x12\x01")
    assert np.array_equal(open_picture(data).array, noise())


@settings(max_examples=25, deadline=None)
@given(pixels=hnp.arrays(np.uint8, st.tuples(st.integers(2, 9), st.integers(2, 9), st.just(4))))
def test_transparency_is_laid_over_white(pixels: Pixels) -> None:
    alpha = pixels[:, :, 3:].astype(float) / 255
    wanted = pixels[:, :, :3] * alpha + 255 * (1 - alpha)
    from_file = open_picture(encoded(Image.fromarray(pixels), "PNG"))
    assert np.abs(from_file.array - wanted).max() <= 1
    assert np.array_equal(from_file.array, open_picture(pixels).array)


def test_warnings_of_pillow_stay_inside_and_those_of_others_do_not() -> None:
    data = encoded(
        Image.fromarray(noise(64, 64)), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff\x12\x01"
    )
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as threads:
        assert {picture.width for picture in threads.map(open_picture, [data] * 64)} == {64}
    assert list(warnings.filters) == before
    with without_pillow_warnings(), pytest.raises(UserWarning, match="ours"):
        warnings.warn("ours", UserWarning, stacklevel=1)


def test_transparency_of_pictures_taller_than_a_strip() -> None:
    pixels = noise(600, 3, 4)
    alpha = pixels[:, :, 3:].astype(float) / 255
    assert np.abs(open_picture(pixels).array - (pixels[:, :, :3] * alpha + 255 * (1 - alpha))).max() <= 1


def test_grey_with_alpha_and_one_bit_pictures() -> None:
    grey = Image.merge("LA", (Image.new("L", (4, 4), 0), Image.new("L", (4, 4), 51)))
    assert open_picture(encoded(grey, "PNG")).array[0, 0].tolist() == [204, 204, 204]
    bits = Image.new("1", (4, 4), 1)
    assert open_picture(encoded(bits, "PNG")).array[0, 0].tolist() == [255, 255, 255]


def test_palette_with_and_without_transparency() -> None:
    image = Image.new("P", (4, 2), 0)
    image.putpalette([200, 10, 20, 0, 0, 255])
    image.putpixel((1, 0), 1)
    plain = open_picture(encoded(image, "PNG")).array
    assert plain[0, :2].tolist() == [[200, 10, 20], [0, 0, 255]]
    for name in ("PNG", "GIF"):
        clear = open_picture(encoded(image, name, transparency=1)).array
        assert clear[0, :2].tolist() == [[200, 10, 20], [255, 255, 255]], name


def test_cmyk_photographs() -> None:
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    pixel = open_picture(encoded(image, "JPEG", quality=95)).array[8, 8]
    assert pixel[0] > 240
    assert pixel[1] < 15
    assert pixel[2] < 15
    assert np.array_equal(open_picture(image).array, np.asarray(image.convert("RGB")))


def test_sixteen_bits_keep_their_upper_eight() -> None:
    grey = (np.arange(12, dtype=np.uint16).reshape(3, 4) * 5461).astype(np.uint16)
    wanted = np.repeat((grey >> 8).astype(np.uint8)[:, :, None], 3, axis=2)
    data = encoded(Image.fromarray(grey), "PNG")
    for source in (data, grey, grey[:, :, None], Image.fromarray(grey), Image.open(io.BytesIO(data))):
        assert np.array_equal(open_picture(source).array, wanted)
    assert np.array_equal(open_picture(Image.fromarray(grey.astype(np.int32))).array, wanted)

    colour = np.random.default_rng(1).integers(0, 65536, (3, 4, 3), dtype=np.uint16)
    rows = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in colour)
    assert np.array_equal(open_picture(png_of(4, 3, 16, 2, rows)).array, (colour >> 8).astype(np.uint8))
    assert np.array_equal(open_picture(colour).array, (colour >> 8).astype(np.uint8))


def test_sixteen_bits_with_a_transparent_value() -> None:
    grey = np.array([[0x1234, 0x1200], [0, 0xFFFF]], np.uint16)
    rows = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in grey)
    data = png_of(2, 2, 16, 0, rows, png_chunk(b"tRNS", struct.pack(">H", 0x1234)))
    assert open_picture(data).array[:, :, 0].tolist() == [[255, 0x12], [0, 255]]

    red = np.array([[[0xFF00, 0, 0], [0, 0xFF00, 0]]] * 2, np.uint16)
    rows = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in red)
    data = png_of(2, 2, 16, 2, rows, png_chunk(b"tRNS", struct.pack(">HHH", 0xFF00, 0, 0)))
    assert open_picture(data).array[0].tolist() == [[255, 255, 255], [0, 255, 0]]


def test_grey_and_real_valued_arrays() -> None:
    grey = noise(channels=1)
    wanted = np.repeat(grey, 3, axis=2)
    assert np.array_equal(open_picture(grey).array, wanted)
    assert np.array_equal(open_picture(grey[:, :, 0]).array, wanted)
    assert np.array_equal(open_picture(Image.fromarray(grey[:, :, 0])).array, wanted)
    assert np.array_equal(open_picture(noise() / 255).array, noise())
    assert np.array_equal(open_picture((noise() / 255).astype(np.float32)[::-1]).array, noise()[::-1])


@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG"])
def test_of_animated_files_the_first_frame(name: str) -> None:
    frames = [Image.new("RGB", (6, 4), colour) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    data = encoded(frames[0], name, save_all=True, append_images=frames[1:], lossless=True)
    for source in (data, Image.open(io.BytesIO(data))):
        assert np.array_equal(open_picture(source).array, np.asarray(frames[0]))


def _profile(name: str) -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()  # type: ignore[arg-type]


def _swapped_profile() -> bytes:
    """An sRGB profile whose red and blue primaries are exchanged: its effect cannot be overlooked."""
    profile = bytearray(_profile("sRGB"))
    red, blue = profile.find(b"rXYZ"), profile.find(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


def test_a_colour_profile_is_converted_to_srgb() -> None:
    image = Image.new("RGB", (4, 4), (200, 30, 30))
    same = open_picture(encoded(image, "PNG", icc_profile=_profile("sRGB"))).array
    assert np.abs(same.astype(int) - (200, 30, 30)).max() <= 1
    for name in ("PNG", "JPEG", "WEBP"):
        data = encoded(image, name, icc_profile=_swapped_profile(), lossless=True, quality=100)
        from_file = open_picture(data).array
        assert np.abs(from_file[0, 0].astype(int) - (30, 30, 200)).max() <= 6, name
        assert np.array_equal(open_picture(Image.open(io.BytesIO(data))).array, from_file)
    clear = image.convert("RGBA")
    clear.putalpha(0)
    assert open_picture(encoded(clear, "PNG", icc_profile=_swapped_profile())).array.min() == 255


@pytest.mark.parametrize("profile", [b"no profile at all", _profile("LAB"), _profile("sRGB")[:200]])
def test_a_profile_that_is_broken_or_of_other_pixels_is_ignored(profile: bytes) -> None:
    data = encoded(Image.fromarray(noise()), "PNG", icc_profile=profile)
    assert np.array_equal(open_picture(data).array, noise())


def test_the_given_image_is_neither_changed_nor_shared() -> None:
    image = Image.fromarray(noise())
    image.info["icc_profile"] = b"broken"
    picture = open_picture(image)
    image.putpixel((0, 0), (1, 2, 3))
    assert np.array_equal(picture.array, noise())
    assert image.info == {"icc_profile": b"broken"}
    with pytest.raises(ValueError, match="read-only"):
        picture.array[0, 0] = 0


@pytest.mark.parametrize(
    "address",
    ["http://a.example/x.png", "HTTPS://a.example", "ftp://a/b", "file:///etc/hostname", "s3://b/k"],
)
def test_addresses_are_refused_with_a_remedy(address: str) -> None:
    with pytest.raises(InputError, match="Download the picture first"):
        open_picture(address)


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.png", tmp_path, str(tmp_path), "a\x00b", "x" * 5000, "/dev/zero"):
        with pytest.raises(MissingFileError) as caught:
            open_picture(path)
        assert caught.value.remedy


def test_what_holds_no_picture() -> None:
    for source in (
        b"",
        b"GIF",
        b"II*\x00" + bytes(100),
        b"%!PS-Adobe",
        3.5,
        None,
        ["a"],
        io.StringIO("text"),
    ):
        with pytest.raises(PictureError):
            open_picture(source)
    for text in ("data:text/html;base64,QUJD", "data:image/png,abc", "data:image/png;base64,@@@@", "data:"):
        with pytest.raises(PictureError):
            open_picture(text)
    for bad in (np.zeros((4, 4, 2), np.uint8), np.zeros(4, np.uint8), np.zeros((4, 4), np.int64)):
        with pytest.raises(PictureError):
            open_picture(bad)
    for value in (float("nan"), -0.1, 1.1, 255.0):
        with pytest.raises(PictureError, match="between 0 and 1"):
            open_picture(np.full((4, 4, 3), value))


@pytest.mark.parametrize("name", ["TIFF", "ICO", "PPM", "TGA", "PCX", "JPEG2000", "EPS"])
def test_formats_off_the_list_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    Image.fromarray(noise(16, 16)).save(path, name)
    with pytest.raises(PictureError, match="JPEG, PNG, WEBP, GIF, BMP"):
        open_picture(path)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_truncated_files_are_refused_without_a_word_of_the_decoder(name: str) -> None:
    data = encoded(Image.fromarray(noise(64, 64)), name)
    for share in (0.05, 0.3, 0.6):
        with pytest.raises(PictureError) as caught:
            open_picture(data[: int(len(data) * share)])
        assert caught.value.__cause__ is None
        assert "truncated" not in str(caught.value)
        assert "0x" not in str(caught.value)


CLAIMS = {
    "PNG": png_of(50_000, 50_000, 8, 2, b""),
    "GIF": b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b";",
    "GIF frame": b"GIF89a\x02\x00\x02\x00\x00\x00\x00,\x00\x00\x00\x00" + b"\xff" * 4 + b"\x00\x02\x00;",
    "BMP": b"BM" + bytes(12) + struct.pack("<IiiHHIIiiII", 40, 40_000, -40_000, 1, 24, 0, 0, 0, 0, 0, 0),
    "WEBP": b"RIFF\x1e\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00" + b"\xff\x3e\x00" * 2 + bytes(8),
    "JPEG": b"\xff\xd8\xff\xc0\x00\x11\x08"
    + struct.pack(">HH", 65500, 65500)
    + b"\x03"
    + bytes(9)
    + b"\xff\xda\x00\x02",
}


@pytest.mark.parametrize("name", CLAIMS)
def test_huge_claims_are_refused_by_the_header_alone(name: str) -> None:
    with pytest.raises(PictureLimitError):
        open_picture(CLAIMS[name])


def test_limits_are_kept_and_can_be_set(tmp_path: Path) -> None:
    data = encoded(Image.fromarray(noise(10, 20)), "PNG")
    (tmp_path / "a.png").write_bytes(data)
    for limits in (
        Limits(file_bytes=len(data) - 1),
        Limits(pixels=199),
        Limits(max_side=19),
    ):
        text = "data:image/png;base64," + base64.b64encode(data).decode()
        for source in (data, tmp_path / "a.png", io.BytesIO(data), text):
            with pytest.raises(PictureLimitError):
                open_picture(source, limits=limits)
    assert open_picture(data, limits=Limits(file_bytes=len(data), pixels=200, max_side=20)).width == 20
    for limits in (Limits(pixels=199), Limits(max_side=19)):
        for again in (noise(10, 20), Image.fromarray(noise(10, 20))):
            with pytest.raises(PictureLimitError):
                open_picture(again, limits=limits)
    for thin in (noise(1, 1), noise(1, 900), encoded(Image.fromarray(noise(900, 1)), "PNG")):
        with pytest.raises(PictureError, match="at least 2 pixels"):
            open_picture(thin)
    with pytest.raises(OptionError):
        Limits(min_side=0)


def test_a_jpeg_of_thousands_of_scans_is_refused() -> None:
    data = encoded(Image.fromarray(noise(32, 32)), "JPEG", progressive=True)
    assert open_picture(data).width == 32
    scan = data[data.rindex(b"\xff\xda") : -2]
    assert open_picture(data[:-2] + scan * 5 + data[-2:]).width == 32
    with pytest.raises(PictureError, match="scans"):
        open_picture(data[:-2] + scan * 20 + data[-2:])
    # What stands behind the end of the picture or in its metadata are no scans of it.
    assert open_picture(data + scan * 200).width == 32
    comment = b"\xff\xfe" + struct.pack(">H", 402) + b"\xff\xda" * 200
    assert open_picture(data[:2] + comment + data[2:]).width == 32


def test_pictures_whose_decoding_holds_more_are_limited_to_fewer_pixels() -> None:
    image = Image.fromarray(noise(20, 20))
    limits = Limits(pixels=400)
    costly: tuple[tuple[str, dict[str, object]], ...] = (
        ("WEBP", {}),
        ("JPEG", {"progressive": True, "subsampling": 0}),
    )
    for name, options in costly:
        with pytest.raises(PictureLimitError):
            open_picture(encoded(image, name, **options), limits=limits)
        assert open_picture(encoded(image, name, **options), limits=Limits(pixels=800)).width == 20
    cheap: tuple[tuple[str, dict[str, object]], ...] = (
        ("PNG", {}),
        ("JPEG", {"progressive": True}),
        ("JPEG", {"subsampling": 0}),
    )
    for name, options in cheap:
        assert open_picture(encoded(image, name, **options), limits=limits).width == 20


def test_neither_pixels_nor_metadata_stay_or_show() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    data = encoded(Image.fromarray(noise()), "PNG", exif=exif)
    picture = open_picture(data)
    assert not picture.image.info
    assert not picture.image.getexif()
    assert repr(picture) == "OpenedPicture(5x7, source='bytes')"


def test_photographs_decode_the_same_every_time(reference_data: Path) -> None:
    photos = sorted((reference_data / "photos").iterdir())
    assert len(photos) == 5
    for photo in photos:
        assert open_picture(photo).sha256 == open_picture(photo.read_bytes()).sha256
