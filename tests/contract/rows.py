"""Every route of the hub, one row each. Paths have the names of Coder's OpenAPI documents.

`test_table.py` keeps this table and the hub's routes equal: a new route needs a row here.
"""

from __future__ import annotations

import uuid

from tests.contract.clouds import proofs
from tests.contract.endpoint import Good, Kind, Row, Who
from tests.contract.world import PASSWORD, SOURCE, World

JSON, NULL, EMPTY, TEXT, EVENTS, SOCKET = Kind
NOBODY, USER, AGENT = Who

NO_DATA = (1008, "any")
NO_DATA_ONE_WAY = (1002, "any")
NO_TEXT = (1003, "text")
YAMUX_PING = bytes.fromhex("000200010000000000000007")


async def new_workspace(world: World) -> Good:
    name = f"w-{uuid.uuid4().hex[:12]}"
    parameters = [{"name": "directory", "value": str(world.hub.data_dir.parent)}]
    return Good(body={"name": name, "rich_parameter_values": parameters, "ttl_ms": 3_600_000})


async def running(world: World) -> str:
    """The id of a workspace of its own, running."""
    good = await new_workspace(world)
    made = await world.hub.send("POST", "/users/me/workspaces", good.body, 201)
    found = await world.hub.until(made["id"], lambda now: now["latest_build"]["status"] == "running")
    return str(found["id"])


async def next_build(world: World) -> Good:
    """Stop the spare workspace, or start it again."""
    done = {"succeeded", "failed", "canceled"}
    spare = await world.hub.until(world.spare["id"], lambda now: now["latest_build"]["job"]["status"] in done)
    transition = "start" if spare["latest_build"]["transition"] == "stop" else "stop"
    return Good({"workspace": spare["id"]}, body={"transition": transition, "reason": "cli"})


async def _deadline(world: World) -> Good:
    return Good({"workspace": await running(world)}, body={"deadline": "2999-01-01T00:00:00Z"})


async def _spare(world: World) -> Good:
    return Good({"workspace": world.spare["id"]})


async def _usage(world: World) -> Good:
    return Good(body={"agent_id": world.agent["id"], "app_name": "reconnecting-pty"})


async def _terminal(world: World) -> Good:
    return Good(query=f"reconnect={world.session}&width=80&height=24")


async def _login(world: World) -> Good:
    email = (await world.hub.get("/users/me"))["email"]
    return Good(body={"email": email, "password": PASSWORD})


async def _logout(world: World) -> Good:
    return Good(token=(await world.hub.send("POST", "/users/me/keys", status=201))["key"])


async def _a_key(world: World) -> Good:
    return Good({"keyid": (await world.hub.send("POST", "/users/me/keys", status=201))["key"][:10]})


async def _new_token(world: World) -> Good:
    return Good(body={"token_name": f"t-{uuid.uuid4().hex[:8]}", "lifetime": 3_600_000_000_000, "scope": "all"})


async def cancelled(world: World) -> Good:
    """A build that has just begun: a program that does not want to end keeps it going."""
    slow = [
        {"name": "directory", "value": str(world.hub.data_dir.parent)},
        {"name": "command", "value": "trap '' HUP TERM; while :; do sleep 60; done"},
    ]
    name = f"slow-{uuid.uuid4().hex[:8]}"
    made = await world.hub.send("POST", "/users/me/workspaces", {"name": name, "rich_parameter_values": slow}, 201)
    await world.hub.until(made["id"], lambda now: now["latest_build"]["status"] == "running")
    stop = await world.hub.send("POST", f"/workspaces/{made['id']}/builds", {"transition": "stop"}, 201)
    return Good({"workspacebuild": stop["id"]})


async def _rename(world: World) -> Good:
    return Good({"workspace": world.spare["id"]}, body={"name": f"spare-{uuid.uuid4().hex[:8]}"})


