"""The official weights: checkpoints of that form, converted, checked and scored."""

import hashlib
import json
import pathlib

import huggingface_hub
import numpy as np
import pytest
import torch_networks
from torch_networks import one_thread, reference  # noqa: F401

from medmnist_tfds import models, train
from medmnist_tfds.commands import cli
from medmnist_tfds.data import archive, catalog
from medmnist_tfds.models import torch_forward
from medmnist_tfds.process import errors
from medmnist_tfds.score import predictions
from medmnist_tfds.train import official

torch = torch_networks.torch


@pytest.fixture(autouse=True)
def nothing_at_hand(places, monkeypatch, tmp_path):
    """No official file of the user's, unless a test says where one lies."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))


def put(directory, name: str, network, *, is_zip=True) -> pathlib.Path:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"net": network.state_dict()}
    torch.save(content, path, _use_new_zipfile_serialization=is_zip)
    return path


def converted(directory, out, **options) -> official.Imported:
    (found,) = train.import_weights(directory, out=out, **options)
    assert found.reason is None, found.reason
    return found


def of_pytorch(network, images: np.ndarray) -> np.ndarray:
    """Logits, of grey images as RGB where the network takes three channels."""
    channels = network.conv1.weight.shape[1]
    if images.shape[-1] != channels:
        images = images.repeat(channels, axis=-1)
    with torch.no_grad():
        return network(images).numpy()


@pytest.mark.parametrize(
    ("name", "channels", "form"),
    [
        pytest.param(
            *("weights_pneumoniamnist/resnet18_28_1.pth", 3, {"is_zip": False}),
            marks=pytest.mark.slow,
        ),
        ("pneumoniamnist_resnet18_28_2.pth", 1, {}),
    ],
    ids=["as published", "one channel"],
)
def test_a_grey_datasets_network_takes_its_images(name, channels, form, tmp_path):
    network = reference("resnet18", 2, channels)
    file = put(tmp_path / "in", name, network, **form)
    found = converted(tmp_path / "in", tmp_path / "out")
    run = int(file.stem[-1])
    assert found.folder == tmp_path / "out" / f"pneumonia_resnet18-28_{run}"
    images = torch_networks.images(channels=1, examples=8)
    expected = of_pytorch(network, images)
    logits = np.array(models.load(found.folder)(images))
    assert np.abs(logits - expected).max() < 1e-4
    assert 0 < found.difference < 1e-4 and found.scores == {}
    card = huggingface_hub.ModelCard.load(found.folder / "README.md")
    assert hashlib.sha256(file.read_bytes()).hexdigest() in card.text
    assert "Not scored: no official file" in card.text
    assert (card.data.license, card.data.eval_results) == ("other", None)
    assert ("three kernels" in " ".join(card.text.split())) == (channels == 3)
    before = (found.folder / "model.keras").stat().st_mtime_ns
    again = converted(tmp_path / "in", tmp_path / "out")
    assert again == found  # what is there is left as it is
    assert (found.folder / "model.keras").stat().st_mtime_ns == before
    if channels == 3:
        assert "model.tflite" in train.push(found.folder, tmp_path / "to")
        models.load(tmp_path / "to")


def test_official_data_at_hand_are_scored(tmp_path, official_root):
    network = reference("resnet18", 2, 3)
    put(tmp_path / "in", "weights_breastmnist/resnet18_28_3.pth", network)
    out = tmp_path / "out"
    converted(tmp_path / "in", out)
    found = converted(tmp_path / "in", out, manual_dir=official_root)  # scored now
    source = archive.Archive(catalog.parse("breast"), folder=official_root)
    logits = of_pytorch(network, source.images("test"))
    said = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    (path,) = predictions.find(found.folder, split="test")
    np.testing.assert_allclose(predictions.read(path).scores, said, atol=1e-5)
    assert path.name.endswith("@resnet18_28_official3.csv")
    expected = predictions.evaluate(path, folder=official_root)
    assert found.scores["test"] == {"auc": expected.auc, "acc": expected.acc}
    card = huggingface_hub.ModelCard.load(found.folder / "README.md")
    value = card.data.eval_results[0].metric_value
    assert value == pytest.approx(expected.auc, abs=1e-4)
    assert "logits divided by" in card.text and "converted from the" in card.text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
@pytest.mark.parametrize("resolution", [28, 224])
def test_the_four_networks_are_converted(name, resolution, tmp_path):
    network = reference(name, 5, 3, resolution)
    put(tmp_path / "in/retinamnist", f"{name}_{resolution}_1.pth", network)
    found = converted(tmp_path / "in", tmp_path / "out")
    images = torch_networks.images(channels=3)
    logits = np.array(models.load(found.folder)(images))
    assert np.abs(logits - of_pytorch(network, images)).max() < 1e-4


class Trap:
    def __init__(self, target: pathlib.Path):
        self.target = target

    def __reduce__(self):
        return pathlib.Path.touch, (self.target,)


def test_what_cannot_be_read_is_told_with_the_reason(tmp_path, capsys, monkeypatch):
    directory = tmp_path / "in"
    breast, retina = directory / "weights_breastmnist", directory / "retinamnist"
    small = reference("resnet18", 2, 3)
    put(breast, "best_model.pth", small)
    put(directory, "resnet18_28_1.pth", small)
    put(directory, "weights_nodulemnist3d/resnet18_28_1.pth", small)
    (directory / "weights_octmnist.zip").write_bytes(b"PK")
    put(retina, "resnet18_28_2.pth", small)
    put(retina, "resnet50_28_3.pth", small)
    put(retina, "resnet18_224_1.pth", reference("resnet18", 5, 3))
    whole = put(breast, "resnet18_28_4.pth", small).read_bytes()
    (breast / "resnet18_28_4.pth").write_bytes(whole[: len(whole) // 2])
    torch.save({"net": Trap(tmp_path / "sprung")}, breast / "resnet18_28_5.pth")
    broken = reference("resnet18", 2, 3)
    torch.nn.init.constant_(broken.linear.bias, float("nan"))
    put(breast, "resnet18_28_6.pth", broken)
    put(breast, "resnet18_28_7.pth", small)
    monkeypatch.setattr("sys.argv", ["", "import-weights", str(directory)])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli.terminal.CONSOLE, "width", 300)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().out
    table = {
        cells[1].strip(): cells[-2].strip()
        for cells in (line.split("│") for line in said.splitlines() if "│" in line)
    }
    expected = {
        "weights_breastmnist/best_model.pth": "Its name is not known",
        "resnet18_28_1.pth": "not known of which dataset of images",
        "weights_nodulemnist3d/resnet18_28_1.pth": "not known of which dataset of im",
        "weights_octmnist.zip": "It is packed",
        "retinamnist/resnet18_28_2.pth": "linear.weight is (512, 2), expected (512, 5)",
        "retinamnist/resnet50_28_3.pth": "It does not fit resnet50_28",
        "retinamnist/resnet18_224_1.pth": "It does not fit resnet18_224",
        "weights_breastmnist/resnet18_28_4.pth": "cannot be read as a PyTorch check",
        "weights_breastmnist/resnet18_28_5.pth": "It holds code beside its weights",
        "weights_breastmnist/resnet18_28_6.pth": "logits differ from PyTorch's by nan",
        "weights_breastmnist/resnet18_28_7.pth": "breast_resnet18-28_7",
    }
    assert table.keys() == expected.keys() and ended.value.code == 1
    wrong = [name for name, words in expected.items() if words not in table[name]]
    assert not wrong, [table[name] for name in wrong]
    assert "1 of 11 files are in runs/official. Not for clinical use." in said
    assert [p.name for p in (tmp_path / "runs/official").glob("[!.]*")] == [
        "breast_resnet18-28_7"
    ]
    assert not (tmp_path / "sprung").exists()


def test_a_conversion_that_differs_is_not_kept(tmp_path, monkeypatch):
    """As it would if PyTorch, or our networks, came to compute something else."""
    put(tmp_path / "in/breastmnist", "resnet18_28_1.pth", reference("resnet18", 2, 3))
    logits = torch_forward.logits
    monkeypatch.setattr(
        torch_forward, "logits", lambda *of: logits(*of) + np.float32(1e-3)
    )
    (found,) = train.import_weights(tmp_path / "in", out=tmp_path / "out")
    assert "Its logits differ from PyTorch's by 1.0e-03" in found.reason
    assert found.folder is None and not list((tmp_path / "out").glob("[!.]*"))


def test_a_directory_without_checkpoints_is_refused(tmp_path):
    with pytest.raises(errors.MedMNISTError, match="no .pth file in .* unpacked"):
        list(train.import_weights(tmp_path, out=tmp_path / "out"))


def test_a_folder_of_official_weights_is_no_run_that_goes_on(tmp_path):
    put(tmp_path / "in/breastmnist", "resnet18_28_0.pth", reference("resnet18", 2, 3))
    found = converted(tmp_path / "in", tmp_path / "out")
    with pytest.raises(
        errors.MedMNISTError, match="another run: its weights is resnet"
    ):
        train.fit("breast", seed=0, out=found.folder)
    config = json.loads((found.folder / "config.json").read_text())
    assert config["run"]["recipe"]["weights"] == "resnet18_28_0.pth"
