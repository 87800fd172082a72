"""Signing in and out, and the keys of the one user."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from pathlib import Path

import httpx
import pytest

from coder_tui.hub.clock import rising_clock
from coder_tui.hub.core import DATABASE
from coder_tui.hub.keys import DAY, WEEK
from coder_tui.hub.limits import Limit
from coder_tui.hub.passwords import PASSWORD_FILE, check_password, store_password
from tests.hub.support import Json, Peer, a_hub
from tests.hub.test_http import BODIES

PASSWORD = "correct horse battery"
CHEAP = 1 << 8  # scrypt for tests


class Time:
    """The real clock, moved forward at will (microseconds)."""

    def __init__(self) -> None:
        self._real, self.ahead = rising_clock(), 0

    def __call__(self) -> int:
        return self._real() + self.ahead

    def forward(self, seconds: float) -> None:
        self.ahead += int(seconds * 1_000_000)


@asynccontextmanager
async def nobody(hub: Peer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"{hub.url}/api/v2") as client:
        yield client


async def call(hub: Peer, method: str, path: str, key: str = "", body: Json = None) -> httpx.Response:
    async with nobody(hub) as client:
        return await client.request(method, path, json=body, headers={"Coder-Session-Token": key} if key else {})


async def new_token(hub: Peer, **body: object) -> str:
    key: str = (await hub.send("POST", "/users/me/keys/tokens", body, 201))["key"]
    return key


async def test_a_hub_has_its_user_from_the_start(hub: Peer) -> None:
    exists = {"message": "The initial user has already been created!"}
    answer = await call(hub, "GET", "/users/first")
    assert (answer.status_code, answer.json()) == (200, exists)
    body = {"email": "a@b.c", "username": "a", "password": "12345678"}
    answer = await call(hub, "POST", "/users/first", body=body)
    assert (answer.status_code, answer.json()) == (409, exists)
    answer = await call(hub, "POST", "/users/first", body={"email": "nobody"})
    assert answer.status_code == 400
    assert {fault["field"] for fault in answer.json()["validations"]} == {"email", "username", "password"}


async def test_login_with_a_token_as_the_coder_cli_does_it(hub: Peer) -> None:
    """`coder login URL --token T`: first user, a key of its own minted with T, who am I; then logout."""
    assert (await call(hub, "GET", "/users/first")).status_code == 200
    minted = await call(hub, "POST", "/users/me/keys", hub.token)
    assert minted.status_code == 201
    key = minted.json()["key"]
    assert key != hub.token
    assert (await call(hub, "GET", "/users/me", key)).json() == await hub.get("/users/me")
    assert (await call(hub, "GET", "/workspaces", key)).status_code == 200
    assert (await call(hub, "POST", "/users/logout", key)).json() == {"message": "Logged out!"}
    gone = await call(hub, "GET", "/users/me", key)
    assert (gone.status_code, gone.json()["detail"]) == (401, "API key is invalid.")


async def test_passwords_are_off_until_one_is_set(hub: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coder_tui.hub.passwords._N", CHEAP)
    email = (await hub.get("/users/me"))["email"]
    methods = (await call(hub, "GET", "/users/authmethods")).json()
    assert methods["password"] == {"enabled": False}
    assert set(methods) == {"password", "github", "oidc"}
    pair = {"email": email, "password": PASSWORD}
    refused = await call(hub, "POST", "/users/login", body=pair)
    assert refused.status_code == 403
    assert "disabled" in refused.json()["message"]

    store_password(hub.data_dir, PASSWORD)
    assert (hub.data_dir / PASSWORD_FILE).stat().st_mode & 0o777 == 0o600
    assert PASSWORD not in (hub.data_dir / PASSWORD_FILE).read_text()
    assert (await call(hub, "GET", "/users/authmethods")).json()["password"] == {"enabled": True}
    for wrong in (
        {**pair, "password": "correct horse"},
        {**pair, "email": "b@localhost"},
        {**pair, "password": "x" * 9999},
    ):
        assert (await call(hub, "POST", "/users/login", body=wrong)).status_code == 401
    malformed = await call(hub, "POST", "/users/login", body={"email": "nobody", "password": ""})
    assert malformed.status_code == 400
    assert {fault["field"] for fault in malformed.json()["validations"]} == {"email", "password"}

    answer = await call(hub, "POST", "/users/login", body={**pair, "email": email.upper()})
    assert answer.status_code == 201
    key = answer.json()["session_token"]
    cookie = SimpleCookie(answer.headers["set-cookie"])["coder_session_token"]
    assert (cookie.value, cookie["httponly"], cookie["path"]) == (key, True, "/")
    assert (await call(hub, "GET", "/users/me", key)).status_code == 200
    left = await call(hub, "POST", "/users/logout", key)
    assert SimpleCookie(left.headers["set-cookie"])["coder_session_token"]["max-age"] == "0"


async def test_a_damaged_password_file_is_no_open_door(hub: Peer) -> None:
    (hub.data_dir / PASSWORD_FILE).write_text('{"scrypt": [99999999999, 8, 1], "salt": "AA==", "hash": "AA=="}')
    body = {"email": (await hub.get("/users/me"))["email"], "password": PASSWORD}
    answer = await call(hub, "POST", "/users/login", body=body)
    assert answer.status_code == 500
    assert PASSWORD_FILE in answer.json()["detail"]


def test_every_hash_has_its_own_salt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coder_tui.hub.passwords._N", CHEAP)
    store_password(tmp_path, PASSWORD)
    first = (tmp_path / PASSWORD_FILE).read_text()
    store_password(tmp_path, PASSWORD)
    assert (tmp_path / PASSWORD_FILE).read_text() != first
    assert check_password(tmp_path, PASSWORD)


async def test_guessing_is_slow(hub: Peer) -> None:
    async with nobody(hub) as client:
        answers = [await client.post("/users/login", json={"email": "a@b.c", "password": "x"}) for _ in range(61)]
        assert [answer.status_code for answer in answers] == [403] * 60 + [429]
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
        assert "rate limited" in answers[-1].json()["message"]
        assert (await client.get("/users/first")).status_code == 200


def test_the_limit_opens_again_and_knows_addresses_apart() -> None:
    from starlette.requests import Request

    from coder_tui.hub.problems import Refused

    now = 100.0
    limit = Limit(2, clock=lambda: now)

    def knock(address: str) -> bool:
        try:
            limit.check(Request({"type": "http", "client": (address, 1), "headers": []}))
        except Refused:
            return False
        return True

    assert [knock("a"), knock("a"), knock("a"), knock("b")] == [True, True, False, True]
    now += 60
    assert knock("a")
    assert all(knock(str(number)) for number in range(10_000))


async def test_only_hashes_are_stored(hub: Peer) -> None:
    key = await new_token(hub, token_name="ci")
    with sqlite3.connect(hub.data_dir / DATABASE) as db:
        [(stored,)] = db.execute("SELECT hash FROM api_keys").fetchall()
    assert stored == hashlib.sha256(key[11:].encode()).digest()
    files = b"".join(path.read_bytes() for path in hub.data_dir.iterdir() if path.name.startswith("hub.db"))
    assert key[11:].encode() not in files


async def test_tokens_have_names_and_lifetimes(hub: Peer) -> None:
    key = await new_token(hub, token_name="ci", lifetime=3_600 * 10**9, scope="all")
    await hub.send("POST", "/users/me/keys/tokens", {"token_name": "ci"}, 409)
    found = await hub.get("/users/me/keys/tokens/ci")
    assert (found["id"], found["lifetime_seconds"], found["login_type"]) == (key[:10], 3600, "token")
    assert found == await hub.get(f"/users/me/keys/{key[:10]}")
    assert (found["scope"], found["scopes"], found["allow_list"]) == ("all", ["all"], [{"type": "*", "id": "*"}])
    await new_token(hub)
    listed = await hub.get("/users/me/keys/tokens")
    names = [one["token_name"] for one in listed]
    assert names[:2] == ["hub.token", "ci"]
    assert names[2].startswith("token-")
    assert {one["username"] for one in listed} == {(await hub.get("/users/me"))["username"]}
    assert (await hub.get("/users/me/keys/tokens/tokenconfig"))["max_token_lifetime"] > found["lifetime_seconds"]
    assert "key" not in str(listed)


@pytest.mark.parametrize(
    "body",
    [
        {"lifetime": -1},
        {"lifetime": 10**30},
        {"lifetime": 5},
        {"token_name": "a b"},
        {"token_name": "x" * 65},
        {"token_name": "hub\n.token"},
        {"scope": "application_connect"},
        {"scopes": ["workspace:read"]},
        {"allow_list": [{"type": "workspace", "id": "x"}]},
        {"lifetime": "soon"},
    ],
)
async def test_tokens_that_cannot_be_had(hub: Peer, body: dict[str, object]) -> None:
    assert "message" in await hub.send("POST", "/users/me/keys/tokens", body, 400)
    assert len(await hub.get("/users/me/keys/tokens")) == 1


async def test_the_name_of_the_hub_s_own_token_is_taken(hub: Peer) -> None:
    await hub.send("POST", "/users/me/keys/tokens", {"token_name": "hub.token"}, 409)


async def test_deleting_and_expiring(hub: Peer) -> None:
    one, two = await new_token(hub, token_name="one"), await new_token(hub, token_name="two")
    await hub.send("PUT", f"/users/me/keys/{one[:10]}/expire", None, 204)
    await hub.send("DELETE", f"/users/me/keys/{two[:10]}", None, 204)
    expired = await call(hub, "GET", "/users/me", one)
    assert expired.status_code == 401
    assert expired.json()["detail"].startswith('API key expired at "20')
    assert (await call(hub, "GET", "/users/me", two)).status_code == 401
    assert [key["token_name"] for key in await hub.get("/users/me/keys/tokens")] == ["hub.token"]
    everything = await hub.get("/users/me/keys/tokens?include_expired=true")
    assert [key["token_name"] for key in everything] == ["hub.token", "one"]
    for method, path in [("DELETE", ""), ("GET", ""), ("PUT", "/expire")]:
        await hub.send(method, f"/users/me/keys/{two[:10]}{path}", None, 404)
    await hub.get("/users/me/keys/tokens/two", 404)
    await hub.get("/users/somebody/keys/tokens", 404)
    await new_token(hub, token_name="two")


async def test_the_hub_s_own_token_stays(hub: Peer) -> None:
    own = hub.token[:10]
    assert "cannot be deleted" in (await hub.send("DELETE", f"/users/me/keys/{own}", None, 403))["message"]
    assert "cannot be deleted" in (await hub.send("PUT", f"/users/me/keys/{own}/expire", None, 403))["message"]
    assert "cannot be deleted" in (await hub.send("POST", "/users/logout"))["detail"]
    assert (await hub.get(f"/users/me/keys/{own}"))["token_name"] == "hub.token"


async def test_a_key_lives_while_it_is_used_and_over_a_restart(tmp_path: Path) -> None:
    time = Time()
    async with a_hub(tmp_path / "hub", clock=time) as hub:
        used, unused = [(await hub.send("POST", "/users/me/keys", None, 201))["key"] for _ in range(2)]
        time.forward(WEEK - DAY)
        assert (await call(hub, "GET", "/users/me", used)).status_code == 200
        time.forward(2 * DAY)
        assert (await call(hub, "GET", "/users/me", used)).status_code == 200
        late = await call(hub, "GET", "/users/me", unused)
        assert (late.status_code, "expired" in late.json()["detail"]) == (401, True)
        seen = await hub.get(f"/users/me/keys/{used[:10]}")
        assert seen["last_used"] > seen["created_at"]
    async with a_hub(tmp_path / "hub", clock=time) as hub:
        assert (await call(hub, "GET", "/users/me", used)).status_code == 200
        time.forward(3 * WEEK)
        assert (await call(hub, "GET", "/users/me", used)).status_code == 401
    async with a_hub(tmp_path / "hub", clock=time) as hub:  # sessions that ended long ago are forgotten
        assert (await call(hub, "GET", "/users/me", used)).json()["detail"] == "API key is invalid."


async def test_keys_open_sockets_too(hub: Peer) -> None:
    workspace = await hub.workspace()
    key = await new_token(hub)
    async with hub.socket(f"/workspaces/{workspace['id']}/watch-ws", token=key) as socket:
        assert '"type":"ping"' in str(await socket.recv())


async def test_no_body_breaks_the_doors(hub: Peer) -> None:
    doors = [
        ("/users/first", ""),
        ("/users/login", ""),
        ("/users/logout", ""),
        ("/users/me/keys/tokens", hub.token),
        *((f"/workspaceagents/{cloud}-instance-identity", "") for cloud in ("aws", "azure", "google")),
    ]
    async with nobody(hub) as client:
        for path, key in doors:
            for body in BODIES:
                headers = {"Coder-Session-Token": key} if key else {}
                response = await client.post(path, content=body, headers=headers)
                assert response.status_code < 500, (path, body[:60], response.text)
                if response.status_code >= 400:
                    assert response.json()["message"]
