"""Chats of Coder Agents (`/api/experimental/chats`, later also `/api/v2/chats`): experimental, so read most leniently.

What tells how a chat is doing, and what a person says to it; the other messages are none of our business. Source:
`codersdk` and the public "Chats API" documentation of v2.32 and later.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator

from coder_tui.wire.base import ZERO_TIME, ZERO_UUID, Time, WireModel


class ChatStatus(StrEnum):
    """Known statuses of any release. The wire may carry others: fields are plain strings."""

    WAITING = "waiting"  # for the next message: the turn is over
    PENDING = "pending"  # queued
    RUNNING = "running"
    INTERRUPTING = "interrupting"
    PAUSED = "paused"
    COMPLETED = "completed"
    REQUIRES_ACTION = "requires_action"
    ERROR = "error"


class ChatError(WireModel):
    """Why a chat is in status `error`."""

    message: str = ""
    detail: str = ""
    kind: str = ""


def _error(value: object) -> object:
    return {"message": value} if isinstance(value, str) else value  # releases before the structured error


class Chat(WireModel):
    """One chat. `parent_chat_id` is set for a sub-agent's; `last_turn_summary` is about the last finished turn."""

    id: str = ZERO_UUID
    owner_id: str = ZERO_UUID
    workspace_id: str = ""
    parent_chat_id: str = ""
    title: str = ""
    status: str = ""
    last_error: Annotated[ChatError, BeforeValidator(_error)] = ChatError()
    last_turn_summary: str = ""
    created_at: Time = ZERO_TIME
    updated_at: Time = ZERO_TIME
    archived: bool = False


class ChatPart(WireModel):
    """A part of a message (`codersdk.ChatInputPart`); `type` `text` is the only one we send."""

    type: str = ""
    text: str = ""


class SendChat(WireModel):
    """Body of `POST /chats/{chat}/messages`."""

    content: list[ChatPart] = []


class ChatToolCall(WireModel):
    """What a chat in `requires_action` waits for."""

    tool_call_id: str = ""
    tool_name: str = ""


class ChatWatchEvent(WireModel):
    """One event of the watch: `created`, `deleted`, `status_change`, `title_change`, `action_required`, and others."""

    kind: str = ""
    chat: Chat = Chat()
    tool_calls: list[ChatToolCall] = []


class ChatFrame(ChatWatchEvent):
    """One frame of `chats/watch`: the event itself, or (first releases) `{"type": "data", "data": event}`."""

    type: str = ""
    data: ChatWatchEvent | None = None

    @property
    def event(self) -> ChatWatchEvent | None:
        """The event in it; None for a ping or an error frame."""
        found = self if self.kind else self.data
        return found if found is not None and found.kind and found.chat.id != ZERO_UUID else None
