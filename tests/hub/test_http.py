"""Manners that all routes share: headers, credentials, bodies, refusals."""

from __future__ import annotations

import json
import uuid

import httpx
import pytest
import websockets

from tests.hub.support import Peer, agent_token, the_agent

NOBODY = "abcdefghij-abcdefghijklmnopqrstuv"


async def test_every_answer_names_the_version_and_its_type(hub: Peer) -> None:
    for path, status in [("/buildinfo", 200), ("/users/me", 200), ("/nowhere", 404), ("/workspaces/x", 400)]:
        response = await hub.http.get(f"/api/v2{path}")
        assert response.status_code == status
        assert response.headers["X-Coder-Build-Version"].startswith("v0.0.0-coder-tui.")
        assert response.headers["Content-Type"] == "application/json; charset=utf-8"
        assert response.text.endswith("\n")


async def test_health_and_build_info_need_no_token(hub: Peer) -> None:
    async with httpx.AsyncClient(base_url=hub.url) as plain:
        assert (await plain.get("/healthz")).text == "OK"
        info = (await plain.get("/api/v2/buildinfo")).json()
    assert info["version"].startswith("v0.0.0-coder-tui.")
    uuid.UUID(info["deployment_id"])
    assert "webpush_public_key" not in info


async def test_the_user_is_me_by_name_and_by_id(hub: Peer) -> None:
    me = await hub.get("/users/me")
    assert await hub.get(f"/users/{me['username'].upper()}") == me
    assert await hub.get(f"/users/{me['id']}") == me
    assert "message" in await hub.get("/users/somebody-else", 404)


async def test_credentials_in_all_places(hub: Peer) -> None:
    token = hub.token
    ways: list[dict[str, dict[str, str]]] = [
        {"headers": {"Cookie": f"coder_session_token={token}"}},
        {"params": {"coder_session_token": token}},
        {"headers": {"Coder-Session-Token": token}},
        {"headers": {"Authorization": f"Bearer {token}"}},
        {"params": {"access_token": token}},
    ]
    async with httpx.AsyncClient(base_url=hub.url) as plain:
        for way in ways:
            response = await plain.get("/api/v2/users/me", headers=way.get("headers"), params=way.get("params"))
            assert response.status_code == 200, way


async def test_the_first_credential_wins_even_if_it_is_wrong(hub: Peer) -> None:
    async with httpx.AsyncClient(base_url=hub.url) as plain:
        headers = {"Cookie": f"coder_session_token={NOBODY}", "Coder-Session-Token": hub.token}
        assert (await plain.get("/api/v2/users/me", headers=headers)).status_code == 401
        wrong = {"Coder-Session-Token": NOBODY}
        right = {"coder_session_token": hub.token}
        assert (await plain.get("/api/v2/users/me", headers=wrong, params=right)).status_code == 200


async def test_refusals_share_a_message_and_differ_in_detail(hub: Peer) -> None:
    wrong_secret = hub.token[:11] + "x" * 22
    details = set()
    async with httpx.AsyncClient(base_url=hub.url) as plain:
        for token in ["", "nonsense", NOBODY, wrong_secret]:
            response = await plain.get("/api/v2/workspaces", headers={"Coder-Session-Token": token} if token else {})
            assert response.status_code == 401
            assert "sign in again" in response.json()["message"]
            assert hub.token not in response.text
            details.add(response.json()["detail"])
    assert len(details) == 4


async def test_a_cookie_needs_its_csrf_header_to_change_things(hub: Peer) -> None:
    path = f"/api/v2/workspaces/{uuid.uuid4()}/favorite"
    async with httpx.AsyncClient(base_url=hub.url) as plain:
        cookie = {"Cookie": f"coder_session_token={hub.token}"}
        assert (await plain.put(path, headers=cookie)).status_code == 400
        both = cookie | {"Coder-Session-Token": hub.token}
        assert (await plain.put(path, headers=both)).status_code == 404


async def test_tokens_of_agents_and_people_are_not_exchangeable(hub: Peer) -> None:
    workspace = await hub.workspace()
    token = await agent_token(hub, workspace)
    report = {"app_slug": "agent", "state": "idle", "message": ""}
    await hub.send("PATCH", "/workspaceagents/me/app-status", report, 200, token)
    refused = await hub.send("PATCH", "/workspaceagents/me/app-status", report, 401, hub.token)
    assert refused["detail"] == "An agent token must be a valid UUIDv4. (len 33)"
    await hub.send("PATCH", "/workspaceagents/me/app-status", report, 401, str(uuid.uuid4()))
    await hub.send("GET", "/workspaces", None, 401, token)


