"""Small archives in the original layouts, of drawn images, and official files of them.

Never pretends to be real: every image is a smooth random one.
"""

import csv
import dataclasses
import functools
import hashlib
import io
import pathlib
import tarfile
import zipfile

import numpy as np
from PIL import Image

from medmnist_tfds.data import catalog
from medmnist_tfds.sources import archives, recipes

SPLITS = {"train": 7, "val": 2, "test": 3}
COUNT = sum(SPLITS.values())
NAMES = ("path", "chest", "derma", "oct", "pneumonia", "retina", "breast")


@dataclasses.dataclass(frozen=True)
class Drawn:
    """An archive, the official file, and what a manifest of them has to say.

    `truth` maps (split, index) to the source's name and some of its facts.
    """

    sources: list[pathlib.Path]
    official: pathlib.Path
    truth: dict[tuple[str, int], dict[str, str]]


def picture(seed, size=(90, 70), *, channels=1) -> Image.Image:
    """Smooth, and unlike any other: width and height are those asked for."""
    shape = (9, 9) if channels == 1 else (9, 9, channels)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    return Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)


def content(image: Image.Image, name: str) -> bytes:
    """The image as a file of the format that the name says."""
    file = io.BytesIO()
    form = {"tif": "TIFF", "jpg": "JPEG", "jpeg": "JPEG", "png": "PNG"}
    image.save(file, form[name.rsplit(".")[-1]])
    return file.getvalue()


