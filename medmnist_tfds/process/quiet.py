"""Keeps TensorFlow's start-up chatter out of a terminal, and warnings of no use.

Never hides an error: what was held back is shown if the import fails. Only the command
line holds back what TensorFlow says: a library must not change its user's environment.
"""

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator

TFDS_DTYPE = "`FeatureConnector.dtype` is"  # TFDS, of its own way to read a volume


@contextlib.contextmanager
def without_warning(*texts: str) -> Iterator[None]:
    """Meanwhile, without TFDS's warnings of what has been asked for."""
    logger = logging.getLogger("absl")

    def is_other(record: logging.LogRecord) -> bool:
        return not any(text in record.getMessage() for text in texts)

    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


@contextlib.contextmanager
def tensorflow() -> Iterator[None]:
    """Import TensorFlow inside: its C++ code writes to file descriptor 2 directly."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held_back:
        os.dup2(held_back.fileno(), 2)
        try:
            yield
        except BaseException:
            held_back.seek(0)
            os.write(kept, held_back.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def tensorflow_search() -> None:
    """Imports TensorFlow, and lets it look for devices, which is as talkative."""
    with tensorflow():
        import tensorflow as tf

        tf.config.list_physical_devices()
