"""The netcheck against real relays and STUN servers on this machine: honest ones, and every kind of bad one."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from coder_tui.client.netcheck import Limits, Netcheck
from coder_tui.client.netreport import NodeReport, Plan, Report, plan
from coder_tui.client.resolver import MAX_PENDING, Resolver
from coder_tui.client.stun_socket import FLOOD, PAUSES
from coder_tui.wire.network import DerpMap, DerpNode, DerpRegion
from tests.client.relay import OK, relay
from tests.wire.stun_server import StunServer, answer, attribute, honest, message, stun_server

NOW = datetime(2026, 1, 1, tzinfo=UTC)
QUICK = Limits(resolve=0.2, stun=0.2, https=0.2)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def node(host: str = "relay.test", **fields: Any) -> DerpNode:
    return DerpNode(
        **{"name": "1a", "region_id": 1, "host_name": host, "ipv4": "127.0.0.1", "force_http": True} | fields
    )


def alone(*nodes: DerpNode) -> Plan:
    return Plan(tuple((one.region_id, one) for one in nodes))


async def check(*nodes: DerpNode, limits: Limits | None = None, **options: Any) -> list[NodeReport]:
    """Every node's report, in the order of `nodes`. `QUICK` is for what will not answer."""
    told: list[NodeReport] = []
    await Netcheck(limits=limits, **options).measure(alone(*nodes), told.append)
    assert len(told) == len(nodes)
    return sorted(told, key=lambda one: [(n.region_id, n.name) for n in nodes].index((one.region, one.name)))


async def test_a_relay_with_stun() -> None:
    async with relay(lambda _: OK) as http, stun_server() as udp:
        [found] = await check(node(derp_port=http.port, stun_port=udp.port))
    assert found.https is not None
    assert found.stun4 is not None
    assert found.https.ms is not None
    assert found.stun4.ms is not None
    assert found.https.ms > 0
    assert found.stun4.ms > 0
    assert str(found.stun4.mapped).startswith("127.0.0.1:")
    assert found.stun6 is None
    assert found.ms == min(found.https.ms, found.stun4.ms)
    [head] = http.heads
    assert head.startswith("GET /derp/latency-check HTTP/1.1\r\n")
    assert f"host: relay.test:{http.port}\r\n" in head.lower()
    assert "token" not in head.lower()
    assert "cookie" not in head.lower()


async def test_over_ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with stun_server(host="::1") as udp:
        [found] = await check(node(ipv4="", ipv6="::1", stun_port=udp.port, stun_only=True))
    assert found.https is None
    assert found.stun4 is None
    assert found.stun is not None
    assert str(found.stun.mapped).startswith("[::1]:")
    assert found.ms is not None


async def test_https_is_believed_only_with_a_certificate(tmp_path: Path) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("relay.test").configure_cert(context)
    async with relay(lambda _: OK, context) as http:
        fields: dict[str, Any] = {"force_http": False, "derp_port": http.port, "stun_port": -1}
        [trusted] = await check(node(**fields), ca_file=tmp_path / "ca.pem")
        strange, insecure, other = await check(
            node(**fields),
            node(name="1b", insecure_for_tests=True, **fields),
            node(name="1c", host="other.test", **fields),
        )
    assert trusted.https is not None
    assert trusted.https.ms is not None
    assert strange.https is not None
    assert "certificate is not trusted" in strange.https.why
    assert insecure.ms is not None
    assert other.https is not None
    assert "certificate is not trusted" in other.https.why


async def test_a_derper_without_the_latency_check_answers_our_challenge() -> None:
    def derper(head: str) -> bytes:
        if head.startswith("GET /generate_204 "):
            challenge = head.lower().split("x-tailscale-challenge: ")[1].split("\r\n")[0]
            return f"HTTP/1.1 204 No Content\r\nX-Tailscale-Response: response {challenge}\r\n\r\n".encode()
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"

    async with (
        relay(derper) as good,
        relay(lambda head: b"HTTP/1.1 204 No Content\r\n\r\n" if "204" in head else derper(head)) as portal,
    ):
        one, two = await check(
            node(derp_port=good.port, stun_port=-1), node(name="1b", derp_port=portal.port, stun_port=-1)
        )
    assert one.ms is not None
    assert two.https is not None
    assert two.https.why == "it answers, but is no relay"


