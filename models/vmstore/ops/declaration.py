"""What the codecs, generators and minimizers read off an op's class: its fields and their roles."""

import re
from dataclasses import MISSING, dataclass, fields
from types import NoneType
from typing import Any, get_args, get_type_hints

from vmstore.ids import HANDLE_KINDS, HandleKind


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an op. `kind` is set for handles, `type` selects the codec of the others.

    `is_alternative` for a handle that is None unless it is the one given of its op's `ONE_OF`.
    """

    name: str
    type: object
    kind: HandleKind | None
    is_destination: bool
    is_consumed: bool
    is_alternative: bool
    default: object  # MISSING when the text form must name it


@dataclass(frozen=True, slots=True)
class Declaration:
    """One op as data.

    Shape: `destinations`, `handles` and `arguments` split `fields` in declaration order; `handles`
    are the handles the op uses, `arguments` the values that are no handles. Of the `alternatives`
    among the handles exactly one is given.
    """

    name: str
    area: str
    op: type
    doc: str
    fields: tuple[Field, ...]
    destinations: tuple[Field, ...]
    handles: tuple[Field, ...]
    arguments: tuple[Field, ...]
    alternatives: tuple[Field, ...]

    def shapes(self) -> tuple[tuple[Field, ...], ...]:
        """Return the fields that are given together: one tuple per alternative, in their order."""
        if not self.alternatives:
            return (self.fields,)
        return tuple(
            tuple(f for f in self.fields if not f.is_alternative or f is chosen)
            for chosen in self.alternatives
        )

    @property
    def source(self) -> str:
        """The upstream function that the op calls, from its docstring."""
        return _after(self.doc, "Source: ")

    @property
    def vmstore_op(self) -> str:
        """The `VmStore` operation that the op realises, or `none`."""
        return _after(self.doc, "VmStore: ") or "none"

    def make(self, values: dict[str, Any]) -> Any:  # the one untyped seam
        """Build the op from field values. Requires: `values` names every field without default."""
        return self.op(**values)


def _after(doc: str, marker: str) -> str:
    found = re.search(re.escape(marker) + r"([^.]*)", " ".join(doc.split()))
    return found.group(1).strip("` ") if found else ""


def snake_case(name: str) -> str:
    """Return the text name of an op class: `FrameFromUnused` is `frame_from_unused`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def declare(op: type, area: str) -> Declaration:
    """Read the declaration off an op class. Requires: a dataclass of handles and arguments."""
    hints = get_type_hints(op)
    consumed: tuple[str, ...] = getattr(op, "CONSUMES", ())
    one_of: tuple[str, ...] = getattr(op, "ONE_OF", ())
    every = tuple(
        Field(
            name=f.name,
            type=_given(hints[f.name]),
            kind=HANDLE_KINDS.get(_given(hints[f.name])),
            is_destination=f.name.startswith("dst"),
            is_consumed=f.name in consumed,
            is_alternative=f.name in one_of,
            default=f.default,
        )
        for f in fields(op)
    )
    return Declaration(
        name=snake_case(op.__name__),
        area=area,
        op=op,
        doc=op.__doc__ or "",
        fields=every,
        destinations=tuple(f for f in every if f.is_destination),
        handles=tuple(f for f in every if f.kind and not f.is_destination),
        arguments=tuple(f for f in every if f.kind is None),
        alternatives=tuple(f for f in every if f.is_alternative),
    )


def _given(hint: object) -> object:
    """Return the type of a field when it is given: `X` for `X | None`."""
    choices = get_args(hint)
    if NoneType not in choices:
        return hint
    return next(choice for choice in choices if choice is not NoneType)


def is_required(field: Field) -> bool:
    """Return whether the text form must name this field."""
    return field.default is MISSING
