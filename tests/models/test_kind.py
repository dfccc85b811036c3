"""How far an image lies from those of training: of another kind, or not."""

import zipfile

import numpy as np
import official_form
import pytest
from PIL import Image
from sklearn import decomposition, metrics, neighbors

from medmnist_tfds.models import kind


def load(folder, name: str, split: str) -> np.ndarray:
    with np.load(folder / f"{name}mnist.npz") as data:
        images = data[f"{split}_images"]
    return images[..., None] if images.ndim == 3 else images


def blurred(count: int, *, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Bright blobs on the left, each another one."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:28, :28]
    places = random.uniform((8, 4), (20, 12), (count, 2))
    distance = [np.hypot(y - top, x - left) for top, left in places]
    images = 200 * np.exp(-np.square(distance) / 20) + random.normal(20, 5, (28, 28))
    images = images.clip(0, 255).astype(np.uint8)[..., None]
    return np.repeat(images, channels, axis=-1)


@pytest.fixture(scope="module")
def breast(official_root) -> kind.Kind:
    splits = [load(official_root, "breast", split) for split in ("train", "val")]
    return kind.Kind.of(*splits)


def others(folder) -> dict[str, np.ndarray]:
    """Grey images that are no ultrasound."""
    retina = load(folder, "retina", "test")
    grey = [np.asarray(Image.fromarray(image).convert("L")) for image in retina]
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (100, 28, 28, 1), dtype=np.uint8)
    flat = np.repeat(np.arange(0, 256, 4, np.uint8), 784).reshape(-1, 28, 28, 1)
    upright = load(folder, "breast", "test")
    return {
        "retina": np.stack(grey)[..., None],
        "noise": noise,
        "flat": flat,
        "negative": 255 - upright,
        "upside down": upright[:, ::-1],
    }


def test_real_images_of_other_kinds_are_told_from_ultrasound(breast, official_root):
    test = load(official_root, "breast", "test")
    own = breast.nearer(test)
    # With 78 validation images, seven of 156 would be more often than chance has it.
    assert (own >= kind.FAR).mean() < 0.06
    assert 0.3 < np.median(own) < 0.7  # as far as validation images are
    for name, images in others(official_root).items():
        far = np.concatenate([breast.distances(test), breast.distances(images)])
        truth = np.repeat([0, 1], [len(test), len(images)])
        least, share = (0.95, 0.6) if name == "upside down" else (0.98, 0.9)
        assert metrics.roc_auc_score(truth, far) > least, name
        assert (breast.nearer(images) >= kind.FAR).mean() > share, name


def test_distances_are_those_of_scikit_learn():
    images, asked = blurred(200), blurred(40, seed=1)
    found = kind.features(images)
    middle, scale = found.mean(axis=0), found.std(axis=0) + 1e-3
    axes = decomposition.PCA(32, whiten=True, svd_solver="full")
    places = axes.fit_transform((found - middle) / scale)
    nearest = neighbors.NearestNeighbors(n_neighbors=5).fit(places)
    moved = axes.transform((kind.features(asked) - middle) / scale)
    expected = nearest.kneighbors(moved)[0].mean(axis=1)
    made = kind.Kind.of(images, asked).distances(asked)
    np.testing.assert_allclose(made, expected, rtol=0.005)  # of 200 and of 199 images


def test_features_are_layout_and_detail():
    stripes = np.zeros((1, 28, 28, 3), np.uint8)
    stripes[:, ::2, :14] = 255  # on the left half: detail of two pixels, none of four
    colours, fine, coarse = np.split(kind.features(stripes)[0], [147, 196])
    left = np.array(4 * [1] + 3 * [0])  # the part in the middle is half
    left_half = np.array([0.5, 0.5, 0.5, 0.25, 0, 0, 0])
    np.testing.assert_allclose(
        colours.reshape(7, 7, 3), np.broadcast_to(left_half[:, None], (7, 7, 3))
    )
    assert ((np.exp(fine).reshape(7, 7) > 0.1) == left).all()
    assert np.allclose(np.exp(coarse).reshape(7, 7)[:, [0, 1, 2, 4, 5, 6]], 1e-4)


def test_larger_images_are_seen_at_28_pixels():
    images = blurred(60)
    large = images.repeat(8, axis=1).repeat(8, axis=2)
    seen, found = kind.features(images), kind.features(large)
    assert found.shape == seen.shape
    np.testing.assert_allclose(found[:, :49], seen[:, :49], atol=0.02)


def test_a_training_image_lies_nearest_and_noise_farther_than_all():
    images = blurred(200)
    made = kind.Kind.of(images[:150], images[150:])
    near, far = made.distances(images[:150]), made.distances(images[150:])
    assert near.mean() < 0.9 * far.mean()  # each is one of its own five
    noise = np.random.default_rng(0).integers(0, 256, (9, 28, 28, 1), dtype=np.uint8)
    assert (made.nearer(noise) == 1).all()
    farthest = images[150:][made.distances(images[150:]).argmax()]
    assert made.nearer(images[150:]).min() == 0  # nothing is nearer than the nearest
    found = made.nearer(farthest[None])[0]  # nearer are all others, and itself or not
    assert found == pytest.approx(49 / 50, abs=0.021)


def test_what_is_written_is_read_and_small(tmp_path):
    random, features = np.random.default_rng(0), 147 + 98
    shapes = {
        "middle": features,
        "scale": features,
        "axes": (features, 32),
        "training": (kind.IMAGES, 32),
        "validation": kind.IMAGES,
    }
    made = kind.Kind(
        **{name: random.random(shape, np.float32) for name, shape in shapes.items()}
    )
    made.write(tmp_path / kind.NAME)
    assert (tmp_path / kind.NAME).stat().st_size < 500_000
    again = kind.read(tmp_path / kind.NAME, channels=3)
    for name in shapes:
        np.testing.assert_array_equal(getattr(again, name), getattr(made, name))


class Touch:
    """Makes a file beside when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (f"{self.path}.touched", "w")


def _pickled(path) -> None:
    np.savez(path, middle=np.array([Touch(path)], object))


def _cut(path) -> None:
    kind.Kind.of(blurred(20), blurred(9)).write(path)
    path.write_bytes(path.read_bytes()[:-99])


def _of_colours(path) -> None:
    kind.Kind.of(blurred(20, channels=3), blurred(9, channels=3)).write(path)


def _lacking(path) -> None:
    with zipfile.ZipFile(path, "w"):
        pass


@pytest.mark.parametrize("spoil", [_pickled, _cut, _of_colours, _lacking])
def test_a_damaged_file_is_refused_and_no_code_in_it_runs(tmp_path, spoil):
    path = tmp_path / kind.NAME
    spoil(path)
    with official_form.refused(f"{path} does not say what training", "delete this"):
        kind.read(path, channels=1)
    assert [each.name for each in tmp_path.iterdir()] == [kind.NAME]
