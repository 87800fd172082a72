"""What a hub tells its own clients beside Coder's API (`/coder-tui/...`): our extension, which Coder does not have.

Standings are what its person said about alerts; refusals are reports the hub could not take.
"""

from __future__ import annotations

from coder_tui.wire.base import ZERO_TIME, ZERO_UUID, Time, WireModel

KINDS = ("ack", "snooze", "mute")


class Standing(WireModel):
    """What a person last said, at `at`, of one alert (`ack`, `snooze`: its event id) or one app (`mute`: workspace id,
    agent and slug with slashes between). `on` false takes it back. A snooze without `until` ends with the next event.
    """

    kind: str = ""
    subject: str = ""
    on: bool = False
    until: Time | None = None
    at: Time = ZERO_TIME


class Refusal(WireModel):
    """`count` reports of an agent for a slug it has no app of, the last at `at`."""

    agent_id: str = ZERO_UUID
    slug: str = ""
    count: int = 0
    at: Time = ZERO_TIME


class Said(WireModel):
    """Body of `PATCH /coder-tui/standings`, and its answer: the same subjects as they stand now."""

    standings: list[Standing] = []


class Shared(WireModel):
    """`GET /coder-tui/shared`, and a frame of its watch: all of it first, then standings that changed."""

    standings: list[Standing] = []
    refusals: list[Refusal] = []
