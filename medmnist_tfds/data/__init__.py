"""Facts about the datasets, their official files, TFDS builders, and batches."""
