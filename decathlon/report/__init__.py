"""The report of a Decathlon: scores recomputed, tables, pictures and one page."""
