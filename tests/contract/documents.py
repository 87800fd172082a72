"""Coder's OpenAPI documents, where they are at hand, and where they are known to be wrong.

`CODER_OPENAPI` names files or a directory of them (OpenAPI 2.0). They are Coder's, under another licence: this
repository holds no part of them.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.contract.endpoint import Row
from tests.contract.rows import ROWS

Json = Any
Key = tuple[str, str]
"""Method, and path with `{}` for each parameter."""

VARIABLE = "CODER_OPENAPI"

KNOWN_ERRORS = {
    1: "nullable UUIDs are drawn as an object; the wire has a string or null (schema.py)",
    2: "DERP keys are drawn in lowerCamelCase; the wire has Go's field names (schema.py)",
    3: "PATCH app-status and PATCH logs are said to answer a Response; the body is null",
    4: "POST log-source is said to answer 200; it answers 201",
    5: "match and id of external-auth are both marked required; both at once are an error",
    6: "label of containers is marked required; it is optional",
    7: "the log routes document a `before` that nothing reads",
    8: "the inbox's read-status PUT is drawn without a body and with a Response; it takes is_read",
    9: "the reinit event's names are wrong before v2.32; the hub does not serve the route",
    10: "no_compression implies compression; none is ever negotiated",
    11: "the base path is /api/v2 in old documents and / in new ones; the URLs are the same",
    # beyond the eleven, seen while this test was written
    12: "routes that create are said to answer 200; they answer 201",
    13: "routes that upgrade are said to answer 200; they answer 101",
    14: "the provisioner of a template is said to be terraform only; the code knows echo as well (schema.py)",
    15: "the list of tokens has a username in each, which is not drawn (schema.py)",
    # no error, but another answer
    16: "a hub has its user from the start: making the first one is refused",
}

ANSWERS: dict[Key, tuple[int, Json, int]] = {
    ("PATCH", "/workspaceagents/me/app-status"): (200, None, 3),
    ("PATCH", "/workspaceagents/me/logs"): (200, None, 3),
    ("POST", "/workspaceagents/me/log-source"): (201, "codersdk.WorkspaceAgentLogSource", 4),
    ("PUT", "/notifications/inbox/{}/read-status"): (200, "codersdk.UpdateInboxNotificationReadStatusResponse", 8),
    ("POST", "/users/{}/workspaces"): (201, "codersdk.Workspace", 12),
    ("POST", "/organizations/{}/members/{}/workspaces"): (201, "codersdk.Workspace", 12),
    ("POST", "/workspaces/{}/builds"): (201, "codersdk.WorkspaceBuild", 12),
    ("POST", "/users/first"): (409, "codersdk.Response", 16),
}
"""Status and schema of the wire where the documents are wrong, and the number of the error."""


def definition(name: str) -> Json:
    """A reference."""
    return {"$ref": f"#/definitions/{name}"}


@dataclass(frozen=True, slots=True)
class Stream:
    """What the first frame with content holds: by definition's name, one or an array of them."""

    schema: str
    array: bool = False
    binary: bool = False
    event: bool = False
    """It is the data of an event."""
    ping: bool = False
    """A ping comes first."""


STREAMS: dict[Key, Stream] = {
    ("GET", "/workspaces/{}/watch"): Stream("codersdk.Workspace", event=True, ping=True),
    ("GET", "/workspaces/{}/watch-ws"): Stream("codersdk.Workspace", event=True, ping=True),
    ("GET", "/workspaces/{}/agent-connection-watch"): Stream("workspacesdk.ConnectionWatchEvent"),
    ("GET", "/workspacebuilds/{}/logs"): Stream("codersdk.ProvisionerJobLog"),
    ("GET", "/workspaceagents/{}/logs"): Stream("codersdk.WorkspaceAgentLog", array=True),
    ("GET", "/workspaceagents/{}/startup-logs"): Stream("codersdk.WorkspaceAgentLog", array=True),
    ("GET", "/workspaceagents/{}/watch-metadata"): Stream("codersdk.WorkspaceAgentMetadata", array=True, event=True),
    ("GET", "/workspaceagents/{}/watch-metadata-ws"): Stream("codersdk.WorkspaceAgentMetadata", array=True, event=True),
    ("GET", "/workspaceagents/{}/containers/watch"): Stream("codersdk.WorkspaceAgentListContainersResponse"),
    ("GET", "/workspaceagents/{}/pty"): Stream("", binary=True),
    ("GET", "/derp-map"): Stream("tailcfg.DERPMap", binary=True),
    ("GET", "/tailnet"): Stream("", binary=True),
    ("GET", "/workspaceagents/{}/coordinate"): Stream("", binary=True),
    ("GET", "/notifications/inbox/watch"): Stream("codersdk.GetInboxNotificationResponse"),
}

UNSERVED_TAGS = {
    "Applications": "the hub serves no workspace apps over HTTP",
    "Audit": "one user: nobody to audit",
    "Debug": "diagnosis of Coder's own parts",
    "Enterprise": "licensed features of Coder",
    "Files": "uploads of templates: the hub has the one template",
    "Git": "linking of accounts in a browser: providers are in the hub's TOML",
    "Insights": "statistics over many users",
    "Members": "one user, one organisation",
    "Organizations": "one user, one organisation",
    "PortSharing": "the hub is on this machine: there is nobody to share with",
    "Provisioning": "the hub builds by itself",
    "Templates": "the hub has the one template",
    "WorkspaceProxies": "the hub is on this machine",
}
"""Sections of the seed document that a hub on one machine has no use for. Rows of the table come before them."""