async def test_unknown_routes_and_methods(hub: Peer) -> None:
    assert await hub.get("/nowhere", 404) == {"message": "Route not found."}
    assert (await hub.http.get("/")).json() == {"message": "Route not found."}
    assert "message" in await hub.send("PUT", "/workspaces", {}, 405)


@pytest.mark.parametrize(
    "path", ["/workspaces/{}", "/workspaceagents/{}", "/workspacebuilds/{}", "/workspaces/{}/watch"]
)
async def test_a_malformed_id_is_named(hub: Peer, path: str) -> None:
    assert (await hub.get(path.format("no-id"), 400))["message"] == 'Invalid UUID "no-id"'
    assert "message" in await hub.get(path.format(uuid.uuid4()), 404)


async def test_a_query_parameter_that_breaks_a_rule_is_named_in_the_words_of_coder(hub: Peer) -> None:
    workspace = await hub.workspace()
    terminal = f"/workspaceagents/{the_agent(workspace)['id']}/pty"
    asked = {
        "/workspaces?limit=-1": "must be a valid positive integer: 0 to 2147483647",
        "/workspaces?limit=1&limit=2": (
            "provided more than once, found 2 times. Only provide 1 instance of this query param."
        ),
        f"/workspaces/{workspace['id']}?include_deleted=maybe": "must be a valid boolean",
        f"/workspaces/{workspace['id']}/builds?after_id=one": "must be a valid uuid",
        f"{terminal}?width=80": "is required and cannot be empty",
        f"{terminal}?reconnect={uuid.uuid4()}&width=70000": "must be a valid positive integer: 0 to 65535",
    }
    for path, rule in asked.items():
        [fault] = (await hub.get(path, 400))["validations"]
        assert fault["detail"] == f'Query param "{fault["field"]}" {rule}'


async def test_a_body_over_four_mebibytes_is_refused(hub: Peer) -> None:
    response = await hub.http.post("/api/v2/users/me/workspaces", content=b"x" * ((4 << 20) + 1))
    assert response.status_code == 413
    assert "message" in response.json()
    assert (await hub.http.get("/api/v2/users/me")).status_code == 200


BODIES = [
    b"",
    b"{",
    b"[]",
    b"1",
    b'"text"',
    b"null",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"name":NaN}',
    b'{"name":"\\ud800"}',
    b'{"name":"\xff","state":"\xff","app_slug":"\xff"}',
    b'{"name":{"deep":1},"state":[1],"logs":{"a":1},"transition":{}}',
    b'{"name":"a","ttl_ms":' + b"9" * 5000 + b"}",
    b'{"name":"a","ttl_ms":-1}',
    b'{"name":"a","rich_parameter_values":[{"name":"env","value":"[1]"}]}',
    b'{"name":"a","rich_parameter_values":[{"name":"env","value":"{\\"A\\":1}"}]}',
    b'{"name":"a","rich_parameter_values":[{"name":"env","value":"' + b"[" * 50_000 + b'"}]}',
    b'{"name":"a","rich_parameter_values":[{"name":"directory","value":"\\u0000"}]}',
    b'{"name":"a","rich_parameter_values":[{"name":"nope","value":""}]}',
    b'{"name":"\\u0000","id":"\\u0000","app_name":"\\u0000","agent_id":"x","deadline":"never"}',
    b'{"id":"x","log_source_id":"x","logs":[{"output":"a"}]}',
    b'{"deadline":"0001-01-01T00:00:00+23:59","logs":[{"created_at":"x"}]}',
    b'{"deadline":"9999-12-31T23:59:59-23:59"}',
    b'{"state":"working","message":"' + b"a" * 161 + b'"}',
]


async def test_no_body_breaks_the_server(hub: Peer) -> None:
    workspace = await hub.workspace()
    token = await agent_token(hub, workspace)
    routes = [
        ("POST", "/users/me/workspaces", hub.token),
        ("POST", f"/workspaces/{workspace['id']}/builds", hub.token),
        ("POST", f"/workspaces/{workspace['id']}/usage", hub.token),
        ("PUT", f"/workspaces/{workspace['id']}/extend", hub.token),
        ("PATCH", "/workspaceagents/me/app-status", token),
        ("PATCH", "/workspaceagents/me/logs", token),
        ("POST", "/workspaceagents/me/log-source", token),
    ]
    for method, path, credential in routes:
        for body in BODIES:
            headers = {"Coder-Session-Token": credential}
            response = await hub.http.request(method, f"/api/v2{path}", content=body, headers=headers)
            assert response.status_code < 500, (path, body[:60], response.text)
            if response.status_code >= 400:
                assert json.loads(response.text)["message"]


