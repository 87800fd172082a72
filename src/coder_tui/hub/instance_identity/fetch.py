"""What verifying needs from the network: Google's keys and the certificates of Azure's issuing authorities.

Both are cached, bounded, and asked for one at a time: an anonymous caller can neither make the hub knock on other
doors nor knock often.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7

from coder_tui.errors import CoderTuiError, ConfigError, UnreachableError
from coder_tui.hub.instance_identity import azure, cms, google
from coder_tui.hub.instance_identity.roots import Certificates

GOOGLE_KEYS = "https://www.googleapis.com/oauth2/v3/certs"
ISSUER_HOSTS = frozenset({"www.microsoft.com", "caissuers.microsoft.com", "cacerts.digicert.com"})
"""Where Azure's authorities publish certificates (learn.microsoft.com/azure/security/fundamentals/azure-ca-details)."""

_TIMEOUT = httpx.Timeout(5.0)
_MAX_ANSWER = 256 << 10
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=([0-9]{1,9})(?:$|[\s,])")
_SHORTEST, _LONGEST = 300.0, 86_400.0  # seconds that an answer is kept
_AGAIN = 60.0  # seconds before asking again for what was not there
_AFTER_FAILURE = 5.0  # seconds before asking again when there is nothing to go on with
_MAX_ISSUERS = 64
_MAX_HOPS = 3
_MAX_URLS = 4  # that are asked in one step
_LONGEST_CLIMB = 10.0  # seconds


class GoogleKeys:
    """Google's signing keys by `kid`, from `url` (JWKS), kept as long as its Cache-Control says.

    `path` instead reads them from a file, for a hub that reaches no network.
    """

    def __init__(
        self,
        url: str = GOOGLE_KEYS,
        *,
        path: Path | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url, self._path, self._transport, self._clock = url, path, transport, clock
        self._keys: dict[str, rsa.RSAPublicKey] = {}
        self._fresh_until = self._again_at = float("-inf")
        self._lock = asyncio.Lock()

    async def having(self, kid: str) -> google.Keys:
        """All keys, fetched anew when they are old or `kid` is not among them, at most once a minute.

        Raises UnreachableError, ProtocolError or ConfigError when there are no usable keys at all.
        """
        async with self._lock:
            now = self._clock()
            if (now >= self._fresh_until or kid not in self._keys) and now >= self._again_at:
                self._again_at = now + _AGAIN
                try:
                    await self._load(now)
                except CoderTuiError:
                    # keys already known outlive a short outage of their publisher, not a long one
                    if now >= self._fresh_until + _LONGEST:
                        self._keys = {}
                    if not self._keys:
                        self._again_at = now + _AFTER_FAILURE
                        raise
            if not self._keys:
                raise UnreachableError("Google's keys are not there", why="fetching them failed moments ago")
            return self._keys

    async def _load(self, now: float) -> None:
        if self._path is not None:
            try:
                body, age = self._path.read_bytes(), 0.0
            except OSError as error:
                why = error.strerror or "it cannot be opened"
                raise ConfigError(f"cannot read {self._path}", why=why, fix="name a JWKS file") from None
        else:
            body, headers = await _get(self._url, self._transport)
            found = _MAX_AGE.search(headers.get("cache-control", ""))
            age = float(found[1]) if found else 0.0
        self._keys = google.parse_keys(body)
        self._fresh_until = now + min(max(age, _SHORTEST), _LONGEST)


class AzureIssuers:
    """Certificates of authorities, by the URLs in certificates that they issued; only from `hosts`."""

    def __init__(
        self,
        *,
        hosts: frozenset[str] = ISSUER_HOSTS,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hosts, self._transport, self._clock = hosts, transport, clock
        self._known: dict[str, tuple[Certificates, float]] = {}
        self._lock = asyncio.Lock()

    async def above(self, urls: tuple[str, ...]) -> Certificates:
        """The certificates at `urls` and above them, at most three steps up. What is not there is left out.

        They prove nothing by themselves: a chain through them still has to end in a trusted root.
        """
        found: list[x509.Certificate] = []
        async with self._lock:
            try:
                async with asyncio.timeout(_LONGEST_CLIMB):
                    await self._climb(urls, found)
            except TimeoutError:
                pass  # what was found may do
        return tuple(found)

    async def _climb(self, urls: tuple[str, ...], found: list[x509.Certificate]) -> None:
        for _ in range(_MAX_HOPS):
            step = [c for url in urls[:_MAX_URLS] if self._allowed(url) for c in await self._at(url)]
            fresh = [c for c in step if c not in found]
            found += fresh
            urls = tuple(url for c in fresh for url in azure.issuer_urls(c))

    def _allowed(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
            return (
                parts.scheme in ("http", "https")
                and parts.hostname in self._hosts
                and parts.port in (None, 80, 443)
                and not parts.username
                and len(url) <= 512
            )
        except ValueError:
            return False

    async def _at(self, url: str) -> Certificates:
        now = self._clock()
        certificates, until = self._known.get(url, ((), 0.0))
        if now < until:
            return certificates
        try:
            body, _ = await _get(url, self._transport)
            certificates, until = _certificates(body), now + _LONGEST
        except (UnreachableError, *cms.FAULTS):
            certificates, until = (), now + _AGAIN
        if len(self._known) >= _MAX_ISSUERS:
            # anyone can make us remember a miss, so misses go first
            missed = (known for known, (certificates, _) in self._known.items() if not certificates)
            self._known.pop(next(missed, next(iter(self._known))))
        self._known[url] = (certificates, until)
        return certificates


def _certificates(body: bytes) -> Certificates:
    """DER, PEM or a certs-only PKCS #7 message (RFC 5280, 4.2.2.1)."""
    if body.lstrip().startswith(b"-----"):
        return tuple(x509.load_pem_x509_certificates(body)[:4])
    try:
        return (x509.load_der_x509_certificate(body),)
    except cms.FAULTS:
        return tuple(pkcs7.load_der_pkcs7_certificates(body)[:4])


async def _get(url: str, transport: httpx.AsyncBaseTransport | None) -> tuple[bytes, httpx.Headers]:
    """One bounded answer; redirects are not followed. Raises UnreachableError without the URL's query."""
    host = urlsplit(url).hostname or "?"
    try:
        async with (
            # authorities publish over plain http, where loading the trust store is 20 ms for nothing
            httpx.AsyncClient(timeout=_TIMEOUT, transport=transport, verify=url.startswith("https:")) as client,
            client.stream("GET", url) as response,
        ):
            if response.status_code != 200:
                raise UnreachableError(f"cannot get what {host} publishes", why=f"it answers {response.status_code}")
            body = b""
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _MAX_ANSWER:
                    raise UnreachableError(f"cannot get what {host} publishes", why="the answer is too long")
            return body, response.headers
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = str(error) or type(error).__name__
        raise UnreachableError(
            f"cannot get what {host} publishes",
            why=why,
            fix="check the network, or name a local file in the hub's file",
        ) from None
