"""Checks answers against an OpenAPI 2.0 document, with what the document does not say from the field tables.

The document gives names and types. The tables (`tests/wire/field-tables.json`) add which keys may be left out, which
may be null, and what came after the document. Enums are open on the wire; a value must be one that either knows.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

Json = Any

TABLES: Json = json.loads((Path(__file__).parent.parent / "wire" / "field-tables.json").read_text())

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_PREFIX = "#/definitions/"
_PACKAGES = ("codersdk", "agentsdk", "workspacesdk")
_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}
LATER = {
    "codersdk.APIKey": {"scopes", "allow_list", "username"},
    "codersdk.SSHConfigResponse": {"hostname_suffix"},
}
"""Fields that came after the seed, or that only lists have, of schemas without a table."""
NULL_BY_TEXT = {("agentsdk.ExternalAuthResponse", "token_extra")}
"""Null by the contract's text, not marked in the tables."""


@cache
def fields_of(schema: str) -> dict[str, Json]:
    """The table's fields of a schema, embedded ones flattened; empty where there is no table."""
    found: dict[str, Json] = {}
    for field in TABLES["schemas"].get(schema, {"fields": []})["fields"]:
        if "embed" in field:
            found |= fields_of(f"codersdk.{field['embed']}")
        else:
            found.setdefault(field["name"], field)
    return found


@cache
def known_values(name: str) -> frozenset[str]:
    """Values of an enum in any release, by the last part of its name."""
    found: set[str] = set()
    for title, values in TABLES["enums"].items():
        if title.split(" ")[0] == name:
            for group in values.values() if isinstance(values, dict) else [values]:
                found |= set(group)
    return frozenset(found)


def gone(field: Json) -> bool:
    """Whether the newest wire has the field no more."""
    return "still on the wire" not in field.get("until", "still on the wire")


def of_table(name: str) -> Json:
    """A definition as the tables have it, where documents leave it out; anything where they do too."""
    if name not in TABLES["schemas"]:
        values = known_values(name.rsplit(".", maxsplit=1)[-1])
        return {"type": "string", "enum": sorted(values)} if values else {}
    properties = {key: _of_type(field["type"]) for key, field in fields_of(name).items() if not gone(field)}
    return {"type": "object", "properties": properties}


def _of_type(kind: str) -> Json:
    """A type of the tables as a schema."""
    if kind.startswith("array<"):
        return {"type": "array", "items": _of_type(kind[6:-1])}
    if kind.startswith("object<"):
        return {"type": "object", "additionalProperties": _of_type(kind[7:-1])}
    word = kind.split(" ", maxsplit=1)[0]
    simple = {
        "any": {},
        "uuid": {"type": "string", "format": "uuid"},
        "rfc3339": {"type": "string", "format": "date-time"},
        **{name: {"type": name} for name in ("string", "integer", "number", "boolean")},
    }
    if word in simple:
        return simple[word]
    package = next((part for part in _PACKAGES if f"{part}.{word}" in TABLES["schemas"]), "codersdk")
    return {"$ref": f"{_PREFIX}{word if '.' in word else f'{package}.{word}'}"}


class Checker:
    """All definitions of one document; the tables stand in for those it has not."""

    def __init__(self, definitions: Json) -> None:
        self._definitions = definitions

    def faults(self, value: Json, schema: Json, where: str = "body") -> Iterator[str]:
        """Every place where the value is not what the schema says."""
        name, schema = self._resolved(schema)
        if name == "uuid.NullUUID":  # the first known error: drawn as an object
            if value is not None and not _is_uuid(value):
                yield f"{where} is neither null nor a UUID: {value!r}"
            return
        kind = schema.get("type")
        if kind is None and "properties" not in schema:
            return  # any value
        expected = _TYPES[kind or "object"]
        if not isinstance(value, expected) or (isinstance(value, bool) and kind != "boolean"):
            yield f"{where} is {type(value).__name__}, documented as {kind}"
        elif isinstance(value, dict):
            yield from self._object(value, name, schema, where)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from self.faults(item, schema.get("items", {}), f"{where}[{index}]")
        elif isinstance(value, str):
            yield from self._text(value, name, schema, where)

    def _resolved(self, schema: Json) -> tuple[str, Json]:
        name = ""
        while True:
            if "allOf" in schema and len(schema["allOf"]) == 1:
                schema = {**schema, **schema["allOf"][0]}
                del schema["allOf"]
            elif "$ref" in schema:
                name = schema["$ref"].removeprefix(_PREFIX)
                schema = self._definitions[name] if name in self._definitions else of_table(name)
            else:
                return name, schema

    def _object(self, value: Json, name: str, schema: Json, where: str) -> Iterator[str]:
        table = fields_of(name)
        properties = schema.get("properties", {})
        documented = _matched(name, properties, value)
        extra = schema.get("additionalProperties")
        for key, item in value.items():
            at = f"{where}.{key}"
            if item is None and (table.get(key, {}).get("nullable") or (name, key) in NULL_BY_TEXT):
                continue
            if key in documented:
                yield from self.faults(item, documented[key], at)
            elif isinstance(extra, dict):
                yield from self.faults(item, extra, at)
            elif key not in table and key not in LATER.get(name, ()) and not extra and properties:
                yield f"{at} is not documented"
        for key in documented.keys() - value.keys():
            field = table.get(key, {})
            if key in schema.get("required", []) or (table and not field.get("omitted_when_empty") and not gone(field)):
                yield f"{where}.{key} is missing"

    def _text(self, value: str, name: str, schema: Json, where: str) -> Iterator[str]:
        kind = schema.get("format")
        if kind == "uuid" and not _is_uuid(value):
            yield f"{where} is no UUID: {value!r}"
        if kind == "date-time" and not _TIME.fullmatch(value):
            yield f"{where} is no time: {value!r}"
        values = set(schema.get("enum", [])) | known_values(name.rsplit(".", maxsplit=1)[-1])
        if name == "codersdk.ProvisionerType" or where.endswith(".provisioner"):
            values.add("echo")  # the fourteenth known error
        if values and value not in values:
            yield f"{where} is {value!r}, none of {sorted(values)}"


def _matched(name: str, properties: Json, value: Json) -> dict[str, Json]:
    """The properties by the names of the wire: the second known error draws DERP's keys in another case."""
    if not name.startswith("tailcfg."):
        return dict(properties)
    lower = {key.lower(): key for key in value}
    return {lower.get(key.lower(), key): schema for key, schema in properties.items()}


def _is_uuid(value: Json) -> bool:
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    except ValueError:
        return False