async def _ttl(world: World) -> Good:
    return Good({"workspace": world.spare["id"]}, body={"ttl_ms": 7_200_000})


async def _autostart(world: World) -> Good:
    schedule = "CRON_TZ=Europe/Berlin 30 9 * * 1-5"
    return Good({"workspace": world.spare["id"]}, body={"schedule": schedule})


async def _dormant(world: World) -> Good:
    spare = await world.hub.get(f"/workspaces/{world.spare['id']}")
    return Good({"workspace": spare["id"]}, body={"dormant": spare["dormant_at"] is None})


async def _share(world: World) -> Good:
    share = {"agent_name": world.agent["name"], "port": 8080, "share_level": "public", "protocol": "http"}
    return Good(body=share)


async def _unshare(world: World) -> Good:
    share = (await _share(world)).body
    await world.hub.send("POST", f"/workspaces/{world.workspace['id']}/port-share", share)
    return Good(body={"agent_name": share["agent_name"], "port": share["port"]})


async def _ticket(world: World) -> Good:
    url = f"{world.hub.url.replace('http', 'ws', 1)}/api/v2/workspaceagents/{world.agent['id']}/pty"
    return Good(body={"url": url, "agentID": world.agent["id"]})


async def _decide(world: World) -> Good:
    question = world.hub.core.permissions.ask(world.agent["id"], "claude", "Bash: make")
    return Good({"permission": question.asked.id}, body={"behavior": "allow"})