_ONE_USER = "one user, who is the owner of the machine"
_NO_SUCH = "no such options"
_ONE_TEMPLATE = "the hub has one template, which does not change"
_INBOX = "the inbox is the only way"

UNSERVED: dict[str, str] = {
    "/": "an API root without content",
    "/authcheck": "permissions: the one user may do everything",
    "/csp/reports": "the hub has no web pages",
    "/debug/{}/debug-link": "diagnosis of Coder's own parts",
    "/deployment/config": _NO_SUCH,
    "/deployment/stats": "statistics over many users",
    "/experiments/available": _NO_SUCH,
    "/init-script/{}/{}": "the hub starts agents by itself",
    "/notifications/dispatch-methods": _INBOX,
    "/notifications/settings": _INBOX,
    "/notifications/templates/system": _INBOX,
    "/notifications/test": _INBOX,
    "/tasks": "tasks are workspaces with app statuses here; Coder puts them behind a switch",
    "/users": _ONE_USER,
    "DELETE /users/{}": _ONE_USER,
    "/users/oauth2/github/callback": "no single sign-on",
    "/users/oauth2/github/device": "no single sign-on",
    "/users/oidc/callback": "no single sign-on",
    "/users/otp/change-password": "no mail",
    "/users/otp/request": "no mail",
    "/users/validate-password": _ONE_USER,
    "/users/{}/appearance": "the hub has no web pages",
    "/users/{}/autofill-parameters": _ONE_TEMPLATE,
    "/users/{}/convert-login": "no single sign-on",
    "/users/{}/login-type": "no single sign-on",
    "/users/{}/notifications/preferences": _INBOX,
    "/users/{}/organizations": "one user, one organisation",
    "/users/{}/organizations/{}": "one user, one organisation",
    "/users/{}/password": "a password is set on the machine: coder-tui hub password",
    "/users/{}/profile": "the user's name is that of the machine's login",
    "/users/{}/roles": _ONE_USER,
    "/users/{}/status/activate": _ONE_USER,
    "/users/{}/status/suspend": _ONE_USER,
    "/users/{}/webpush/subscription": _INBOX,
    "/users/{}/webpush/test": _INBOX,
    "/workspaceagents/me/reinit": "prebuilt workspaces: agents tolerate its absence",
    "/workspaceagents/me/rpc": "agents run by the hub need none; others report over REST or an agent's socket",
    "/workspaceagents/me/tasks/{}/log-snapshot": "no tasks",
    "/workspaceagents/{}/containers/devcontainers/{}": "the hub only looks at containers",
    "/workspaceagents/{}/containers/devcontainers/{}/recreate": "the hub only looks at containers",
    "/workspacebuilds/{}/state": "no Terraform state",
    "/workspacebuilds/{}/timings": "statistics of Terraform",
    "/workspaces/{}/acl": _ONE_USER,
    "/workspaces/{}/autoupdates": _ONE_TEMPLATE,
    "/workspaces/{}/timings": "statistics of Terraform",
}
"""Paths, or one method of a path, that are deliberately not served, and why."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path of one document."""

    document: str
    method: str
    path: str
    tag: str
    responses: Json
    definitions: Json

    def __str__(self) -> str:
        return f"{self.document}: {self.method} {self.path}"

    @property
    def key(self) -> Key:
        """For the tables."""
        return self.method, blank(self.path)

    @property
    def rows(self) -> list[Row]:
        """How we ask for it."""
        return [row for row in ROWS if (row.method, blank(row.path)) == self.key]

    @property
    def unserved(self) -> str:
        """Why the hub does not serve it; "" where it must."""
        path = "/tasks" if self.key[1].startswith("/tasks/") else self.key[1]
        return UNSERVED.get(f"{self.method} {path}") or UNSERVED.get(path) or UNSERVED_TAGS.get(self.tag, "")


def blank(path: str) -> str:
    """A path without the names of its parameters."""
    return re.sub(r"\{[^}]*\}", "{}", path)


@cache
def operations() -> tuple[Operation, ...]:
    """Everything the documents at hand name; empty where there are none."""
    found: list[Operation] = []
    for name in os.environ.get(VARIABLE, "").split(os.pathsep):
        if not name:
            continue
        path = Path(name)
        for file in sorted(path.glob("*.json")) if path.is_dir() else [path]:
            document = json.loads(file.read_text(encoding="utf-8"))
            if document.get("swagger") == "2.0":
                found += _read(file.stem, document)
    return tuple(found)


def _read(name: str, document: Json) -> list[Operation]:
    base = document.get("basePath", "/").rstrip("/")
    return [
        Operation(
            name,
            method.upper(),
            (base + path).removeprefix("/api/v2"),
            next(iter(entry.get("tags") or [""])),
            entry["responses"],
            document["definitions"],
        )
        for path, methods in sorted(document["paths"].items())
        for method, entry in methods.items()
    ]
