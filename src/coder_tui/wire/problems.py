"""Error bodies (`codersdk.Response`, `codersdk.ValidationError`)."""

from __future__ import annotations

from coder_tui.wire.base import WireModel


class FieldProblem(WireModel):
    """One field that failed (`codersdk.ValidationError`)."""

    field: str = ""
    detail: str = ""


class Problem(WireModel):
    """The error body of every non-2xx answer. `message` is for people, `detail` for developers."""

    OMIT = frozenset({"detail", "validations"})

    message: str = ""
    detail: str = ""
    validations: list[FieldProblem] = []
