"""The parts with a network: Google's keys, Azure's issuers, reuse of proofs. Real sockets on loopback."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from coder_tui.errors import ConfigError, ProtocolError, UnreachableError
from coder_tui.hub.instance_identity import IdentityError, UnknownIssuerError, azure
from coder_tui.hub.instance_identity.fetch import AzureIssuers, GoogleKeys
from coder_tui.hub.instance_identity.replay import ReplayCache
from coder_tui.hub.instance_identity.service import IdentityConfig, IdentityService
from tests.client.support import serving
from tests.hub import identity_kit as kit
from tests.hub.identity_kit import NOW, claims, token
from tests.hub.test_identity_azure import attested, document, leaf, pki

HOST = "http://www.microsoft.com/pkiops/certs"


class Publisher:
    """What a publisher answers, by path, and what it was asked."""

    def __init__(self, **answers: bytes) -> None:
        self.answers: dict[str, bytes] = {f"/{name}": body for name, body in answers.items()}
        self.headers: dict[str, str] = {}
        self.asked: list[str] = []

    async def __call__(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        body = self.answers.get(request.url.path)
        return Response("no", 404) if body is None else Response(body, headers=self.headers)

    @property
    def route(self) -> Route:
        return Route("/{path:path}", self.__call__)


class Elsewhere(httpx.AsyncBaseTransport):
    """Every request goes to one local server, whatever host it names."""

    def __init__(self, base: str) -> None:
        self._base = httpx.URL(base)
        self._inner = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url.copy_with(scheme=self._base.scheme, host=self._base.host, port=self._base.port)
        return await self._inner.handle_async_request(httpx.Request(request.method, url, headers={"Host": url.host}))

    async def aclose(self) -> None:
        await self._inner.aclose()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_google_keys_are_fetched_once_and_kept_as_long_as_google_says() -> None:
    publisher, clock = Publisher(certs=kit.jwks(k1=kit.rsa_key("google"))), Clock()
    publisher.headers = {"Cache-Control": "public, max-age=1000, must-revalidate"}
    async with serving(publisher.route) as base:
        source = GoogleKeys(f"{base}/certs", clock=clock)
        for _ in range(3):
            assert "k1" in await source.having("k1")
        assert len(publisher.asked) == 1
        clock.now += 1001
        assert "k1" in await source.having("k1")
        assert len(publisher.asked) == 2


async def test_an_unknown_key_is_looked_for_once_a_minute() -> None:
    publisher, clock = Publisher(certs=kit.jwks(k1=kit.rsa_key("google"))), Clock()
    async with serving(publisher.route) as base:
        source = GoogleKeys(f"{base}/certs", clock=clock)
        await source.having("k1")
        publisher.answers["/certs"] = kit.jwks(k1=kit.rsa_key("google"), k2=kit.rsa_key("two"))
        assert "k2" not in await source.having("k2")
        clock.now += 61
        assert "k2" in await source.having("k2")
        assert len(publisher.asked) == 2


async def test_known_keys_outlive_a_short_outage_but_not_a_long_one() -> None:
    publisher, clock = Publisher(certs=kit.jwks(k1=kit.rsa_key("google"))), Clock()
    async with serving(publisher.route) as base:
        source = GoogleKeys(f"{base}/certs", clock=clock)
        await source.having("k1")
        publisher.answers.clear()
        clock.now += 3600
        assert "k1" in await source.having("k1")
        clock.now += 90_000
        with pytest.raises(UnreachableError, match="404"):
            await source.having("k1")


async def test_without_keys_the_publisher_is_not_pestered() -> None:
    publisher, clock = Publisher(), Clock()
    async with serving(publisher.route) as base:
        source = GoogleKeys(f"{base}/certs", clock=clock)
        for _ in range(3):
            with pytest.raises(UnreachableError):
                await source.having("k1")
        assert len(publisher.asked) == 1
        publisher.answers["/certs"] = kit.jwks(k1=kit.rsa_key("google"))
        clock.now += 6
        assert "k1" in await source.having("k1")


async def test_answers_that_are_no_keys_say_so() -> None:
    publisher = Publisher(certs=b"<html>", huge=b"x" * 300_000)
    async with serving(publisher.route) as base:
        with pytest.raises(ProtocolError, match="keys cannot be read"):
            await GoogleKeys(f"{base}/certs").having("k1")
        with pytest.raises(UnreachableError, match="too long"):
            await GoogleKeys(f"{base}/huge").having("k1")


async def test_google_keys_can_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "certs.json"
    source = GoogleKeys(path=file)
    with pytest.raises(ConfigError, match=r"certs\.json"):
        await source.having("k1")
    file.write_bytes(kit.jwks(k1=kit.rsa_key("google")))
    service = IdentityService(IdentityConfig(google_keys_file=file), now=lambda: NOW)
    assert (await service.google(token(claims()))).instance_id == "152986662232938449"


async def test_a_token_is_refused_when_no_keys_are_to_be_had() -> None:
    async with serving(Publisher().route) as base:
        service = IdentityService(IdentityConfig(google_keys_url=f"{base}/certs"), now=lambda: NOW)
        with pytest.raises(IdentityError, match="404"):
            await service.google(token(claims()))


async def test_a_token_that_cannot_be_good_asks_nobody() -> None:
    publisher = Publisher()
    async with serving(publisher.route) as base:
        service = IdentityService(IdentityConfig(google_keys_url=f"{base}/certs"), now=lambda: NOW)
        with pytest.raises(IdentityError, match="RS256"):
            await service.google(token(claims(), header={"alg": "none", "kid": "k1"}))
    assert publisher.asked == []


@cache
def chain() -> tuple[kit.Holder, kit.Holder, kit.Holder]:
    """Root, a middle authority, and the issuing one whose certificate says where the middle one is."""
    root = kit.certify("Root", kit.ec_key("root"), authority=True)
    middle = kit.certify("Middle", kit.ec_key("middle"), root, authority=True)
    issuing = kit.certify("Issuing", kit.ec_key("issuing"), middle, authority=True, issuer_url=f"{HOST}/middle.crt")
    return root, middle, issuing


def der(holder: kit.Holder) -> bytes:
    return holder.certificate.public_bytes(Encoding.DER)


def service_for(base: str, tmp_path: Path, clock: Clock | None = None) -> IdentityService:
    file = tmp_path / "root.pem"
    file.write_bytes(chain()[0].certificate.public_bytes(Encoding.PEM))
    issuers = AzureIssuers(transport=Elsewhere(base), clock=clock or Clock())
    return IdentityService(IdentityConfig(azure_roots=(file,)), now=lambda: NOW, issuers=issuers)


async def test_missing_issuers_are_fetched_up_to_the_root_and_kept(tmp_path: Path) -> None:
    _, middle, issuing = chain()
    publisher = Publisher()
    publisher.answers = {
        "/pkiops/certs/issuing.crt": issuing.certificate.public_bytes(Encoding.PEM),
        "/pkiops/certs/middle.crt": pkcs7.serialize_certificates([middle.certificate], Encoding.DER),
    }
    async with serving(publisher.route) as base:
        service = service_for(base, tmp_path)
        for _ in range(2):
            assert (await service.azure("pkcs7", attested(signer=leaf(issuing=issuing)))).cloud == "Azure"
    assert publisher.asked == ["/pkiops/certs/issuing.crt", "/pkiops/certs/middle.crt"]


async def test_fetched_certificates_are_not_trusted(tmp_path: Path) -> None:
    evil = kit.certify("Evil", kit.ec_key("evil"), authority=True)
    publisher = Publisher()
    publisher.answers = {"/pkiops/certs/issuing.crt": der(evil)}
    async with serving(publisher.route) as base:
        with pytest.raises(IdentityError, match="does not chain"):
            await service_for(base, tmp_path).azure("pkcs7", attested(signer=leaf(issuing=evil)))
    assert publisher.asked == ["/pkiops/certs/issuing.crt"]


async def test_what_is_not_there_is_asked_for_once_a_minute(tmp_path: Path) -> None:
    issuing, publisher, clock = chain()[2], Publisher(), Clock()
    async with serving(publisher.route) as base:
        service = service_for(base, tmp_path, clock)
        for _ in range(3):
            with pytest.raises(UnknownIssuerError):
                await service.azure("pkcs7", attested(signer=leaf(issuing=issuing)))
        clock.now += 61
        with pytest.raises(UnknownIssuerError):
            await service.azure("pkcs7", attested(signer=leaf(issuing=issuing)))
    assert len(publisher.asked) == 2


FORBIDDEN = (
    "http://evil.example/a.crt",
    "http://www.microsoft.com.evil.example/a.crt",
    "http://www.microsoft.com@evil.example/a.crt",
    "http://user@www.microsoft.com/a.crt",
    "http://www.microsoft.com:22/a.crt",
    "http://www.microsoft.com:99999/a.crt",
    "ldap://www.microsoft.com/a.crt",
    "file:///etc/passwd",
    "http://169.254.169.254/latest",
    "http://[::1/a.crt",
    "http://www.microsoft.com/" + "a" * 600,
    "",
)


async def test_no_other_address_is_asked() -> None:
    publisher = Publisher()
    async with serving(publisher.route) as base:
        for url in FORBIDDEN:
            assert await AzureIssuers(transport=Elsewhere(base)).above((url,)) == (), url
    assert publisher.asked == []


async def test_misses_do_not_push_out_what_was_found(tmp_path: Path) -> None:
    _, middle, issuing = chain()
    publisher = Publisher()
    publisher.answers = {"/pkiops/certs/issuing.crt": der(issuing), "/pkiops/certs/middle.crt": der(middle)}
    async with serving(publisher.route) as base:
        issuers = AzureIssuers(transport=Elsewhere(base), clock=Clock())
        wanted = await issuers.above((f"{HOST}/issuing.crt",))
        assert wanted == (issuing.certificate, middle.certificate)
        for number in range(0, 80, 4):
            assert await issuers.above(tuple(f"{HOST}/{n}.crt" for n in range(number, number + 4))) == ()
        publisher.asked.clear()
        assert await issuers.above((f"{HOST}/issuing.crt",)) == wanted
    assert publisher.asked == []


async def test_only_a_few_addresses_are_asked() -> None:
    publisher = Publisher()
    async with serving(publisher.route) as base:
        await AzureIssuers(transport=Elsewhere(base)).above(tuple(f"{HOST}/{n}.crt" for n in range(30)))
    assert len(publisher.asked) == 4


async def test_an_endless_climb_ends() -> None:
    loop = kit.certify("Loop", kit.ec_key("loop"), authority=True, issuer_url=f"{HOST}/loop.crt")
    publisher = Publisher()
    publisher.answers = {"/pkiops/certs/loop.crt": der(loop)}
    async with serving(publisher.route) as base:
        assert await AzureIssuers(transport=Elsewhere(base)).above((f"{HOST}/loop.crt",)) == (loop.certificate,)
    assert len(publisher.asked) == 1


async def test_proofs_can_be_used_again_unless_the_owner_says_no(tmp_path: Path) -> None:
    file = tmp_path / "certs.json"
    file.write_bytes(kit.jwks(k1=kit.rsa_key("google")))
    lenient = IdentityService(IdentityConfig(google_keys_file=file), now=lambda: NOW)
    strict = IdentityService(IdentityConfig(google_keys_file=file, single_use=True), now=lambda: NOW)
    once, other = token(claims()), token(claims(sub="2"))
    assert await lenient.google(once) == await lenient.google(once) == await strict.google(once)
    assert (await strict.google(other)).instance_id == "152986662232938449"
    with pytest.raises(IdentityError, match="used before"):
        await strict.google(once)


def test_the_aws_service_uses_the_owner_s_certificates(tmp_path: Path) -> None:
    holder = kit.pinned(2048)
    file = tmp_path / "aws.pem"
    file.write_bytes(holder.certificate.public_bytes(Encoding.PEM))
    service = IdentityService(IdentityConfig(aws_certificates=(file,), single_use=True), now=lambda: NOW)
    signature = kit.b64(kit.message(b'{"instanceId":"i-1","region":"lab-1"}', holder))
    for _ in range(2):  # AWS documents never expire, so there is no single use to enforce
        assert service.aws(signature, "").instance_id == "i-1"


def test_the_replay_cache_is_bounded_and_forgets_what_has_expired() -> None:
    cache_of_two = ReplayCache(capacity=2)
    proofs = [azure.verify("pkcs7", attested(document(nonce=str(n))), pki().trust, now=NOW) for n in range(3)]
    cache_of_two.use(proofs[0], NOW)
    cache_of_two.use(proofs[1], NOW)
    with pytest.raises(IdentityError, match="too many"):
        cache_of_two.use(proofs[2], NOW)
    cache_of_two.use(proofs[2], NOW + timedelta(hours=7))
    with pytest.raises(IdentityError, match="used before"):
        cache_of_two.use(proofs[2], NOW + timedelta(hours=7))
