"""An agent's AgentAPI as evidence and as a way to answer: a real server, a real hub."""

from __future__ import annotations

import asyncio

import pytest

from coder_tui.hub import agentapi, witnesses
from coder_tui.report.states import AGENTAPI_ICON
from tests.hub.agentapi_server import an_agentapi
from tests.hub.support import Json, Peer, agent_token, eventually, the_agent
from tests.hub.test_evidence import until


async def test_what_it_sees_is_the_state(hub: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agentapi, "FIRST", 0.02)
    monkeypatch.setattr(witnesses, "GAP", 0.05)
    with an_agentapi() as api:
        api.say("agent", "Welcome")
        workspace = await hub.workspace(agentapi=api.url + "/")
        await until(hub, workspace, state="idle", message="Welcome", icon=AGENTAPI_ICON)
        api.say("user", "Fix the tests\nand the docs")
        await until(hub, workspace, state="working", message="Fix the tests and the docs")
        api.set_status("running")
        api.say("agent", "Rea")
        api.say("agent", "Reading", again=True)
        api.tell(b"event: message_update\ndata: {broken\n\nevent: later\ndata: 1\n\n")
        api.set_status("stable")
        await until(hub, workspace, state="idle", message="Reading")
        api.fail("the agent process ended")
        await until(hub, workspace, state="failure", message="the agent process ended")
        api.set_status("running")
        await until(hub, workspace, state="working")
    await until(hub, workspace, state="idle")  # it went away in the middle of work
    with an_agentapi(api, int(api.url.rpartition(":")[2])):
        await until(hub, workspace, state="working")
        await hub.build(workspace["id"], "stop", "stopped")


async def test_a_report_outranks_it_until_it_sees_more(hub: Peer) -> None:
    with an_agentapi() as api:
        workspace = await hub.workspace(agentapi=api.url)
        await until(hub, workspace, state="idle")
        token = await agent_token(hub, workspace)
        body = {"app_slug": "agent", "state": "working", "message": "Writing migration 0042"}
        await hub.send("PATCH", "/workspaceagents/me/app-status", body, 200, token)
        await until(hub, workspace, state="working", message="Writing migration 0042")
        api.set_status("running")
        api.set_status("stable")
        await until(hub, workspace, state="idle", message="Writing migration 0042")


async def test_it_takes_an_answer_while_it_stands_still(hub: Peer) -> None:
    with an_agentapi() as api:
        workspace = await hub.workspace(agentapi=api.url)
        path = f"/workspaceagents/{the_agent(workspace)['id']}/reply"

        async def way() -> Json:
            return (await hub.get(path))["agentapi"]

        assert await way() == {"url": api.url, "status": "stable", "why": ""}
        await hub.send("POST", path, {"content": "yes\nplease"}, 204)
        assert api.messages[-1]["content"] == "yes\nplease"
        api.set_status("running")
        assert (await way())["status"] == "running"
        refused = await hub.send("POST", path, {"content": "again"}, 409)
        assert "agent is running" in refused["detail"]
        await hub.send("POST", path, {"content": " "}, 400)
        await hub.send("POST", path, {"app_slug": "other", "content": "x"}, 404)
        token = await agent_token(hub, workspace)
        await hub.send("POST", path, {"content": "from a reporter"}, 401, token)
    assert (await way())["why"]
    await hub.send("POST", path, {"content": "too late"}, 502)
    plain = await hub.workspace("plain")
    path = f"/workspaceagents/{the_agent(plain)['id']}/reply"
    assert await way() is None
    await hub.send("POST", path, {"content": "x"}, 404)


async def test_an_address_that_is_none_is_refused(hub: Peer) -> None:
    for url in ("ftp://127.0.0.1", "http://", "http://me:secret@127.0.0.1", "127.0.0.1:3284", "http://h:99999"):
        values = [{"name": "agentapi", "value": url}]
        refused = await hub.send("POST", "/users/me/workspaces", {"name": "x", "rich_parameter_values": values}, 400)
        assert refused["validations"][0]["field"] == "agentapi"
        assert "secret" not in str(refused)


async def test_a_person_decides_what_a_hook_asks(hub: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = await hub.workspace()
    agent, token = the_agent(workspace)["id"], await agent_token(hub, workspace)
    reply = f"/workspaceagents/{agent}/reply"
    ask = "/workspaceagents/me/permission"

    def asked(message: str) -> asyncio.Task[Json]:
        return asyncio.create_task(hub.send("POST", ask, {"app_slug": "agent", "message": message}, 200, token))

    async def waiting(count: int) -> list[Json]:
        await eventually(lambda: len(hub.core.permissions.of(agent, "agent")) == count)
        found: list[Json] = (await hub.get(reply))["permissions"]
        return found

    first, second = asked("Bash: make"), asked("Bash: rm -rf build")
    both = {one["message"]: one["id"] for one in await waiting(2)}
    decide = f"/workspaceagents/{agent}/permissions"
    for wrong in (token, "report-x", ""):
        if wrong:
            await hub.send("POST", f"{decide}/{both['Bash: make']}", {"behavior": "allow"}, 401, wrong)
    await hub.send("POST", f"{decide}/{both['Bash: make']}", {"behavior": "always"}, 400)
    await hub.send("POST", f"{decide}/{both['Bash: make']}", {"behavior": "allow"}, 204)
    await hub.send("POST", f"{decide}/{both['Bash: rm -rf build']}", {"behavior": "deny"}, 204)
    assert [(await first)["behavior"], (await second)["behavior"]] == ["allow", "deny"]
    await hub.send("POST", f"{decide}/{both['Bash: make']}", {"behavior": "allow"}, 404)

    third = asked("Bash: ls")  # answered in the terminal: its hooks go on
    await waiting(1)
    body = {"app_slug": "agent", "state": "working", "icon": "/emojis/1fa9d.png"}
    await hub.send("PATCH", "/workspaceagents/me/app-status", body, 200, token)
    assert len(await waiting(1)) == 1  # right behind the question: may be from before
    monkeypatch.setattr("coder_tui.hub.permissions.SETTLE", 0.0)
    await hub.send("PATCH", "/workspaceagents/me/app-status", body, 200, token)
    assert (await third)["behavior"] == ""
    fourth = asked("Bash: id")  # who asks goes away
    await waiting(1)
    fourth.cancel()
    assert await waiting(0) == []
    fifth = asked("Bash: w")
    await waiting(1)
    await hub.build(workspace["id"], "stop", "stopped")
    assert (await fifth)["behavior"] == ""
    await hub.send("POST", ask, {"app_slug": "agent", "message": "x"}, 401, token)