QUERIES = [
    "limit=-1",
    "limit=x",
    "offset=1e3",
    "limit=99999999999999999999",
    "q=a/b/c",
    "q=:",
    "q=a:",
    "q=a:b:c",
    "q=unknown:1",
    "q=status:nope",
    "q=id:nope",
    "q=last_used_after:yesterday",
    "q=outdated:maybe",
    "q=has-agent:nope",
]


@pytest.mark.parametrize("query", QUERIES)
async def test_bad_queries_of_the_list_are_400_with_the_parameter(hub: Peer, query: str) -> None:
    problem = await hub.get(f"/workspaces?{query}", 400)
    assert problem["validations"][0]["field"]


async def test_odd_queries_do_not_break_the_server(hub: Peer) -> None:
    workspace = await hub.workspace()
    agent = workspace["latest_build"]["resources"][0]["agents"][0]["id"]
    build = workspace["latest_build"]["id"]
    odd = ["-1", "x", "%00", "%ff", "9" * 30, "%F0%9F%99%82", "٣", "1.5", " ", "%22", "[*?", "%25_"]
    for value in odd:
        for path in [
            f"/workspaces?q={value}",
            f"/workspaces?limit={value}&offset={value}",
            f"/workspaces/{workspace['id']}/builds?after_id={value}&since={value}&limit={value}",
            f"/workspaceagents/{agent}/logs?after={value}&format={value}",
            f"/workspacebuilds/{build}/logs?after={value}",
            f"/workspaceagents/{agent}/pty?reconnect={value}&width={value}",
            f"/workspaces/{value}",
            f"/users/{value}/workspace/{value}",
        ]:
            assert (await hub.http.get(f"/api/v2{path}")).status_code < 500, path


async def test_an_upgrade_is_refused_like_any_request(hub: Peer) -> None:
    cases = [
        (f"/workspaces/{uuid.uuid4()}/watch-ws", hub.token, 404),
        ("/workspaces/x/watch-ws", hub.token, 400),
        (f"/workspaces/{uuid.uuid4()}/watch-ws", NOBODY, 401),
        ("/nowhere", hub.token, 404),
    ]
    for path, token, status in cases:
        with pytest.raises(websockets.InvalidStatus) as caught:
            await hub.socket(path, token=token).__aenter__()
        response = caught.value.response
        assert response.status_code == status
        assert json.loads(response.body)["message"]
        assert response.headers["X-Coder-Build-Version"]


async def test_a_route_that_is_no_socket_answers_an_upgrade_as_a_get(hub: Peer) -> None:
    with pytest.raises(websockets.InvalidStatus) as caught:
        await hub.socket("/users/me").__aenter__()
    assert caught.value.response.status_code == 200
    assert json.loads(caught.value.response.body)["status"] == "active"


async def test_a_socket_route_answers_a_plain_get_with_426(hub: Peer) -> None:
    workspace = await hub.workspace()
    response = await hub.http.get(f"/api/v2/workspaces/{workspace['id']}/watch-ws")
    assert response.status_code == 426
    assert response.headers["Content-Type"].startswith("text/plain")


async def test_a_foreign_origin_may_not_open_sockets(hub: Peer) -> None:
    workspace = await hub.workspace()
    path = f"/workspaces/{workspace['id']}/watch-ws"
    with pytest.raises(websockets.InvalidStatus) as caught:
        await hub.socket(path, origin="https://evil.example").__aenter__()
    assert caught.value.response.status_code == 403
    async with hub.socket(path, origin=hub.url) as socket:
        assert json.loads(await socket.recv())["type"] == "ping"


async def test_sockets_do_not_negotiate_compression(hub: Peer) -> None:
    workspace = await hub.workspace()
    async with hub.socket(f"/workspaces/{workspace['id']}/watch-ws") as socket:
        assert socket.response is not None
        assert "Sec-WebSocket-Extensions" not in socket.response.headers
        assert socket.response.headers["X-Coder-Build-Version"]
