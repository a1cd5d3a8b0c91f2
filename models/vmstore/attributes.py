"""The attributes of the model's classes, for what compares, keeps or hashes whole states."""


def own_attributes(kind: type) -> tuple[str, ...] | None:
    """Return the attributes that a class declares itself, None for one that is not slotted.

    A compiled class has no `__slots__`; it names its attributes, inherited ones too.
    """
    names = kind.__dict__.get("__slots__", kind.__dict__.get("__mypyc_attrs__"))
    return (names,) if isinstance(names, str) else names
