"""The site's source, made of what the repository holds. Not installed."""
