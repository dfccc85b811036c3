"""The data of a Decathlon: on their way while other cells run, without test labels."""

import dataclasses
import io
import pathlib
import time

import numpy as np
import official_form
import small_methods
from rich import console as rich_console

from medmnist_tfds.data import arrays, catalog
from medmnist_tfds.decathlon import exchange
from medmnist_tfds.decathlon import method as methods
from medmnist_tfds.decathlon import run as decathlon

LABELS = {"train": [0, 1, 0, 1, 0], "val": [0, 1], "test": [0, 1, 0]}


def official(monkeypatch, name: str, content: bytes, url: str) -> catalog.Variant:
    """The variant whose official file has that content; the catalog says so too."""
    release = official_form.variant_of(content, name=name, url=url).release
    dataset = dataclasses.replace(catalog.DATASETS[name], releases={"1.0.0": release})
    changed = {**catalog.DATASETS, name: dataset}
    monkeypatch.setattr(catalog, "DATASETS", changed)
    return catalog.variant(name)


@dataclasses.dataclass
class UntilThere:
    """The server's gate: opens when a file is on the disk."""

    path: pathlib.Path
    was_there: bool = False

    def wait(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not self.path.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.was_there = self.path.exists()


def test_a_slow_download_delays_no_cell_of_an_earlier_dataset(
    tmp_path, places, server, monkeypatch
):
    labels = {f"{k}_labels": np.uint8(v)[:, None] for k, v in LABELS.items()}
    content = official_form.npz(official_form.official_arrays(**labels))
    official_form.put(places["root"], content)
    here = official(monkeypatch, "breast", content, server.url)
    url = server.url.replace("breast", "pneumonia")
    late = official(monkeypatch, "pneumonia", content, url)
    server.content, server.answers = content, [404, "whole"]
    first = tmp_path / "out/cells/breast-good-seed0/result.json"
    server.gate = UntilThere(first)
    (folder,) = small_methods.make(tmp_path, "good")
    plan = decathlon.Plan(
        methods=(methods.find(folder),),
        variants=(here, late),
        data_dir=tmp_path / "tfds",
    )
    output = io.StringIO()
    states = decathlon.run(
        plan, tmp_path / "out", console=rich_console.Console(file=output)
    )
    assert server.gate.was_there
    assert states == {"breast-good-seed0": "done", "pneumonia-good-seed0": "done"}


def test_the_file_for_methods_holds_all_but_the_test_labels(tmp_path):
    source = arrays.find(catalog.variant("chest", phantom=True))
    labels = exchange.write_data(tmp_path / "data.npz", source)
    with np.load(tmp_path / "data.npz", allow_pickle=False) as data:
        written = dict(data)
    images = {f"{split}_images" for split in catalog.SPLITS}
    assert set(written) == images | {"train_labels", "val_labels"}
    for split in catalog.SPLITS:
        np.testing.assert_array_equal(written[f"{split}_images"], source.images(split))
        np.testing.assert_array_equal(labels[split], source.labels(split))
    for split in ("train", "val"):
        np.testing.assert_array_equal(written[f"{split}_labels"], labels[split])
        assert written[f"{split}_labels"].dtype == np.uint8
