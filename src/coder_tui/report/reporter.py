"""What a program inside a workspace uses to say how it is doing. Standard library only: this is a hot path.

Endpoints: `PATCH /workspaceagents/me/app-status`, `POST /workspaceagents/me/log-source`,
`PATCH /workspaceagents/me/logs`, `GET /workspaceagents/me/gitsshkey`, and a hub's
`POST /workspaceagents/me/permission`; each with the agent's token in `Coder-Session-Token`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Self
from urllib.parse import urlsplit

from coder_tui.errors import (
    ApiError,
    CoderTuiError,
    ConfigError,
    CredentialsError,
    ProtocolError,
    UnreachableError,
    UsageError,
)
from coder_tui.report.states import cut

_BODY_LIMIT = 1 << 16  # of an answer; what is longer is not one of ours
_INSIDE = "run this inside a workspace, or set CODER_AGENT_URL and CODER_AGENT_TOKEN_FILE"


class Reporter:
    """Reports for one app of one agent over one kept-alive connection. Not for use by several threads at once.

    `url` is the deployment as seen from the workspace, `token` the agent's. `timeout` in seconds bounds each step
    of a request. Every method raises UnreachableError, CredentialsError, ApiError or ProtocolError.
    """

    def __init__(self, url: str, token: str, app: str = "", *, timeout: float = 10.0) -> None:
        url = url.strip()
        try:
            parts = urlsplit(url if url.isascii() and url.isprintable() and " " not in url else "")
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            parts, port = urlsplit(""), 0
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigError("CODER_AGENT_URL is not an http or https address", fix="set it to the deployment's URL")
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            # http.client would quote the value in its own error: say it without
            raise CredentialsError("the agent token is not usable", why="it is empty or holds odd characters")
        self.app = app
        self._token = token
        self._prefix = parts.path.rstrip("/") + "/api/v2"
        self._where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = kind(parts.hostname, port, timeout=timeout)
        self._last: dict[str, tuple[str, str, str, str]] = {}

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ, *, app: str = "", timeout: float = 10.0) -> Self:
        """Credentials as Coder's agent hands them to every process it starts.

        CODER_AGENT_URL; CODER_AGENT_TOKEN or CODER_AGENT_TOKEN_FILE; the slug is `app`, else
        CODER_MCP_APP_STATUS_SLUG. Raises CredentialsError when something is missing or unreadable.
        """
        url = environ.get("CODER_AGENT_URL", "")
        if not url:
            raise CredentialsError("no deployment to report to", why="CODER_AGENT_URL is not set", fix=_INSIDE)
        token, path = environ.get("CODER_AGENT_TOKEN", ""), environ.get("CODER_AGENT_TOKEN_FILE", "")
        if not token and path:
            try:
                with open(path, encoding="utf-8") as file:
                    token = file.read(4096)
            except (OSError, UnicodeDecodeError) as error:
                why = (error.strerror if isinstance(error, OSError) else "") or "not a text file"
                raise CredentialsError(f"cannot read the agent token in {path}", why=why) from None
        if not token.strip():
            raise CredentialsError(
                "no agent token", why="neither CODER_AGENT_TOKEN nor CODER_AGENT_TOKEN_FILE gives one", fix=_INSIDE
            )
        return cls(url, token.strip(), app or environ.get("CODER_MCP_APP_STATUS_SLUG", ""), timeout=timeout)

    def status(
        self,
        state: str,
        message: str,
        link: str = "",
        app: str | None = None,
        *,
        needs: str = "",
        icon: str = "",
    ) -> bool:
        """Report `state` with a one-line `message` (cut to 160 bytes), an optional `link`, and an icon's path.

        `needs`: what a person is needed for (`states.NEEDS`), "" for nothing; Coder hears of `needs_user_attention`.

        False: nothing was sent, because it repeats this reporter's last report for that app.
        """
        slug = self.app if app is None else app
        if not slug:
            raise UsageError("no app to report for", why="CODER_MCP_APP_STATUS_SLUG is not set", fix="name the app")
        report = (state, link, cut(message), needs)
        if self._last.get(slug) == report:
            return False
        body = {
            "app_slug": slug,
            "state": state,
            "message": report[2],
            "uri": link,
            "needs_user_attention": bool(needs),
        }
        if needs and needs != "attention":
            body["needs"] = needs
        if icon:
            body["icon"] = icon
        self._call("PATCH", "/workspaceagents/me/app-status", body)
        self._last[slug] = report
        return True

    def log_source(self, name: str, icon: str = "") -> str:
        """Create a log source named `name` and return its id (a UUID) for `logs`."""
        from uuid import uuid4  # not for a mere status

        source = str(uuid4())
        self._call("POST", "/workspaceagents/me/log-source", {"id": source, "display_name": name, "icon": icon})
        return source

    def logs(self, lines: Iterable[str], level: str = "info", source_id: str = "") -> None:
        """Append `lines` to the agent's log in one batch. `level`: trace, debug, info, warn, error.

        An agent holds 1 MiB; the batch that would exceed it raises ApiError with status 413.
        """
        batch = [{"output": line.encode("utf-8", "replace").decode(), "level": level} for line in lines]
        if batch:
            body: dict[str, object] = {"logs": batch}
            if source_id:
                body["log_source_id"] = source_id
            self._call("PATCH", "/workspaceagents/me/logs", body)

    def git_ssh_key(self) -> tuple[str, str]:
        """The SSH key for Git of the workspace's owner: public line, private PEM."""
        try:
            pair = json.loads(self._call("GET", "/workspaceagents/me/gitsshkey", None, what="to give the key"))
            public, private = pair["public_key"], pair["private_key"]
        except (ValueError, KeyError, TypeError):
            public = private = None
        if not isinstance(public, str) or not isinstance(private, str) or not private:
            raise ProtocolError(f"{self._where} gave no SSH key", why="its answer has no private_key")
        return public, private

    def permission(self, message: str) -> str:
        """Ask at a hub, and wait: `allow`, `deny`, or "" where nobody decides. Coder has no such route (ApiError)."""
        body = {"app_slug": self.app, "message": message}
        answer = self._call("POST", "/workspaceagents/me/permission", body, what="the question")
        try:
            behavior = json.loads(answer)["behavior"]
        except (ValueError, KeyError, TypeError):
            behavior = None
        if not isinstance(behavior, str):
            raise ProtocolError(f"{self._where} gave no decision", why="its answer has no behavior")
        return behavior

    def close(self) -> None:
        """Close the connection; a later call opens a new one."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _call(self, method: str, path: str, body: Mapping[str, object] | None, *, what: str = "the report") -> bytes:
        data = json.dumps(body, separators=(",", ":")).encode() if body is not None else None
        headers = {"Content-Type": "application/json", "Coder-Session-Token": self._token}
        reused = self._connection.sock is not None
        try:
            try:
                status, answer = self._exchange(method, path, data, headers)
            except (ConnectionError, HTTPException):
                # a kept-alive connection may have been closed by the server between two reports: once more, afresh
                if not reused:
                    raise
                self._connection.close()
                status, answer = self._exchange(method, path, data, headers)
        except OSError as error:
            self._connection.close()
            why = error.strerror or str(error) or type(error).__name__
            raise UnreachableError(
                f"cannot reach {self._where}", why=why, fix="check CODER_AGENT_URL and that the deployment runs"
            ) from None
        except HTTPException as error:
            self._connection.close()
            raise ProtocolError(f"{self._where} did not answer in HTTP", why=type(error).__name__) from None
        if not 200 <= status < 300:
            raise self._refusal(status, answer, what)
        return answer

    def _exchange(self, method: str, path: str, data: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
        self._connection.request(method, self._prefix + path, data, headers)
        response: HTTPResponse = self._connection.getresponse()
        answer = response.read(_BODY_LIMIT)
        if not response.isclosed():
            self._connection.close()
        return response.status, answer

    def _refusal(self, status: int, answer: bytes, what: str) -> CoderTuiError:
        """The error for a non-2xx answer, with the server's own words made safe to print."""
        from coder_tui.text import one_line

        try:
            problem = json.loads(answer)
            words = [problem.get("message"), problem.get("detail")]
            words += [fault.get("detail") for fault in problem.get("validations") or []]
        except (ValueError, AttributeError, TypeError):
            words = []
        why = " ".join(dict.fromkeys(one_line(word) for word in words if isinstance(word, str) and word))[:300]
        if status == 401:
            return CredentialsError(
                f"{self._where} refused the agent token",
                why=why.rstrip("."),
                fix="use the token of the workspace's latest build",
            )
        return ApiError(f"{self._where} refused {what} (HTTP {status})", status=status, why=why.rstrip("."))