BAD_RELAYS: dict[str, tuple[bytes | None, str]] = {
    "hangs": (None, "no answer in time"),
    "garbage": (b"\x00\xff" * 2000, "does not speak HTTP"),
    "never ends its head": (b"HTTP/1.1 200 OK\r\n" + b"X-Flood: 1\r\n" * 40_000, "does not speak HTTP"),
    "a login page": (b"HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n", "it answers 302 (a login page"),
    "fails": (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", "it answers 503"),
    "says goodbye": (b"", "does not speak HTTP"),
}


@pytest.mark.parametrize("kind", BAD_RELAYS)
async def test_bad_relays(kind: str) -> None:
    text, why = BAD_RELAYS[kind]
    async with relay(lambda _: text) as http:
        limits = QUICK if text is None else None
        [found] = await check(node(derp_port=http.port, stun_port=-1), limits=limits)
    assert found.https is not None
    assert found.https.ms is None
    assert why in found.https.why
    assert all(" /generate_204 " not in head for head in http.heads)


async def test_a_body_without_an_end_is_not_read() -> None:
    endless = OK.replace(b"Content-Length: 0", b"Content-Length: 999999999") + bytes(1 << 20)
    async with relay(lambda _: endless) as http:
        [found] = await check(node(derp_port=http.port, stun_port=-1))
    assert found.ms is not None


def flood(transaction: bytes, host: str, port: int) -> list[bytes]:
    return [b"x" * 20] * FLOOD


BAD_STUN: dict[str, tuple[Callable[[bytes, str, int], list[bytes]], str]] = {
    "silent": (lambda *_: [], "no answer in time"),
    "garbage": (lambda *_: [b"garbage", b""], "it answers, but not STUN"),
    "for somebody else": (lambda _, host, port: [answer(bytes(12), host, port)], "it answers, but not STUN"),
    "without an address": (lambda one, *_: [message(0x0101, one)], "it answers, but not STUN"),
    "refuses": (lambda one, *_: [message(0x0111, one, attribute(9, b"\0\0\4\1"))], "it refuses: error 401"),
    "floods": (flood, "127.0.0.1 floods us"),
}


@pytest.mark.parametrize("kind", BAD_STUN)
async def test_bad_stun_servers(kind: str) -> None:
    reply, why = BAD_STUN[kind]
    async with stun_server(reply) as udp:
        limits = QUICK if kind == "silent" else Limits(stun=0.6)
        [found] = await check(node(stun_port=udp.port, stun_only=True), limits=limits)
    assert found.stun is not None
    assert found.stun.ms is None
    assert why in found.stun.why


async def test_an_answer_that_is_lost_is_asked_for_again() -> None:
    server: StunServer

    def second(transaction: bytes, host: str, port: int) -> list[bytes]:
        return honest(transaction, host, port) if server.asked > 1 else []

    async with stun_server(second) as server:
        began = time.perf_counter()
        [found] = await check(node(stun_port=server.port, stun_only=True), limits=Limits(stun=5))
    assert server.asked >= 2
    assert found.ms is not None
    assert found.ms / 1000 <= time.perf_counter() - began - PAUSES[0]  # since it was sent again


async def test_a_nat_that_maps_each_destination_shows() -> None:
    def other(transaction: bytes, host: str, port: int) -> list[bytes]:
        return [answer(transaction, "203.0.113.9", 4000)]

    async with stun_server() as one, stun_server() as two, stun_server(other) as three:
        easy = await check(
            node(stun_port=one.port, stun_only=True), node(name="1b", stun_port=two.port, stun_only=True)
        )
        hard = await check(
            node(stun_port=one.port, stun_only=True), node(name="1b", stun_port=three.port, stun_only=True)
        )
    assert Report(NOW, tuple(easy)).hard_nat is False
    assert Report(NOW, tuple(hard)).hard_nat is True


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"host_name": "no such host"}, "its name is no name of a host"),
        ({"host_name": "evil.test/x?y"}, "its name is no name of a host"),
        ({"host_name": "a\r\nX: y"}, "its name is no name of a host"),
        ({"host_name": ""}, "its name is no name of a host"),
        ({"derp_port": 70_000}, "its port is no port"),
        ({"stun_port": 1 << 40}, "its port is no port"),
        ({"ipv4": "none"}, "it has no address"),
        ({"host_name": "a" * 70 + ".test", "ipv4": ""}, "its name"),
    ],
)
async def test_nodes_that_nobody_can_reach(fields: dict[str, Any], why: str) -> None:
    [found] = await check(node(**fields), limits=QUICK, lookup=lambda *_, **__: [(0, 0, 0, "", ("127.0.0.1", 0))])
    assert found.https is not None
    assert why in found.https.why or "a" * 70 in found.host
    assert found.ms is None