def table(rows: list[dict]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def write_npz(path: pathlib.Path, images, labels) -> None:
    """In the official form: the first rows are train, then val, then test."""
    arrays, start = {}, 0
    for split, count in SPLITS.items():
        arrays[f"{split}_images"] = np.stack(images[start : start + count])
        arrays[f"{split}_labels"] = np.array(labels[start : start + count], np.uint8)
        start += count
    np.savez(path, **arrays)


def official(folder, name, files, labels, recipe: recipes.Recipe, *, size=28):
    """Writes `official.npz` of the files, in an order of its own; and that order."""
    order = np.random.default_rng(5).permutation(len(files))
    names = list(files)
    images = []
    for place in order:
        with Image.open(io.BytesIO(files[names[place]])) as image:
            images.append(recipe(image, size))
    path = pathlib.Path(folder) / "official.npz"
    write_npz(path, images, [labels[place] for place in order])
    places = [(split, i) for split, count in SPLITS.items() for i in range(count)]
    return path, {
        place: names[number] for place, number in zip(places, order, strict=True)
    }


def archive(name: str, folder: pathlib.Path) -> Drawn:
    """One of NAMES."""
    files, labels, facts, extra = layout(name)
    sources = _packed(folder / "archive", {**files, **extra})
    facts_of = dict(zip(files, facts, strict=True))
    path, truth = official(folder, name, files, labels, archives.ARCHIVES[name].recipe)
    known = {place: facts_of[source] for place, source in truth.items()}
    return Drawn(sources, path, known)


def as_official(monkeypatch, name: str, path: pathlib.Path) -> pathlib.Path:
    """Makes a file of SPLITS the official one of release 1.0.0; its folder."""
    real = catalog.DATASETS[name]
    release, md5 = real.releases["1.0.0"], hashlib.md5(path.read_bytes()).hexdigest()
    files = {28: dataclasses.replace(release.files[28], md5=md5)}
    release = dataclasses.replace(release, splits=SPLITS, files=files)
    dataset = dataclasses.replace(real, releases={"1.0.0": release})
    monkeypatch.setattr(catalog, "DATASETS", {**catalog.DATASETS, name: dataset})
    path.rename(path.with_name(release.files[28].name))
    return path.parent


def layout(name: str):
    """Files by path, labels, facts of each, and other files; as often as asked for."""
    return tuple(part.copy() for part in _drawn(name))


@functools.cache
def _drawn(name: str):
    return _LAYOUTS[name]()


def _packed(folder: pathlib.Path, files: dict[str, bytes]) -> list[pathlib.Path]:
    """Writes `a.zip/b/c.png` into an archive a.zip, and `b/c.png` into the folder."""
    groups: dict[str, dict[str, bytes]] = {}
    for name, data in files.items():
        top, _, inner = name.partition("/")
        is_packed = top.endswith((".zip", ".tar.gz"))
        groups.setdefault(top if is_packed else "", {})[
            inner if is_packed else name
        ] = data
    for top, members in groups.items():
        path = folder / top
        (path.parent if top else path).mkdir(parents=True, exist_ok=True)
        if top.endswith(".zip"):
            write_zip(path, members)
        elif top:
            write_tar(path, members)
        else:
            write_folder(path, members)
    return [folder]


def write_zip(path: pathlib.Path, members: dict[str, bytes]) -> pathlib.Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def write_tar(path: pathlib.Path, members: dict[str, bytes]) -> pathlib.Path:
    with tarfile.open(path, "w:gz") as file:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            file.addfile(entry, io.BytesIO(data))
    return path


def write_folder(path: pathlib.Path, members: dict[str, bytes]) -> pathlib.Path:
    for name, data in members.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def _labels(name: str) -> list[int]:
    """A label for each image; all classes that there is room for."""
    return [i % catalog.DATASETS[name].num_labels for i in range(COUNT)]


def _path():
    labels, codes = _labels("path"), list(archives.ARCHIVES["path"].labels)
    files, facts = {}, []
    for i, label in enumerate(labels):
        test, letters = i >= 9, "AAAFLC" + chr(65 + i) + "Y"
        top = "CRC-VAL-HE-7K" if test else "NCT-CRC-HE-100K"
        inner = f"{codes[label]}/{codes[label]}-{'TCGA-' if test else ''}{letters}.tif"
        image = picture([1, i], (224, 224), channels=3)
        files[f"{top}.zip/{top}/{inner}"] = content(image, inner)
        facts.append({"source": inner, "series": top, "label": codes[label]})
    return files, [[label] for label in labels], facts, {}


def _chest():
    codes = [c for c in archives.ARCHIVES["chest"].labels if c != "No Finding"]
    files, labels, facts, rows = {}, [], [], []
    for i in range(COUNT):
        name = f"{i // 2 + 1:08}_{i % 2:03}.png"
        found = [] if i % 3 == 0 else [i % 14, (i * 5 + 1) % 14]
        label = "|".join(codes[k] for k in found) or "No Finding"
        top = f"images_{1 + i % 2:03}.tar.gz"
        files[f"{top}/images/{name}"] = content(picture([2, i], (1024, 1024)), name)
        labels.append([int(k in found) for k in range(14)])
        row = {"Image Index": name, "Finding Labels": label, "Patient ID": i // 2 + 1}
        row |= {"Patient Age": 40 + i, "Patient Gender": "FM"[i % 2]}
        rows.append(row | {"View Position": ("PA", "AP")[i % 2]})
        facts.append(
            {"source": name, "label": label, "patient": name[:8], "age": str(40 + i)}
            | {"sex": "FM"[i % 2], "view": ("PA", "AP")[i % 2], "series": name[9:12]}
        )
    return files, labels, facts, {"Data_Entry_2017_v2020.csv": table(rows)}


def _derma():
    labels, codes = _labels("derma"), list(archives.ARCHIVES["derma"].labels)
    files, facts, rows = {}, [], []
    for i, label in enumerate(labels):
        name, lesion = f"ISIC_{24306 + i:07}.jpg", f"HAM_{i // 2:07}"
        image = picture([3, i], (600, 450), channels=3)
        files[f"HAM10000_images_part_{1 + i % 2}.zip/{name}"] = content(image, name)
        row = {"lesion_id": lesion, "image_id": name[:-4], "dx": codes[label]}
        row |= {"dx_type": "histo", "age": 50.0 + i, "sex": "male"}
        rows.append(row | {"localization": "back"})
        facts.append({"source": name, "lesion": lesion, "label": codes[label]})
        facts[-1] |= {"age": str(50.0 + i), "site": "back", "confirmed": "histo"}
    return files, [[k] for k in labels], facts, {"HAM10000_metadata": table(rows)}


def _oct():
    labels, codes = _labels("oct"), list(archives.ARCHIVES["oct"].labels)
    files, facts = {}, []
    for i, label in enumerate(labels):
        part, code = ("test" if i >= 9 else "train"), codes[label]
        inner = f"{part}/{code}/{code}-{1016042 + i}-{i + 1}.jpeg"
        image = picture([4, i], (112 + 2 * i, 96 - i))
        files[f"OCT2017.tar.gz/OCT2017/{inner}"] = content(image, inner)
        facts.append({"source": inner, "patient": str(1016042 + i), "label": code})
    return files, [[label] for label in labels], facts, {}


def _pneumonia():
    labels, files, facts = _labels("pneumonia"), {}, []
    for i, label in enumerate(labels):
        part = "test" if i >= 9 else "train"
        kind = ("bacteria", "virus")[i % 4 // 2]
        inner = f"{part}/PNEUMONIA/person{i}_{kind}_{i + 3}.jpeg"
        if not label:
            inner = f"{part}/NORMAL/NORMAL2-IM-{i:04}-0001.jpeg"
        image = picture([5, i], (200 + i, 151), channels=3 if i == 5 else 1)
        files[f"ChestXRay2017.zip/chest_xray/{inner}"] = content(image, inner)
        known = {"patient": str(i), "finding": kind} if label else {}
        facts.append({"source": inner, "series": part, **known})
    return files, [[label] for label in labels], facts, {}


def _retina():
    labels, files, facts = _labels("retina"), {}, []
    rows: dict[str, list[dict]] = {"training": [], "validation": []}
    for i, label in enumerate(labels):
        part, eye = ("validation" if i >= 9 else "training"), "lr"[i % 2]
        name = f"{i // 4}_{eye}{1 + i % 4 // 2}" if i < 9 else f"{265 + i}_{eye}1"
        folder = f"regular_fundus_images/regular-fundus-{part}"
        inner = f"regular-fundus-{part}/Images/{name.split('_')[0]}/{name}.jpg"
        image = picture([6, i], (140 + i, 130), channels=3)
        files[f"regular_fundus_images/{inner}"] = content(image, inner)
        row = {"patient_id": name.split("_")[0], "image_id": name, "Overall quality": 1}
        row |= {f"{e}_eye_DR_Level": "" for e in ("left", "right")}
        word = {"l": "left", "r": "right"}[eye]
        rows[part].append(row | {f"{word}_eye_DR_Level": label})
        facts.append({"source": inner, "eye": word, "patient": name.split("_")[0]})
    extra = {
        f"regular_fundus_images/regular-fundus-{p}/regular-fundus-{p}.csv": table(
            rows[p]
        )
        for p in rows
    }
    other = f"{folder[:22]}Online-Challenge1&2-Evaluation/Images/1/1_l1.jpg"
    extra[other] = content(picture([6, 99], channels=3), other)
    return files, [[label] for label in labels], facts, extra


def _breast():
    kinds = ["malignant", "normal", "benign"]
    files, labels, facts, extra = {}, [], [], {}
    for i in range(COUNT):
        kind = kinds[i % 3]
        inner = f"{kind}/{kind} ({i + 1}).png"
        image = picture([7, i], (150 + i, 121 + 2 * i), channels=3)
        files[f"Dataset_BUSI_with_GT/{inner}"] = content(image, inner)
        mask = f"Dataset_BUSI_with_GT/{inner[:-4]}_mask.png"
        extra[mask] = content(picture([7, i, 1]), mask)
        labels.append([int(kind != "malignant")])
        facts.append({"source": inner, "label": kind})
    return files, labels, facts, extra


_LAYOUTS = {
    "path": _path,
    "chest": _chest,
    "derma": _derma,
    "oct": _oct,
    "pneumonia": _pneumonia,
    "retina": _retina,
    "breast": _breast,
}
