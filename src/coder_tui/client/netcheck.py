"""A netcheck: how far every relay and STUN server of a DERP map is from here. Bounded in work, time and belief.

HTTPS: `GET /derp/latency-check`, which both Coder and Tailscale's derper answer with 200 (else `/generate_204`, which a
real derper answers with 204 and our challenge in `X-Tailscale-Response`), timed from request to head of answer on an
open connection. STUN: RFC 8489 over UDP. The map comes from the deployment and may name anybody: no credential, header
or cookie of ours goes there, no redirect is followed, no body is read.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from time import perf_counter
from urllib.request import getproxies, proxy_bypass

import httpx

from coder_tui.client.failures import reason
from coder_tui.client.netreport import NodeReport, Plan, Probe
from coder_tui.client.resolver import Lookup, Resolver
from coder_tui.client.stun_socket import NO_ROUTE, StunSocket, stun_socket
from coder_tui.client.tls import TlsFiles, https_context
from coder_tui.wire.network import DERP_PORT, STUN_PORT, DerpNode

Tell = Callable[[NodeReport], None]

_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})|[0-9A-Fa-f:.]+")
_PORTS = 0xFFFF
_LATE = "not measured in time"
_CHALLENGE, _RESPONSE = "X-Tailscale-Challenge", "X-Tailscale-Response"


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds for each step and for all of it, and how many nodes are measured at once."""

    resolve: float = 3.0
    stun: float = 2.5
    https: float = 5.0
    all: float = 20.0
    parallel: int = 16


class Netcheck:
    """Measures plans. `ca_file` (PEM) is trusted beside the system's CAs. One event loop owns it."""

    def __init__(
        self, ca_file: Path | None = None, *, limits: Limits | None = None, lookup: Lookup = socket.getaddrinfo
    ) -> None:
        self._ca_file = ca_file
        self._limits = limits or Limits()
        self._resolver = Resolver(lookup)
        self._trust: ssl.SSLContext | None = None
        self._blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # believes any certificate
        self._blind.check_hostname, self._blind.verify_mode = False, ssl.CERT_NONE

    async def measure(self, plan: Plan, tell: Tell) -> None:
        """Measure the nodes of `plan`; `tell` hears of each once, as it is done. Raises ConfigError for the CA file."""
        if self._trust is None and any(not (node.force_http or node.stun_only) for _, node in plan.nodes):
            # no client certificate: that is for the deployment only
            self._trust = await asyncio.to_thread(https_context, TlsFiles(self._ca_file))
        untold = {
            place: NodeReport(region, node.name, node.host_name) for place, (region, node) in enumerate(plan.nodes)
        }
        places = asyncio.Semaphore(self._limits.parallel)

        async def one(place: int, node: DerpNode, run: _Run) -> None:
            async with places:
                report = await run.node(untold[place], node)
            del untold[place]
            tell(report)

        async with AsyncExitStack() as sockets:
            udp4 = await sockets.enter_async_context(stun_socket(socket.AF_INET))
            udp6 = await sockets.enter_async_context(stun_socket(socket.AF_INET6))
            run = _Run(self._resolver, self._limits, self._trust or self._blind, self._blind, {4: udp4, 6: udp6})
            try:
                async with asyncio.timeout(self._limits.all), asyncio.TaskGroup() as group:
                    for place, (_, node) in enumerate(plan.nodes):
                        group.create_task(one(place, node, run), name=f"netcheck:{node.name}")
            except TimeoutError:
                for place, report in untold.items():
                    tell(_unmeasured(report, plan.nodes[place][1], _LATE))


