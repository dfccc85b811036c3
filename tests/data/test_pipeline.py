"""Batches: every example, one shape, the same order for the same seed everywhere."""

import hashlib

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from medmnist_tfds.data import pipeline, shuffle
from medmnist_tfds.process import errors


@pytest.fixture(params=["in memory", "streamed"])
def limit(request) -> int:
    return pipeline.MEMORY_LIMIT if request.param == "in memory" else 0


def rows(batches) -> list[bytes]:
    """Each image as bytes: equal images are equal rows."""
    return [image.tobytes() for images, *_ in batches for image in images.numpy()]


def test_order_is_the_same_on_every_machine():
    # Pinned: a change of NumPy, or of `order`, must not change anyone's results.
    digest = hashlib.sha256(shuffle.order(1000, seed=3, epoch=7).tobytes()).hexdigest()
    assert digest == "bc88a38d339cfd610bf3b2f1bda69293afee336dadc0aa218af8fdcbceb44f64"


def test_order_is_a_permutation_that_changes_with_seed_and_epoch():
    orders = [shuffle.order(500, seed=s, epoch=e) for s in (0, 1) for e in (0, 1)]
    assert all(sorted(order) == list(range(500)) for order in orders)
    assert len({order.tobytes() for order in orders}) == 4


def test_each_example_is_used_once_per_epoch_over_full_batches(phantom, limit):
    split = pipeline.Split(phantom("breast"), "val", memory_limit=limit)  # 200 images
    assert split.in_memory == (limit > 0) and split.steps(64) == 4
    batches = list(split.train_batches(64, seed=0).take(25))  # 8 epochs
    assert {images.shape[0] for images, _ in batches} == {64}
    seen = rows(batches)
    every = sorted(rows(split.eval_batches(200)))
    epochs = [seen[i : i + 200] for i in range(0, 1600, 200)]
    assert all(sorted(epoch) == every for epoch in epochs)
    assert all(a != b for a, b in zip(epochs, epochs[1:], strict=False))


def test_labels_stay_with_their_images(phantom, limit):
    split = pipeline.Split(phantom("oct"), "test", memory_limit=limit)
    images = pipeline.Split(phantom("oct"), "test").images
    label_of = dict(zip([i.tobytes() for i in images], split.labels, strict=True))
    for images, labels in split.train_batches(50, seed=1).take(4):
        for image, label in zip(images.numpy(), labels.numpy(), strict=True):
            assert label_of[image.tobytes()] == label


def test_the_same_seed_gives_the_same_batches_and_another_does_not(phantom, limit):
    split = pipeline.Split(phantom("breast"), "val", memory_limit=limit)
    one, same, other = (
        rows(split.train_batches(32, seed=s).take(9)) for s in (5, 5, 6)
    )
    assert one == same != other


def test_training_goes_on_at_any_step(phantom, limit):
    split = pipeline.Split(phantom("breast"), "val", memory_limit=limit)
    whole = rows(split.train_batches(48, seed=2).take(12))
    rest = rows(split.train_batches(48, seed=2, first_step=7).take(5))
    assert rest == whole[7 * 48 :]


def test_the_order_does_not_depend_on_tensorflows_global_seed(phantom, limit):
    split = pipeline.Split(phantom("breast"), "val", memory_limit=limit)
    batches = []
    for seed in (1, 2):
        tf.random.set_seed(seed)
        batches.append(rows(split.train_batches(32, seed=5).take(9)))
    assert batches[0] == batches[1]


def test_rows_are_read_in_the_order_asked_for(phantom, limit):
    split = pipeline.Split(phantom("oct"), "val", memory_limit=limit)
    index = np.array([150, 3, 7])
    whole = pipeline.Split(phantom("oct"), "val").images
    np.testing.assert_array_equal(split.rows(index), whole[index])


def test_images_beyond_the_limit_are_not_read_into_memory(phantom):
    split = pipeline.Split(phantom("breast"), "val", memory_limit=0)
    with pytest.raises(errors.MedMNISTError, match="156,800 bytes, more than"):
        _ = split.images


def test_data_that_are_not_prepared_are_refused(tmp_path):
    name = "medmnist_phantom/breast"
    with pytest.raises(errors.MedMNISTError, match="Call builder.download_and_prepare"):
        pipeline.Split(tfds.builder(name, data_dir=tmp_path), "train")


def test_a_batch_may_be_larger_than_the_split(phantom, limit):
    split = pipeline.Split(phantom("breast"), "val", memory_limit=limit)
    images, labels = next(iter(split.train_batches(512, seed=0)))
    assert images.shape == (512, 28, 28, 1) and labels.shape == (512,)
    assert split.steps(512) == 1


@pytest.mark.parametrize("batch_size", [64, 100, 200, 256])
def test_evaluation_keeps_the_order_and_counts_each_example_once(
    phantom, limit, batch_size
):
    split = pipeline.Split(phantom("chest"), "val", memory_limit=limit)
    whole = pipeline.Split(phantom("chest"), "val")
    images, labels, weights = (
        np.concatenate(part)
        for part in zip(
            *split.eval_batches(batch_size).as_numpy_iterator(), strict=True
        )
    )
    assert len(images) % batch_size == 0 and weights.sum() == 200
    np.testing.assert_array_equal(images[weights == 1], whole.images)
    np.testing.assert_array_equal(labels[weights == 1], whole.labels)
    assert (weights[200:] == 0).all()


def test_shapes_are_static_so_that_nothing_is_traced_twice(phantom, limit):
    split = pipeline.Split(phantom("chest"), "val", memory_limit=limit)
    train, evaluation = split.train_batches(64, seed=0), split.eval_batches(64)
    for spec in (*train.element_spec, *evaluation.element_spec):
        assert spec.shape.is_fully_defined() and spec.shape[0] == 64
    assert train.cardinality() == tf.data.INFINITE_CARDINALITY


