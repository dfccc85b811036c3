"""The methods that come with the package: a folder each, and what they share."""
