"""Files of one's own: opened or refused in a sentence, made small as sources were."""

import io
import struct
import threading
import zlib

import drawn_dicoms
import numpy as np
import official_form
import pytest
from PIL import Image
from pydicom import dataset, uid

from medmnist_tfds import sources
from medmnist_tfds.data import catalog
from medmnist_tfds.sources import opening, preparing, reading

LEVELS = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5


def saved(image: Image.Image, form: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def opened(content: bytes, name: str = "x.png", **options) -> np.ndarray:
    return np.asarray(opening.open(content, name=name, **options))


def test_sources_become_the_official_images(official_root, breast_sources):
    variant = catalog.parse("breast")
    items, others = preparing.files(breast_sources)
    kept = [item for item in items if not item.name.endswith("_mask.png")]
    made = list(preparing.prepare(kept, preparing.Preparation.of(variant)))
    assert len(made) == 50 and len(items) == 100 and others == 0
    by_name = {each.name.split("/", 2)[2]: each.image[..., 0] for each in made}
    official, compared = np.load(official_root / "breastmnist.npz"), 0
    for split, rows in sources.manifest("breast").items():
        images = official[f"{split}_images"]
        for image, row in zip(images, rows, strict=True):
            if row["source"] in by_name:
                np.testing.assert_array_equal(by_name[row["source"]], image)
                compared += 1
    assert compared == 50


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP", "GIF", "WEBP", "JPEG2000"])
def test_formats_without_loss_are_read_as_they_are(form):
    options = {"lossless": True} if form == "WEBP" else {}
    content = saved(Image.fromarray(LEVELS), form, **options)
    found = opened(content, f"x.{form.lower()}")
    np.testing.assert_array_equal(found if found.ndim == 2 else found[..., 0], LEVELS)


def test_a_photo_is_turned_as_its_camera_was_held():
    photo = np.zeros((40, 60, 3), np.uint8)
    photo[:20] = 250
    exif = Image.Exif()
    exif[0x0112] = 6  # the top is at the right
    found = opened(saved(Image.fromarray(photo), "JPEG", exif=exif), "x.jpg")
    assert found.shape == (60, 40, 3)
    assert found[:, 30:].mean() > 240 > 10 > found[:, :10].mean()


def test_palettes_bits_and_an_alpha_channel_without_use_are_no_matter():
    grey = Image.fromarray(LEVELS)
    colour = Image.merge("RGB", [grey, grey.transpose(1), grey.transpose(0)])
    opaque = colour.copy()
    opaque.putalpha(255)
    np.testing.assert_array_equal(opened(saved(opaque)), np.asarray(colour))
    bits = grey.convert("1")
    np.testing.assert_array_equal(opened(saved(bits)), np.asarray(bits))
    palette = colour.quantize(256)
    np.testing.assert_array_equal(
        opened(saved(palette)), np.asarray(palette.convert("RGB"))
    )


def _huge(width: int, height: int) -> bytes:
    """A PNG of few bytes that says it is large."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        whole = kind + content
        return (
            struct.pack(">I", len(content))
            + whole
            + struct.pack(">I", zlib.crc32(whole))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"")


def _transparent() -> Image.Image:
    image = Image.new("RGBA", (8, 8), (9, 9, 9, 255))
    image.putpixel((3, 3), (9, 9, 9, 0))
    return image


def _see_through_palette() -> bytes:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([9, 9, 9, 200, 200, 200])
    return saved(image, transparency=0)


PIXELS = Image.fromarray(LEVELS)
LARGER = PIXELS.resize((400, 300))
DEEP = Image.fromarray(LEVELS.astype(np.uint16) * 256)
TWO = dict(save_all=True, append_images=[Image.new("L", (8, 6), 7)])


@pytest.mark.parametrize(
    "content, words",
    [
        (b"no image at all", ["is no image", "Expected PNG, JPEG, TIFF or DICOM"]),
        (b"", ["is no image"]),
        (saved(PIXELS)[:-30], ["is damaged or cut off (", "Copy or export it again"]),
        (saved(LARGER, "JPEG")[:-300], ["is damaged or cut off (image file is trunc"]),
        (saved(LARGER, "TIFF")[:-300], ["is damaged or cut off"]),
        (_huge(8000, 5000), ["has 8,000 x 5,000 pixels", "32 million", "smaller"]),
        (_huge(20_000, 20_000), ["has too many pixels", "32 million at the most"]),
        (saved(PIXELS.convert("CMYK"), "JPEG"), ["is in CMYK", "colour profile"]),
        (saved(Image.new("LAB", (8, 8)), "TIFF"), ["is in Lab colours"]),
        (saved(DEEP), ["more than 8 bits", "in which window", "give the DICOM file"]),
        (saved(DEEP, "TIFF"), ["more than 8 bits"]),
        (saved(Image.new("F", (8, 8)), "TIFF"), ["more than 8 bits"]),
        (saved(_transparent()), ["one can see through", "Flatten it"]),
        (_see_through_palette(), ["one can see through"]),
        (saved(PIXELS, "GIF", **TWO), ["holds 2 frames.", "--frame (frame=), from 1"]),
        (saved(PIXELS, "TIFF", **TWO), ["holds 2 frames."]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_what_cannot_be_known_is_refused(content, words):
    with official_form.refused("a.png ", *words):
        opening.open(content, name="a.png")


def test_of_several_frames_one_is_chosen():
    content = saved(PIXELS, "TIFF", **TWO)
    np.testing.assert_array_equal(opened(content, frame=1), LEVELS)
    assert (opened(content, frame=2) == 7).all()
    for frame in (0, 3):
        with official_form.refused(f"holds 2 frames, none of them {frame}"):
            opened(content, frame=frame)


def test_a_window_of_sixteen_bits_is_that_of_the_standard():
    """PS3.3 C.11.2.1.2.1: the linear function, written out here."""
    levels = np.linspace(0, 2000, 48).astype(np.uint16).reshape(6, 8)
    window = dict(WindowCenter=40, WindowWidth=400, RescaleIntercept=-1024)
    found = opened(drawn_dicoms.drawn(levels, RescaleSlope=1, **window), "ct.dcm")
    hounsfield = levels.astype(float) - 1024
    expected = np.clip((hounsfield - 39.5) / 399 + 0.5, 0, 1) * 255
    np.testing.assert_allclose(found, expected, atol=0.51)
    assert {0, 255} < set(found.ravel().tolist())
    window |= dict(WindowCenter=[40, 600], WindowWidth=[400, 2800])  # the first counts
    again = drawn_dicoms.drawn(levels, RescaleSlope=1, **window)
    np.testing.assert_array_equal(opened(again, "ct"), found)
    signed = (levels.astype(int) - 1024).astype(np.int16)
    direct = drawn_dicoms.drawn(signed, WindowCenter=40, WindowWidth=400)
    np.testing.assert_array_equal(opened(direct, "ct.dcm"), found)


def test_dicom_of_eight_bits_is_as_stored_and_monochrome1_is_inverted():
    np.testing.assert_array_equal(opened(drawn_dicoms.drawn(LEVELS)), LEVELS)
    inverse = drawn_dicoms.drawn(LEVELS, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(opened(inverse), 255 - LEVELS)


def test_a_table_of_levels_counts_before_a_window():
    table = dataset.Dataset()
    table.LUTDescriptor = [48, 0, 8]  # 48 levels from 0 on, to 8 bits
    curve = (255 * np.sqrt(np.arange(48) / 47)).astype(np.uint16)
    table.LUTData = curve.tolist()
    table["LUTData"].VR = table["LUTDescriptor"].VR = "US"
    stored = np.arange(48, dtype=np.uint16).reshape(6, 8)
    window = dict(WindowCenter=1, WindowWidth=2, VOILUTSequence=[table])
    found = opened(drawn_dicoms.drawn(stored, **window))
    np.testing.assert_array_equal(found, curve.reshape(6, 8))


@pytest.mark.parametrize("bits", [8, 16])
def test_a_palette_of_dicom_becomes_rgb(bits):
    colours = np.random.default_rng(0).integers(0, 256, (48, 3))
    stored = np.arange(48, dtype=np.uint8).reshape(6, 8)
    elements = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name, column in zip(("Red", "Green", "Blue"), colours.T, strict=True):
        wide = column.astype(f"<u{bits // 8}") << (bits - 8)
        elements[f"{name}PaletteColorLookupTableDescriptor"] = [48, 0, bits]
        elements[f"{name}PaletteColorLookupTableData"] = wide.tobytes()
    found = opened(drawn_dicoms.drawn(stored, **elements))
    np.testing.assert_array_equal(found, colours.reshape(6, 8, 3))


def test_dicom_colours_come_as_rgb():
    colour = np.stack([LEVELS, LEVELS[::-1], LEVELS[:, ::-1]], axis=-1)
    np.testing.assert_array_equal(opened(drawn_dicoms.drawn(colour)), colour)
    brightness = np.asarray(Image.fromarray(colour).convert("YCbCr"))
    stored = drawn_dicoms.drawn(brightness, PhotometricInterpretation="YBR_FULL")
    np.testing.assert_allclose(opened(stored).astype(int), colour, atol=2)


def test_a_dicom_file_without_its_mark_is_known_by_its_name():
    content = drawn_dicoms.drawn(LEVELS, syntax=uid.ImplicitVRLittleEndian)
    start = content.index(b"\x08\x00\x16\x00")  # after the mark and the meta group
    np.testing.assert_array_equal(opened(content[start:], "old.dcm"), LEVELS)


DEEP_LEVELS = LEVELS.astype(np.uint16) * 16


@pytest.mark.parametrize(
    "content, words",
    [
        (drawn_dicoms.drawn(DEEP_LEVELS), ["stores 16 bits and no window", "as PNG"]),
        (
            drawn_dicoms.drawn(np.stack([LEVELS] * 3)),
            ["holds 3 frames", "from 1 to 3"],
        ),
        (
            drawn_dicoms.drawn(LEVELS, syntax=uid.JPEGLSLossless),
            ["is compressed as JPEG-LS Lossless", "pip install python-gdcm"],
        ),
        (
            drawn_dicoms.drawn(LEVELS, syntax=uid.JPEGBaseline8Bit),  # and is none
            ["cannot be decoded as JPEG Baseline", "pip install python-gdcm"],
        ),
        (drawn_dicoms.drawn(LEVELS, PixelData=None), ["without an image"]),
        (drawn_dicoms.drawn(LEVELS)[:-20], ["is damaged or cut off"]),
        (drawn_dicoms.drawn(LEVELS, Rows=9000, Columns=5000), ["5,000 x 9,000 pix"]),
        (
            drawn_dicoms.drawn(np.zeros((4, 4, 3), np.uint16)),
            ["has colours of 16 bits"],
        ),
        (b"not DICOM", ["no DICOM file, or one without an image"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
@pytest.mark.filterwarnings("ignore")
def test_a_dicom_file_that_does_not_say_how_it_is_seen_is_refused(content, words):
    with official_form.refused("a.dcm ", *words):
        opening.open(content, name="a.dcm")


def test_one_frame_of_a_dicom_file_is_chosen():
    frames = np.stack([LEVELS, LEVELS[::-1]])
    found = opened(drawn_dicoms.drawn(frames), "a.dcm", frame=2)
    np.testing.assert_array_equal(found, LEVELS[::-1])


def test_without_pydicom_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pydicom", None)
    with official_form.refused("a.dcm is a DICOM file", "pip install pydicom"):
        opening.open(drawn_dicoms.drawn(LEVELS), name="a.dcm")


@pytest.mark.parametrize(
    "name, size, known, jpeg, grey",
    [
        ("breast", 28, "seen", None, "cut"),
        ("breast_64", 64, "seen", None, "rounded"),
        ("derma", 28, "likely", 75, "rounded"),
        ("derma_224", 224, "likely", None, "rounded"),
        ("derma_corrected", 28, "likely", 75, "rounded"),
        ("blood", 28, "how is not known", None, "rounded"),
        ("organ_axial", 28, "how is not known", None, "rounded"),
        ("medmnist_phantom/oct", 28, "it was drawn", None, "rounded"),
    ],
)
def test_images_are_prepared_as_the_datasets_own(name, size, known, jpeg, grey):
    variant = catalog.parse(name)
    preparation = preparing.Preparation.of(variant)
    assert (preparation.size, preparation.known) == (size, known)
    recipe = preparation.recipe
    assert (recipe.jpeg, recipe.grey, recipe.crop) == (jpeg, grey, "centre")
    for source in ("1", "L", "RGB"):
        made = preparation(Image.new(source, (90, 61)))
        assert made.shape == variant.image_shape and made.dtype == np.uint8


def test_an_image_that_is_small_already_stays_as_it_is():
    noise = np.random.default_rng(0).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    preparation = preparing.Preparation.of(catalog.parse("derma"))  # whose own are JPEG
    np.testing.assert_array_equal(preparation(Image.fromarray(noise)), noise)


@pytest.mark.parametrize(
    "array", [np.zeros((9, 9)), np.zeros((9, 9, 2), np.uint8), np.zeros(9, np.uint8)]
)
def test_arrays_of_another_form_are_refused(array):
    preparation = preparing.Preparation.of(catalog.parse("breast"))
    with official_form.refused(f"An image is {array.dtype} {array.shape}", "uint8"):
        preparing.of_arrays([array], preparation)


def test_of_a_folder_only_images_are_taken_and_a_bad_one_is_a_sentence(tmp_path):
    for number in range(30):
        Image.new("L", (40, 30), number * 8).save(tmp_path / f"{number:02}.png")
    (tmp_path / "07.png").write_bytes(b"nothing")
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "30").write_bytes(drawn_dicoms.drawn(np.full((5, 5), 240, np.uint8)))
    (tmp_path / "31").write_text("no image either")
    (tmp_path / f"02.png{preparing.EXPLAINED}").write_bytes(b"one of our pictures")
    items, others = preparing.files(tmp_path)
    assert len(items) == 31 and others == 3
    preparation = preparing.Preparation.of(catalog.parse("breast"))
    made = list(preparing.prepare(items, preparation))
    bad = [each for each in made if each.problem]
    assert [each.name.split("/")[-1] for each in bad] == ["07.png"]
    assert "07.png is no image" in bad[0].problem
    for number, each in enumerate(made):
        assert each.problem or (each.image == number * 8).all()


def test_no_more_files_are_held_than_are_being_decoded(tmp_path):
    read, most = [], []
    content = saved(Image.fromarray(LEVELS))

    def item(number: int) -> reading.Item:
        def bytes_() -> bytes:
            read.append(number)
            most.append(len(read) - len(made))
            return content

        return reading.Item(str(number), bytes_, str(number))

    made = []
    preparation = preparing.Preparation.of(catalog.parse("breast"))
    for each in preparing.prepare(map(item, range(500)), preparation):
        made.append(each)
    assert len(made) == 500
    assert max(most) <= 2 * (preparing.os.cpu_count() or 1) + 2
    assert threading.active_count() < 100
