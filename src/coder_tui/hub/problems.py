"""Answers that are not a success, as exceptions: raised anywhere below a route, written by the edge."""

from __future__ import annotations

from coder_tui.wire.problems import FieldProblem, Problem


class Refused(Exception):
    """Answer the request with `status` and this error body. Messages are Coder's where it has one."""

    def __init__(
        self,
        status: int,
        message: str,
        detail: str = "",
        *,
        fields: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers or {}
        validations = [FieldProblem(field=field, detail=text) for field, text in (fields or {}).items()]
        self.problem = Problem(message=message, detail=detail, validations=validations)


def not_found() -> Refused:
    """Missing and invisible look the same (404)."""
    return Refused(404, "Resource not found or you do not have access to this resource")


def invalid(**fields: str) -> Refused:
    """Fields of a body that break a rule (400)."""
    return Refused(400, "Validation failed.", fields=fields)


def missing(**values: str) -> dict[str, str]:
    """The faults, for `invalid`, of those required fields that are empty."""
    return {name: 'Validation failed for tag "required" with value: ""' for name, value in values.items() if not value}


def invalid_query(**fields: str) -> Refused:
    """Query parameters that break a rule (400)."""
    return Refused(400, "Query parameters have invalid values.", fields=fields)


def name_taken(name: str) -> Refused:
    """Another workspace has it (409)."""
    rule = "This value is already in use and should be unique."
    return Refused(409, f'Workspace "{name}" already exists.', fields={"name": rule})