ROWS: tuple[Row, ...] = (
    # who is there, and how to get in
    Row("GET", "/buildinfo", NOBODY),
    Row("GET", "/users/first", NOBODY),
    Row(
        "POST",
        "/users/first",
        NOBODY,
        status=409,  # a hub has its user from the start
        body={"email": "a@acme.example", "username": "a", "password": PASSWORD},
    ),
    Row("GET", "/users/authmethods", NOBODY),
    Row("POST", "/users/login", NOBODY, status=201, prepare=_login),
    Row("POST", "/users/logout", prepare=_logout),
    Row("GET", "/users/{user}"),
    Row("GET", "/users/{user}/gitsshkey"),
    Row("PUT", "/users/{user}/gitsshkey"),
    Row("POST", "/users/{user}/keys", status=201),
    Row("GET", "/users/{user}/keys/tokens", query="include_all=true"),
    Row("POST", "/users/{user}/keys/tokens", status=201, prepare=_new_token),
    Row("GET", "/users/{user}/keys/tokens/tokenconfig"),
    Row("GET", "/users/{user}/keys/tokens/{keyname}"),
    Row("GET", "/users/{user}/keys/{keyid}", prepare=_a_key),
    Row("DELETE", "/users/{user}/keys/{keyid}", kind=EMPTY, status=204, prepare=_a_key),
    Row("PUT", "/users/{user}/keys/{keyid}/expire", kind=EMPTY, status=204, prepare=_a_key),
    Row("GET", "/templates"),
    Row("GET", "/regions"),
    Row("GET", "/experiments"),
    Row("GET", "/updatecheck", NOBODY),
    Row("GET", "/deployment/ssh"),
    Row("POST", "/applications/reconnecting-pty-signed-token", prepare=_ticket),
    # workspaces and builds
    Row("GET", "/workspaces", query="q=owner:me&limit=10&offset=0"),
    Row("GET", "/workspaces/{workspace}", query="include_deleted=true"),
    Row("GET", "/users/{user}/workspace/{workspacename}"),
    Row("POST", "/users/{user}/workspaces", status=201, prepare=new_workspace),
    Row("POST", "/organizations/{organization}/members/{user}/workspaces", status=201, prepare=new_workspace),
    Row("POST", "/workspaces/{workspace}/usage", kind=EMPTY, status=204, prepare=_usage),
    Row("PUT", "/workspaces/{workspace}/favorite", kind=EMPTY, status=204, prepare=_spare),
    Row("DELETE", "/workspaces/{workspace}/favorite", kind=EMPTY, status=204, prepare=_spare),
    Row("PUT", "/workspaces/{workspace}/extend", prepare=_deadline),
    Row("PATCH", "/workspaces/{workspace}", kind=EMPTY, status=204, prepare=_rename),
    Row("PUT", "/workspaces/{workspace}/ttl", kind=EMPTY, status=204, prepare=_ttl),
    Row("PUT", "/workspaces/{workspace}/autostart", kind=EMPTY, status=204, prepare=_autostart),
    Row("GET", "/workspaces/{workspace}/resolve-autostart"),
    Row("PUT", "/workspaces/{workspace}/dormant", prepare=_dormant),
    Row("GET", "/workspaces/{workspace}/port-share"),
    Row("POST", "/workspaces/{workspace}/port-share", prepare=_share),
    Row("DELETE", "/workspaces/{workspace}/port-share", kind=EMPTY, prepare=_unshare),
    Row("GET", "/workspaces/{workspace}/external-agent/{agent}/credentials"),
    Row("GET", "/workspaces/{workspace}/watch", kind=EVENTS),
    Row("GET", "/workspaces/{workspace}/watch-ws", kind=SOCKET, status=101, refuses=NO_DATA_ONE_WAY),
    Row("GET", "/workspaces/{workspace}/agent-connection-watch", kind=SOCKET, status=101, refuses=NO_DATA),
    Row("GET", "/workspaces/{workspace}/builds", query="limit=5"),
    Row("POST", "/workspaces/{workspace}/builds", status=201, prepare=next_build),
    Row("GET", "/users/{user}/workspace/{workspacename}/builds/{buildnumber}"),
    Row("GET", "/workspacebuilds/{workspacebuild}"),
    Row("PATCH", "/workspacebuilds/{workspacebuild}/cancel", prepare=cancelled),
    Row("GET", "/workspacebuilds/{workspacebuild}/parameters"),
    Row("GET", "/workspacebuilds/{workspacebuild}/resources"),
    Row("GET", "/workspacebuilds/{workspacebuild}/logs", query="after=0"),
    Row("GET", "/workspacebuilds/{workspacebuild}/logs", kind=TEXT, query="format=text", form="as text"),
    Row(
        "GET",
        "/workspacebuilds/{workspacebuild}/logs",
        kind=SOCKET,
        status=101,
        query="follow",
        form="followed",
        ends=True,
        refuses=NO_DATA,
    ),
    # what agents tell
    Row("POST", "/workspaceagents/aws-instance-identity", NOBODY, body=lambda: proofs()["aws"]),
    Row("POST", "/workspaceagents/azure-instance-identity", NOBODY, body=lambda: proofs()["azure"]),
    Row("POST", "/workspaceagents/google-instance-identity", NOBODY, body=lambda: proofs()["google"]),
    Row(
        "PATCH",
        "/workspaceagents/me/app-status",
        AGENT,
        NULL,
        body={
            "app_slug": "claude",
            "state": "IDLE",
            "message": "Anything else?",
            "uri": "file:///tmp/a",
            "icon": "",
            "needs_user_attention": True,
        },
    ),
    Row("GET", "/workspaceagents/me/external-auth", AGENT, query="match=https://forge.acme.example/a/b.git"),
    Row("GET", "/workspaceagents/me/external-auth", AGENT, query="id=browser", form="not linked"),
    Row("GET", "/workspaceagents/me/gitauth", AGENT, query="url=https://forge.acme.example/a/b.git"),
    Row("GET", "/workspaceagents/me/gitsshkey", AGENT),
    Row("POST", "/workspaceagents/me/permission", AGENT, body={"app_slug": "claude", "message": "Bash: make"}),
    Row(
        "POST",
        "/workspaceagents/me/log-source",
        AGENT,
        status=201,
        body={"id": SOURCE, "display_name": "Startup", "icon": "/icon.png"},
    ),
    Row(
        "PATCH",
        "/workspaceagents/me/logs",
        AGENT,
        NULL,
        body={
            "log_source_id": SOURCE,
            "logs": [{"created_at": "2026-01-01T00:00:00Z", "level": "info", "output": "x"}],
        },
    ),
    # what people see of agents
    Row("GET", "/workspaceagents/connection"),
    Row("GET", "/workspaceagents/{workspaceagent}"),
    Row("GET", "/workspaceagents/{workspaceagent}/connection"),
    Row("GET", "/workspaceagents/{workspaceagent}/containers"),
    Row("GET", "/workspaceagents/{workspaceagent}/containers", query="label=a=b&label=c=d", form="by label"),
    Row("GET", "/workspaceagents/{workspaceagent}/containers/watch", kind=SOCKET, status=101, refuses=NO_DATA),
    Row("GET", "/workspaceagents/{workspaceagent}/listening-ports"),
    Row("GET", "/workspaceagents/{workspaceagent}/logs", query="after=0&no_compression"),
    Row("GET", "/workspaceagents/{workspaceagent}/logs", kind=TEXT, query="format=text", form="as text"),
    Row(
        "GET",
        "/workspaceagents/{workspaceagent}/logs",
        kind=SOCKET,
        status=101,
        query="follow&after=0",
        form="followed",
        refuses=NO_DATA,
    ),
    Row("GET", "/workspaceagents/{workspaceagent}/startup-logs"),
    Row("GET", "/workspaceagents/{workspaceagent}/reply", query="app_slug=claude"),
    Row(
        "POST",
        "/workspaceagents/{workspaceagent}/reply",
        status=404,  # this one has no AgentAPI
        body={"app_slug": "claude", "content": "yes"},
    ),
    Row("POST", "/workspaceagents/{workspaceagent}/permissions/{permission}", kind=EMPTY, status=204, prepare=_decide),
    Row(
        "GET",
        "/workspaceagents/{workspaceagent}/pty",
        kind=SOCKET,
        status=101,
        prepare=_terminal,
        refuses=NO_TEXT,
    ),
    Row("GET", "/workspaceagents/{workspaceagent}/watch-metadata", kind=EVENTS),
    Row(
        "GET",
        "/workspaceagents/{workspaceagent}/watch-metadata-ws",
        kind=SOCKET,
        status=101,
        refuses=NO_DATA_ONE_WAY,
    ),
    Row("GET", "/derp-map", NOBODY, SOCKET, status=101, refuses=NO_DATA),
    Row(
        "GET",
        "/tailnet",
        kind=SOCKET,
        status=101,
        query="version=2.3",
        silent=True,
        greeting=YAMUX_PING,
        refuses=NO_TEXT,
    ),
    Row(
        "GET",
        "/workspaceagents/{workspaceagent}/coordinate",
        kind=SOCKET,
        status=101,
        query="version=2.3",
        silent=True,
        greeting=YAMUX_PING,
        refuses=NO_TEXT,
    ),
    # the inbox
    Row("GET", "/notifications/inbox", query="read_status=all", strict_query=True),
    Row(
        "GET",
        "/notifications/inbox/watch",
        kind=SOCKET,
        status=101,
        query="format=plaintext",
        strict_query=True,
        silent=True,
        refuses=NO_DATA,
    ),
    Row("PUT", "/notifications/inbox/mark-all-as-read", kind=EMPTY, status=204),
    Row("PUT", "/notifications/inbox/{id}/read-status", body={"is_read": True}),
    # our own: what the clients of a hub share
    Row("GET", "/coder-tui/shared"),
    Row("GET", "/coder-tui/shared/watch", kind=SOCKET, status=101, refuses=NO_DATA),
    Row(
        "PATCH",
        "/coder-tui/standings",
        body={"standings": [{"kind": "ack", "subject": "e1", "on": True, "at": "2026-01-01T00:00:00Z"}]},
    ),
)
