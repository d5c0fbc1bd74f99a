"""What can go wrong while the local stack starts, said in one sentence."""


class LocalError(Exception):
    """A reason the local stack cannot go on; `str()` of it is the sentence the terminal shows."""