@dataclass(slots=True)
class _Run:
    """What the nodes of one netcheck share."""

    resolver: Resolver
    limits: Limits
    trust: ssl.SSLContext
    blind: ssl.SSLContext
    udp: Mapping[int, StunSocket | None]
    proxies: Mapping[str, str] = field(default_factory=getproxies)

    async def node(self, report: NodeReport, node: DerpNode) -> NodeReport:
        """Everything that `node` offers, at the same time."""
        if not _HOST.fullmatch(node.host_name):
            return _unmeasured(report, node, "its name is no name of a host")
        if not (0 <= node.derp_port <= _PORTS and -1 <= node.stun_port <= _PORTS):
            return _unmeasured(report, node, "its port is no port")
        addresses: list[str] = []
        why = ""
        try:
            addresses = await self._addresses(node)
        except OSError as error:
            why = str(error)
        v4 = next((one for one in addresses if ip_address(one).version == 4), "")
        v6 = next((one for one in addresses if ip_address(one).version == 6), "")
        if not (v4 or v6):
            report = _unmeasured(report, node, why or "it has no address")
            if node.stun_only or not self._proxied(node.host_name):
                return report  # a proxy may know the name
            return replace(report, https=await self._https(node, node.host_name))
        https, stun4, stun6 = await asyncio.gather(
            self._https(node, v4 or v6), self._stun(node, 4, v4), self._stun(node, 6, v6)
        )
        if v4 and stun6 is not None and stun6.why == NO_ROUTE:
            stun6 = None  # that there is no IPv6 here is no fault of the server's
        return replace(report, https=https, stun4=stun4, stun6=stun6)

    async def _addresses(self, node: DerpNode) -> list[str]:
        """The map's own (`none` switches a family off), else those of the name."""
        given = {4: _literal(node.ipv4, IPv4Address), 6: _literal(node.ipv6, IPv6Address)}
        found = [one for one in given.values() if one]
        if not found and node.host_name:
            found = await self.resolver.addresses(node.host_name, self.limits.resolve)
        off = {4: node.ipv4 == "none", 6: node.ipv6 == "none"}
        return [one for one in found if not off[ip_address(one).version]]

    # --- STUN ---

    async def _stun(self, node: DerpNode, version: int, address: str) -> Probe | None:
        udp = self.udp[version]
        if node.stun_port < 0 or not address or udp is None:
            return None
        return await udp.ask(address, node.stun_port or STUN_PORT, self.limits.stun)

    # --- HTTPS ---

    def _proxied(self, host: str) -> bool:
        return any(kind in self.proxies for kind in ("http", "https", "all")) and not proxy_bypass(host)

    async def _https(self, node: DerpNode, address: str) -> Probe | None:
        if node.stun_only:
            return None
        try:
            async with asyncio.timeout(self.limits.https):
                return await self._get(node, address)
        except httpx.RemoteProtocolError:
            return Probe(why="it does not speak HTTP")
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, ValueError, ImportError) as error:
            return Probe(why=reason(error)[0])

    async def _get(self, node: DerpNode, address: str) -> Probe:
        proxied = self._proxied(node.host_name) and not _is_loopback(address)
        scheme, usual = ("http", 80) if node.force_http else ("https", 443)
        port = node.derp_port or DERP_PORT
        host = _bracketed(node.host_name) + ("" if port == usual else f":{port}")
        base = f"{scheme}://{_bracketed(node.host_name if proxied else address)}:{port}"
        # a certificate that the map pins by its hash, or calls a test's, is measured and not believed
        blind = node.insecure_for_tests or node.cert_name.startswith("sha256-raw:")
        name = node.host_name if blind else node.cert_name or node.host_name
        async with httpx.AsyncClient(
            verify=self.blind if blind else self.trust,
            trust_env=proxied,
            follow_redirects=False,
            headers={"Host": host},
        ) as client:
            probe, status, _ = await _timed(client, f"{base}/derp/latency-check", name)
            if status not in (404, 405):
                return probe
            challenge = f"ts_{node.host_name}"[:64]
            probe, status, said = await _timed(client, f"{base}/generate_204", name, {_CHALLENGE: challenge})
            if status != 204 or said != f"response {challenge}":
                return Probe(why="it answers, but is no relay")
            return probe


async def _timed(
    client: httpx.AsyncClient, url: str, name: str, headers: Mapping[str, str] | None = None
) -> tuple[Probe, int, str]:
    """One GET: the time from sending it to the head of the answer, its status, and what it says to a challenge."""
    times: dict[str, float] = {}

    async def trace(event: str, _: object) -> None:
        times[event.removeprefix("http11.")] = perf_counter()

    extensions = {"trace": trace, "sni_hostname": name}
    begun = perf_counter()
    async with client.stream("GET", url, headers=headers, extensions=extensions) as response:
        answered = times.get("receive_response_headers.complete", perf_counter())
        ms = (answered - times.get("send_request_headers.started", begun)) * 1000
        status = response.status_code
        fine = 200 <= status < 300
        word = " (a login page of the network?)" if 300 <= status < 400 else ""
        probe = Probe(ms) if fine else Probe(why=f"it answers {status}{word}")
        return probe, status, response.headers.get(_RESPONSE, "")


def _literal(text: str, kind: type[IPv4Address] | type[IPv6Address]) -> str:
    try:
        return str(kind(text))
    except ValueError:
        return ""


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _unmeasured(report: NodeReport, node: DerpNode, why: str) -> NodeReport:
    """Nothing could be measured of what the node offers."""
    return replace(
        report,
        https=None if node.stun_only else Probe(why=why),
        stun4=None if node.stun_port < 0 else Probe(why=why),
    )
