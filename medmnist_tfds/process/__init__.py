"""The process we run in: its errors, files, memory and terminal."""