async def test_a_proxy_may_know_what_we_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(*_: object, **__: object) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with relay(lambda _: OK) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        [found] = await check(node(ipv4="", derp_port=8080, stun_port=-1), lookup=lookup)
    assert found.ms is not None
    assert proxy.heads[0].startswith("GET http://relay.test:8080/derp/latency-check HTTP/1.1\r\n")


async def test_a_name_that_does_not_resolve() -> None:
    def lookup(*_: object, **__: object) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    [found] = await check(node(ipv4=""), lookup=lookup)
    for probe in (found.https, found.stun4):
        assert probe is not None
        assert probe.why == "its name does not resolve"


async def test_a_resolver_that_hangs_holds_up_nobody() -> None:
    stuck, looked = threading.Event(), []

    def lookup(host: str, *_: object, **__: object) -> list[Any]:
        looked.append(host)
        stuck.wait(20)
        return []

    try:
        async with relay(lambda _: OK) as http:
            found = await check(
                node(ipv4=""),
                node(name="1b", ipv4=""),
                node(name="1c", derp_port=http.port, stun_port=-1),
                limits=Limits(resolve=0.2),
                lookup=lookup,
            )
        assert [one.https.why for one in found if one.https] == ["its name was not resolved in time"] * 2 + [""]
        assert looked == ["relay.test"]  # once, though two wanted it
        resolver = Resolver(lookup)
        asked = [resolver.addresses(f"{number}.test", 0.05) for number in range(MAX_PENDING + 3)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert sum("too many names" in str(one) for one in answers) == 3
    finally:
        stuck.set()


async def test_all_of_it_has_an_end() -> None:
    began = time.perf_counter()
    async with relay(lambda _: None) as http:
        nodes = [node(name=str(number), derp_port=http.port, stun_port=-1) for number in range(40)]
        found = await check(*nodes, limits=Limits(https=5, all=0.3, parallel=4))
        assert len(http.heads) <= 4
    assert time.perf_counter() - began < 4
    assert {one.https.why for one in found if one.https} == {"not measured in time"}


async def test_it_can_be_cancelled_and_leaves_nothing() -> None:
    before = asyncio.all_tasks()
    async with relay(lambda _: None) as http:
        measuring = asyncio.create_task(check(node(derp_port=http.port, stun_port=-1), limits=Limits()))
        while not http.heads:
            await asyncio.sleep(0)
        measuring.cancel()
        with pytest.raises(asyncio.CancelledError):
            await measuring
    assert asyncio.all_tasks() == before


def test_a_map_of_a_thousand_regions_is_measured_in_part() -> None:
    def region(number: int) -> DerpRegion:
        nodes = [DerpNode(name=f"{number}{letter}", region_id=number, host_name="x.test") for letter in "abcde"]
        return DerpRegion(region_id=number, region_code="x", region_name="X", nodes=nodes)

    regions = {str(number): region(number) for number in range(1, 1001)}
    chosen = plan(DerpMap(regions=regions), first=[700, 700, 3])
    assert [number for number, _ in chosen.nodes] == [700, 3, 1, 2, *range(4, 100)]
    assert (chosen.regions_left_out, chosen.nodes_left_out) == (900, 4900)
    small = plan(DerpMap(regions={"1": region(1), "2": region(2)}))
    assert [one.name for _, one in small.nodes] == ["1a", "2a", "1b", "2b", "1c", "2c"]
    assert (small.regions_left_out, small.nodes_left_out) == (0, 4)
    stun_first = region(1).model_copy(update={"nodes": [node(name="s", stun_only=True), node(name="r")]})
    assert [one.name for _, one in plan(DerpMap(regions={"1": stun_first})).nodes] == ["r", "s"]
    assert plan(None) == plan(DerpMap(regions={"1": DerpRegion(region_id=1)})) == Plan(())
