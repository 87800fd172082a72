"""What every answer of the hub looks like, whatever was asked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

GO_ESCAPES = (b"<", b">", b"&")


def faults_of(status: int, headers: Mapping[str, str], body: bytes) -> Iterator[str]:
    """What is wrong with an answer. Header names are lower-case."""
    kind = headers.get("content-type", "")
    if status >= 500:
        yield f"status {status}"
    if not headers.get("x-coder-build-version", "").startswith("v0.0.0-"):
        yield "no X-Coder-Build-Version"
    if headers.get("x-content-type-options") != "nosniff":
        yield "no nosniff"
    if "html" in kind or b"<html" in body.lower():
        yield "a web page"
    if b"Traceback" in body:
        yield "a traceback"
    if status == 426:
        if not kind.startswith("text/plain"):
            yield f"426 as {kind}"
    elif status >= 400:
        yield from _problem(kind, body)


def _problem(kind: str, body: bytes) -> Iterator[str]:
    if kind != "application/json; charset=utf-8":
        yield f"an error as {kind or 'nothing'}"
    if not body.endswith(b"}\n") or any(sign in body for sign in GO_ESCAPES):
        yield "not encoded as Go does"
    try:
        problem = json.loads(body)
    except ValueError:
        yield f"an error body that is no JSON: {body[:80]!r}"
        return
    if not isinstance(problem, dict) or not isinstance(problem.get("message"), str) or not problem["message"]:
        yield f"an error body without a message: {body[:80]!r}"
        return
    if problem.keys() - {"message", "detail", "validations"}:
        yield f"unknown members {problem.keys()}"
    if problem.get("detail", "x") == "" or not isinstance(problem.get("detail", ""), str):
        yield "detail is empty or no string"
    validations = problem.get("validations", [None])
    if not isinstance(validations, list) or not validations:
        yield "validations is empty or no array"
    elif validations != [None] and any(set(entry) != {"field", "detail"} for entry in validations):
        yield f"validations are {validations}"
