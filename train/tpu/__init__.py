"""A training step, compiled for TPUs by their own compiler, where there is none."""
