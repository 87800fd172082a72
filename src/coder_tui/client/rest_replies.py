"""How a person answers an agent: over a hub's own routes, or a chat's messages. See `rest`."""

from __future__ import annotations

from coder_tui.client.credentials import Credentials
from coder_tui.client.rest_more import Requests
from coder_tui.wire.chats import ChatPart, SendChat
from coder_tui.wire.replies import Decision, ReplyWays, SendReply


class RestReplies(Requests):
    """The methods, for `RestClient`. Each raises as said there; 404 where the deployment has no such route."""

    credentials: Credentials

    async def reply_ways(self, agent_id: str, app_slug: str) -> ReplyWays:
        """`GET /workspaceagents/{id}/reply` of a hub: what takes an answer besides the terminal."""
        path = f"workspaceagents/{agent_id}/reply"
        return await self._read(ReplyWays, "GET", path, query={"app_slug": app_slug})

    async def send_reply(self, agent_id: str, app_slug: str, content: str) -> None:
        """`POST /workspaceagents/{id}/reply` of a hub: to the app's AgentAPI. 409 while it is busy, 502."""
        body = SendReply(app_slug=app_slug, content=content)
        await self._send("POST", f"workspaceagents/{agent_id}/reply", body)

    async def decide(self, agent_id: str, permission_id: str, behavior: str) -> None:
        """`POST /workspaceagents/{id}/permissions/{permission}` of a hub: `allow` or `deny`. 404: nobody waits."""
        body = Decision(behavior=behavior)
        await self._send("POST", f"workspaceagents/{agent_id}/permissions/{permission_id}", body)

    async def send_chat(self, prefix: str, chat_id: str, text: str) -> None:
        """`POST /api/{prefix}/chats/{chat}/messages`: queued there while the chat is busy."""
        body = SendChat(content=[ChatPart(type="text", text=text)])
        await self._send("POST", f"{self.credentials.url}/api/{prefix}/chats/{chat_id}/messages", body)
