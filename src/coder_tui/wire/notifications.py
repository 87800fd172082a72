"""The notification inbox (`/notifications/inbox`)."""

from __future__ import annotations

from coder_tui.wire.base import ZERO_TIME, ZERO_UUID, Time, WireModel


class InboxAction(WireModel):
    """A link a notification offers; never opened by itself."""

    label: str = ""
    url: str = ""


class InboxNotification(WireModel):
    """One notification. `targets` are ids of the workspace, user or template concerned."""

    id: str = ZERO_UUID
    user_id: str = ZERO_UUID
    template_id: str = ZERO_UUID
    targets: list[str] = []
    title: str = ""
    content: str = ""
    icon: str = ""
    actions: list[InboxAction] = []
    read_at: Time | None = None
    created_at: Time = ZERO_TIME


class Inbox(WireModel):
    """A page of at most 25, newest first."""

    notifications: list[InboxNotification] = []
    unread_count: int = 0


class InboxEvent(WireModel):
    """A frame of the watch, and the answer to a change of the read status."""

    notification: InboxNotification = InboxNotification()
    unread_count: int = 0


class SetRead(WireModel):
    """Body of `PUT /notifications/inbox/{id}/read-status`."""

    is_read: bool = False
