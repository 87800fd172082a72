"""Ground rules of the wire: lenient when reading, exact when writing.

Reading: unknown fields are ignored; missing, null and empty mean the same; unknown enum values stay the strings
they are; times have zero to nine fraction digits. Writing: Go's encoder (compact, HTML characters escaped, a
newline at the end), keys left out exactly where Coder leaves them out.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic_core import SchemaValidator, core_schema

from coder_tui.errors import ProtocolError

ZERO_UUID = "00000000-0000-0000-0000-000000000000"
ZERO_TIME = datetime(1, 1, 1, tzinfo=UTC)


_TIMES = SchemaValidator(core_schema.datetime_schema())


def _read_time(value: object) -> object:
    """Read the text here: after a Python function pydantic takes no text for a time where a model is read strictly."""
    if not isinstance(value, str):
        return value
    if not value:
        return ZERO_TIME
    try:
        return _TIMES.validate_python(value)
    except ValidationError:
        raise ValueError("not a time in RFC 3339") from None


def format_time(value: datetime) -> str:
    """RFC 3339 in UTC as Go writes it: no trailing zeros in the fraction, `Z` at the end."""
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    value = value.astimezone(UTC)
    text = value.replace(microsecond=0, tzinfo=None).isoformat()
    fraction = f"{value.microsecond:06d}".rstrip("0")
    return f"{text}.{fraction}Z" if fraction else f"{text}Z"


Time = Annotated[datetime, BeforeValidator(_read_time), PlainSerializer(format_time, return_type=str)]
"""A point in time. Coder's zero value is the year 1: see `ZERO_TIME`."""


class WireModel(BaseModel):
    """Base of every wire type. `OMIT` names the keys that are left out when empty, as Coder does."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)

    OMIT: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _null_means_missing(cls, data: Any) -> Any:
        if isinstance(data, dict) and None in data.values():
            return {key: value for key, value in data.items() if value is not None}
        return data

    @model_serializer(mode="wrap")
    def _omit_empty(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        fields = type(self).model_fields
        for key in self.OMIT:
            # a pointer in Go (default None here) is left out when nil, a plain value when zero
            pointer = key in fields and fields[key].default is None
            if key in data and (data[key] is None or (not data[key] and not pointer)):
                del data[key]
        return data

    @classmethod
    def read(cls, data: bytes | str) -> Self:
        """Parse one JSON value. Raises ProtocolError naming the type and the first faulty fields."""
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise broken(cls.__name__, error) from None


def broken(what: str, error: ValidationError) -> ProtocolError:
    """Turn pydantic's report into one sentence; the input itself is never quoted (it may hold secrets)."""
    faults = [
        f"{'.'.join(map(str, item['loc'])) or 'body'}: {item['msg']}"
        for item in error.errors(include_url=False, include_input=False, include_context=False)[:3]
    ]
    return ProtocolError(f"the server sent an unreadable {what}", why="; ".join(faults))


_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def encode(value: Any) -> bytes:
    """Encode as Go's encoder does: compact, `<>&` and U+2028/9 escaped, one newline at the end."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=_plain)
    return text.translate(_ESCAPES).encode("utf-8", "replace") + b"\n"


def _plain(value: object) -> object:
    if isinstance(value, WireModel):
        return value.model_dump()
    if isinstance(value, datetime):
        return format_time(value)
    raise TypeError(f"not a wire value: {type(value).__name__}")
