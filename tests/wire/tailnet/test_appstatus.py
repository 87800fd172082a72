"""The one message that reporters encode by hand, against protobuf's runtime."""

from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from coder_tui.errors import ProtocolError
from coder_tui.wire.tailnet import messages
from coder_tui.wire.tailnet.agentsocket_pb2 import UpdateAppStatusRequest
from coder_tui.wire.tailnet.appstatus import STATES, UPDATE, AppStatus, decode, encode

TEXTS = st.one_of(st.text(max_size=20), st.sampled_from(["x" * 127, "x" * 128, "é" * 200]))
REPORTS = st.tuples(TEXTS, st.sampled_from(STATES), TEXTS, TEXTS).map(lambda parts: AppStatus(*parts))


@given(REPORTS)
def test_the_runtime_writes_the_same_bytes(report: AppStatus) -> None:
    state = UpdateAppStatusRequest.AppStatusState.Value(report.state.upper())
    theirs = UpdateAppStatusRequest(slug=report.slug, state=state, message=report.message, uri=report.uri)
    assert encode(report) == theirs.SerializeToString(deterministic=True)
    assert decode(theirs.SerializeToString()) == report


@given(REPORTS, TEXTS, TEXTS)
def test_fields_of_ours_are_skipped_by_others(report: AppStatus, icon: str, needs: str) -> None:
    ours = report._replace(icon=icon, needs=needs)
    assert decode(encode(ours)) == ours
    theirs = UpdateAppStatusRequest.FromString(encode(ours))
    assert (theirs.slug, STATES[theirs.state], theirs.message, theirs.uri) == report[:4]


@given(st.one_of(st.binary(max_size=40), REPORTS.map(encode).map(lambda data: data[:-1])))
def test_what_the_runtime_cannot_read_is_refused(data: bytes) -> None:
    try:
        theirs = UpdateAppStatusRequest.FromString(data)
    except DecodeError:
        with pytest.raises(ProtocolError):
            decode(data)
        return
    try:
        ours = decode(data)
    except ProtocolError:  # groups, which nobody sends
        assert any(byte & 7 in {3, 4} for byte in data)
        return
    if ours.state in STATES:
        assert (ours.slug, ours.message, ours.uri) == (theirs.slug, theirs.message, theirs.uri)


def test_unknown_states_and_fields() -> None:
    assert decode(b"\x10\x09").state == "9"
    assert decode(b"\x0a\x01a\x0a\x01b") == AppStatus("b")
    assert decode(b"\x29\x00\x00\x00\x00\x00\x00\x00\x00\x35\x00\x00\x00\x00\x38\x01") == AppStatus()
    with pytest.raises(ValueError, match="not in tuple"):
        encode(AppStatus("a", "busy"))
    assert UPDATE == messages.UPDATE_APP_STATUS
