"""AUC and ACC, and the official prediction files."""