def test_arrays_of_a_split_are_copies_that_no_one_can_write_to():
    images, labels = np.zeros((4, 2, 2, 1), np.uint8), np.arange(4)
    split = pipeline.Split.from_arrays(images, labels, name="train")
    images[:], labels[:] = 9, 0
    for array in (split.images, split.labels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    for batch, numbers in split.train_batches(4, seed=0).take(1):
        assert not batch.numpy().any() and sorted(numbers.numpy()) == [0, 1, 2, 3]


def test_arrays_may_have_the_form_of_the_official_files():
    images, labels = np.arange(64, dtype=np.uint8).reshape(4, 4, 4), np.eye(4)[:, :1]
    split = pipeline.Split.from_arrays(images, labels.astype("u1"), name="train")
    np.testing.assert_array_equal(split.images, images[..., None], strict=True)
    np.testing.assert_array_equal(split.labels, [1, 0, 0, 0], strict=True)
    batch, numbers = next(iter(split.train_batches(4, seed=0)))
    assert batch.shape == (4, 4, 4, 1) and numbers.shape == (4,)


@pytest.mark.parametrize("shape", [(4, 6, 6, 6), (4, 6, 6, 6, 1), (4, 3, 5, 6, 2)])
def test_arrays_may_be_volumes_and_grey_cubes_as_in_the_official_files(shape):
    volumes = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
    split = pipeline.Split.from_arrays(volumes, np.arange(4), name="train")
    wanted = volumes if volumes.ndim == 5 else volumes[..., None]
    np.testing.assert_array_equal(split.images, wanted, strict=True)
    for batch, numbers in split.train_batches(4, seed=0).take(1):
        np.testing.assert_array_equal(batch, wanted[numbers.numpy()], strict=True)


def test_arrays_of_a_prepared_split_cannot_be_written_to(phantom, limit):
    split = pipeline.Split(phantom("breast"), "val", memory_limit=limit)
    assert not split.labels.flags.writeable
    if split.in_memory:
        assert not split.images.flags.writeable


IMAGES = np.zeros((3, 4, 4, 1), np.uint8)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES.tolist(), [0, 1, 2], r"images of train is int64 \(3, 4, 4, 1\).*uint8"),
        (IMAGES.astype(str), [0, 1, 2], "images of train is <U"),
        (IMAGES.astype("f4"), [0, 1, 2], "images of train is float32.*uint8"),
        (IMAGES[:, :0], [0, 1, 2], r"images of train is uint8 \(3, 0, 4, 1\)"),
        (IMAGES[:0], [], r"uint8 \(0, 4, 4, 1\).*at least one"),
        (IMAGES, [0, 1], "3 images and 2 labels of train.*a label for each"),
        (IMAGES, ["a", "b", "c"], "labels of train is <U1.*class numbers"),
        (IMAGES, np.array([0, None, 1]), "labels of train is object"),
        (IMAGES, [[0], [1, 2], [3]], "labels of train cannot be made an array"),
        (IMAGES, [0, np.nan, 1], "labels of train has nan among them"),
        (IMAGES, [0, -1, 1], "labels of train has -1 among them"),
        (IMAGES, [0, 0.5, 1], "labels of train has 0.5 among them"),
        (IMAGES, [[0, 1], [1, 0], [1, 2]], "labels of train has 2 among them"),
        (IMAGES, np.zeros((3, 2, 1)), r"labels of train is float64 \(3, 2, 1\)"),
    ],
)
def test_arrays_that_are_no_images_with_labels_are_refused(images, labels, message):
    with pytest.raises(errors.MedMNISTError, match=message):
        pipeline.Split.from_arrays(images, labels, name="train")


@pytest.mark.parametrize(
    ("method", "arguments", "message"),
    [
        ("eval_batches", {"batch_size": 0}, "batch_size is 0.*from 1 to"),
        ("eval_batches", {"batch_size": -1}, "batch_size is -1"),
        ("steps", {"batch_size": 0}, "batch_size is 0"),
        ("train_batches", {"batch_size": 0, "seed": 0}, "batch_size is 0"),
        ("train_batches", {"batch_size": 2.0, "seed": 0}, "batch_size is 2.0"),
        ("train_batches", {"batch_size": 2, "seed": 2**70}, f"seed is {2**70}"),
        ("train_batches", {"batch_size": 2, "seed": None}, "seed is None"),
        (
            "train_batches",
            {"batch_size": 2, "seed": 0, "first_step": -1},
            "first_step is -1",
        ),
        ("rows", {"index": [0, 200]}, "index is .*row numbers from 0 to 199"),
        ("rows", {"index": []}, "at least one"),
    ],
)
def test_batches_that_cannot_be_made_are_refused_at_once(
    phantom, limit, method, arguments, message
):
    split = pipeline.Split(phantom("breast"), "val", memory_limit=limit)
    with pytest.raises(errors.MedMNISTError, match=message):
        getattr(split, method)(**arguments)


def test_what_is_no_builder_is_refused():
    with pytest.raises(errors.MedMNISTError, match="A str is no TFDS builder"):
        pipeline.Split("medmnist_phantom/breast", "train")


def test_batches_do_without_the_tuner_for_whose_sleep_a_fit_would_wait():
    images = np.zeros((3, 4, 4, 1), np.uint8)
    split = pipeline.Split.from_arrays(images, np.zeros(3), name="train")
    for batches in (split.train_batches(2, seed=0), split.eval_batches(2)):
        assert batches.options().autotune.enabled is False
