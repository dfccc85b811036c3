"""The one exception of the package: its message is all that a user needs.

Never raised for a mistake of our own; the command line prints it without a traceback.
"""


class MedMNISTError(ValueError):
    """What happened, what was expected, and what to do."""
