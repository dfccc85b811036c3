"""Prepared data in the format that their reader wants: the other is written beside.

tf.data reads `tfrecord`, and `tfds.data_source` reads `array_record`. Records are the
same in both, so that they are copied; files of both lie in one folder, which TFDS has
"alternative file formats" for. Never decodes an example, and imports TensorFlow only
where tf.data is wanted.
"""

import pathlib
import struct
from collections.abc import Iterator

import filelock
import google_crc32c
import tensorflow_datasets as tfds
from tensorflow_datasets.core import file_adapters

from medmnist_tfds.data import progress
from medmnist_tfds.process import errors, files

Format = file_adapters.FileFormat
_INFO = "dataset_info.json"
_PACKAGES = {Format.TFRECORD: "tensorflow", Format.ARRAY_RECORD: "array_record"}
_AT_ONCE = 64  # records
# Of a TFRecord: its size, the CRC of that, the record, and its CRC.
_SIZE, _CRC = struct.Struct("<Q"), struct.Struct("<I")


def for_tf_data(builder: tfds.core.DatasetBuilder) -> None:
    """Lets `as_dataset` of a prepared builder read; writes files that it needs.

    Raises:
      MedMNISTError: they cannot be written.
    """
    _switch(builder, Format.TFRECORD, Format.with_tf_data())


def for_data_source(builder: tfds.core.DatasetBuilder) -> None:
    """As `for_tf_data`, of `as_data_source`."""
    _switch(builder, Format.ARRAY_RECORD, Format.with_random_access())


def lock(folder: pathlib.Path) -> filelock.FileLock:
    """Held by who writes prepared data, so that two do not at once."""
    return filelock.FileLock(folder.parent / f".{folder.name}.lock")


def _switch(builder, wanted: Format, readable: set[Format]) -> None:
    info, folder = builder.info, builder.data_path
    if not info.splits or info.file_format in readable or "://" in str(folder):
        return  # a bucket's data TFDS has its own words for
    try:
        if wanted.value not in _written(folder):
            with lock(folder):
                _add(info, wanted, folder)
    except (OSError, ImportError) as error:
        said = errors.said_by_system(error) if isinstance(error, OSError) else error
        raise errors.MedMNISTError(
            f"{folder} holds {info.file_format.value} files. What reads them now wants "
            f"{wanted.value}, which could not be written beside them. {said} Expected "
            f"a folder that can be written, and {_PACKAGES[wanted]} installed. Prepare "
            "the data again with another data_dir."
        ) from error
    # Overridden though read from disk: other files of the same splits.
    info.set_file_format(wanted, override=True, override_if_initialized=True)


def _written(folder: pathlib.Path) -> list[str]:
    content = files.read_json(pathlib.Path(folder, _INFO))
    return [content["fileFormat"], *content.get("alternativeFileFormats", ())]


def _add(info, wanted: Format, folder: pathlib.Path) -> None:
    if wanted.value in (written := _written(folder)):
        return  # another process was faster
    total = info.splits.total_num_examples
    text = f"Writing {info.full_name} as {wanted.value}"
    with progress.Bar(total, text=text, unit=" images") as bar:
        for split in info.splits.values():
            for path, count in zip(split.filepaths, split.shard_lengths, strict=True):
                _copy(pathlib.Path(path), count, info.file_format, wanted, bar)
    # TFDS reads data of a version by the first, and `tfds.load` has no choice.
    first, *others = sorted([*written, wanted.value], key=lambda f: f != "tfrecord")
    content = files.read_json(pathlib.Path(folder, _INFO))
    content |= {"fileFormat": first, "alternativeFileFormats": others}
    files.write_json(pathlib.Path(folder, _INFO), content)
    progress.say(f"{info.full_name}: {total:,} images written as {wanted.value}, too")


def _copy(path: pathlib.Path, count: int, old: Format, new: Format, bar) -> None:
    """One file, whole or not at all."""

    def records():
        number = 0
        for number, record in enumerate(_RECORDS[old](path), 1):
            yield number, record
            bar.update()
        if number != count:
            raise errors.MedMNISTError(
                f"{path} has {number} whole records. Expected {count}: it is damaged. "
                "Remove its folder, and prepare the data again."
            )

    name = path.name.replace(old.file_suffix, new.file_suffix)
    with files.replacing(path.with_name(name)) as temporary:
        file_adapters.ADAPTER_FOR_FORMAT[new].write_examples(temporary, records())


def _tfrecords(path: pathlib.Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while head := file.read(_SIZE.size):
            if file.read(_CRC.size) != _masked_crc(head):
                return
            record = file.read(*_SIZE.unpack(head))
            if file.read(_CRC.size) != _masked_crc(record):
                return
            yield record


def _masked_crc(data: bytes) -> bytes:
    """As TensorFlow's documentation of TFRecord has it."""
    crc = google_crc32c.value(data)
    return _CRC.pack(((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _array_records(path: pathlib.Path) -> Iterator[bytes]:
    from array_record.python import array_record_data_source

    with array_record_data_source.ArrayRecordDataSource([str(path)]) as source:
        for start in range(0, len(source), _AT_ONCE):
            stop = min(start + _AT_ONCE, len(source))
            yield from source.__getitems__(range(start, stop))


_RECORDS = {Format.TFRECORD: _tfrecords, Format.ARRAY_RECORD: _array_records}
