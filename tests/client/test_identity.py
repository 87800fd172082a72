"""The agent's side: proofs from a metadata service, exchanged at a deployment. Both are real local servers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from coder_tui.client import identity
from coder_tui.client.identity import CloudName
from coder_tui.errors import (
    ApiError,
    CoderTuiError,
    CredentialsError,
    NotFoundError,
    ProtocolError,
    UnreachableError,
    UsageError,
)
from coder_tui.wire.auth import AwsInstanceIdentity, AzureInstanceIdentity
from tests.client.support import serving

TOKEN = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
CLOUDS: list[CloudName] = ["aws", "azure", "google"]


@dataclass
class Metadata:
    """The metadata services of all three clouds, each as strict as the real one."""

    broken: dict[str, Response] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def __call__(self, request: Request) -> Response:
        path, query, headers = request.url.path, request.query_params, request.headers
        self.asked.append(f"{request.method} {path}")
        if path in self.broken:
            return self.broken[path]
        if path == "/latest/api/token":
            good = request.method == "PUT" and 1 <= int(headers["X-aws-ec2-metadata-token-ttl-seconds"]) <= 21600
            return Response("secret-token==" if good else "", 200 if good else 400)
        if path.startswith("/latest/dynamic/instance-identity/"):
            if headers.get("X-aws-ec2-metadata-token") != "secret-token==":
                return Response("", 401)
            return Response({"signature": "c2ln\nbmVk", "document": '{\n "a" : 1\n}'}[path.rsplit("/", 1)[1]])
        if path == "/metadata/attested/document":
            if (
                headers.get("Metadata") != "true"
                or "X-Forwarded-For" in headers
                or query["api-version"] != "2020-09-01"
            ):
                return Response("", 400)
            return JSONResponse({"encoding": "pkcs7", "signature": "c2lnbmVk"})
        if path == "/computeMetadata/v1/instance/service-accounts/default/identity":
            if headers.get("Metadata-Flavor") != "Google":
                return Response("", 403)
            good = query["audience"] == "coder" and query["format"] == "full"
            return Response("a.b.c\n", 200 if good else 400, headers={"Metadata-Flavor": "Google"})
        return Response("", 404)


@dataclass
class Deployment:
    """A deployment's exchange: what it got, and what it answers."""

    answer: Response = field(default_factory=lambda: JSONResponse({"session_token": TOKEN}))
    got: list[tuple[str, Any]] = field(default_factory=list)

    async def __call__(self, request: Request) -> Response:
        self.got.append((request.url.path, json.loads(await request.body())))
        return self.answer


@asynccontextmanager
async def both(metadata: Metadata, deployment: Deployment) -> AsyncIterator[str]:
    """One server that is both: their paths do not meet."""
    methods = ["GET", "PUT", "POST"]
    async with serving(
        Route("/api/{path:path}", deployment.__call__, methods=methods),
        Route("/{path:path}", metadata.__call__, methods=methods),
    ) as base:
        yield base


async def test_a_proof_is_fetched_and_exchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    deployment = Deployment()
    async with both(Metadata(), deployment) as base:
        monkeypatch.setenv(identity.METADATA_ENV, base + "/")
        tokens = [await identity.session_token(base + "/", cloud) for cloud in CLOUDS]
    assert {token.session_token for token in tokens} == {TOKEN}
    assert TOKEN not in repr(tokens)
    assert deployment.got == [
        (
            "/api/v2/workspaceagents/aws-instance-identity",
            {"signature": "c2ln\nbmVk", "document": '{\n "a" : 1\n}'},  # to the byte: it is signed
        ),
        ("/api/v2/workspaceagents/azure-instance-identity", {"signature": "c2lnbmVk", "encoding": "pkcs7"}),
        ("/api/v2/workspaceagents/google-instance-identity", {"json_web_token": "a.b.c"}),
    ]


async def test_the_agent_s_name_is_sent_when_there_is_one() -> None:
    deployment = Deployment()
    async with both(Metadata(), deployment) as base:
        for cloud in CLOUDS:
            await identity.session_token(base, cloud, base=base, agent_name="main")
    assert [body["agent_name"] for _, body in deployment.got] == ["main"] * 3


async def test_no_proxy_sees_the_metadata_service(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Metadata()
    async with both(Metadata(), Deployment()) as base, serving(Route("/{path:path}", proxy.__call__)) as elsewhere:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, elsewhere)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        proof = await identity.fetch_proof("azure", base=base)
    assert isinstance(proof, AzureInstanceIdentity)
    assert proxy.asked == []


async def test_nothing_at_the_address_is_said() -> None:
    async with serving(Route("/", Metadata().__call__)) as base:
        pass  # the server is gone, its port is free
    for cloud in CLOUDS:
        with pytest.raises(UnreachableError, match="cannot reach the metadata service") as caught:
            await identity.fetch_proof(cloud, base=base)
        assert "agent token" in caught.value.fix


AWS_FOLDER = "/latest/dynamic/instance-identity"
AZURE = "/metadata/attested/document"
FOREIGN: list[tuple[CloudName, str, Response, str]] = [
    ("aws", "/latest/api/token", Response("", 404), "answers 404"),
    ("aws", "/latest/api/token", Response("bad\r\ntoken", 200), "no usable token"),
    ("aws", "/latest/api/token", Response("", 200), "with nothing"),
    ("aws", f"{AWS_FOLDER}/document", Response(b"\xff", 200), "not answer in text"),
    ("aws", f"{AWS_FOLDER}/signature", Response("x" * 70_000), "unreasonable length"),
    ("azure", AZURE, Response("<html>", 200), "not answer in JSON"),
    ("azure", AZURE, JSONResponse({"encoding": "pkcs7"}), "signs nothing"),
    ("azure", AZURE, Response("", 410), "answers 410"),
    ("azure", AZURE, RedirectResponse("/elsewhere"), "answers 307"),
    ("google", "/computeMetadata/v1/instance/service-accounts/default/identity", Response("a.b.c"), "not Google's"),
]


async def test_another_cloud_s_answer_is_no_proof() -> None:
    metadata = Metadata()
    async with both(metadata, Deployment()) as base:
        for cloud, path, answer, says in FOREIGN:
            metadata.broken = {path: answer}
            with pytest.raises(CredentialsError, match="does not prove to be in") as caught:
                await identity.fetch_proof(cloud, base=base)
            assert says in caught.value.why


REFUSALS: list[tuple[int, type[CoderTuiError], str]] = [
    (401, CredentialsError, "clocks"),
    (404, NotFoundError, "no agent belongs"),
    (409, ApiError, "CODER_AGENT_NAME"),
    (400, ApiError, "latest build"),
    (500, ApiError, "did not trade"),
    (307, ApiError, "did not trade"),
]


async def test_refusals_say_what_to_do() -> None:
    deployment = Deployment()
    async with both(Metadata(), deployment) as base:
        for status, kind, says in REFUSALS:
            answer = JSONResponse({"message": "Invalid \x1b[31mAWS identity.", "detail": "because"}, status)
            answer.headers["Location"] = "/elsewhere"
            deployment.answer = answer
            with pytest.raises(kind, match=says) as caught:
                await identity.session_token(base, "aws", base=base)
            assert "Invalid AWS identity. because" in str(caught.value)
            assert "c2ln" not in str(caught.value)
    assert len(deployment.got) == len(REFUSALS)  # the redirect was not followed


async def test_answers_that_are_not_the_contract_s_are_still_a_sentence() -> None:
    deployment = Deployment(Response("<html>", 502))
    async with both(Metadata(), deployment) as base:
        with pytest.raises(ApiError, match="502"):
            await identity.session_token(base, "aws", base=base)
        for answer in (Response("<html>"), JSONResponse({}), JSONResponse({"session_token": ""})):
            deployment.answer = answer
            with pytest.raises(ProtocolError):
                await identity.session_token(base, "aws", base=base)


async def test_a_deployment_that_is_gone_is_unreachable() -> None:
    async with serving(Route("/", Deployment().__call__)) as url:
        pass
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(UnreachableError, match="cannot reach"):
            await identity.exchange(url, "aws", AwsInstanceIdentity(signature="a", document="b"), client=client)


def test_auth_methods_have_coder_s_names() -> None:
    assert identity.cloud_of("aws-instance-identity") == "aws"
    assert identity.cloud_of("Google-Instance-Identity") == "google"
    assert identity.cloud_of("azure") == "azure"
    for word in ("token", "", "gcp", "aws-instance"):
        with pytest.raises(UsageError, match="aws-instance-identity"):
            identity.cloud_of(word)


def test_the_address_can_be_changed_but_must_be_one() -> None:
    assert identity.metadata_url({}) == "http://169.254.169.254"
    assert identity.metadata_url({identity.METADATA_ENV: " http://[fd00:ec2::254]/ "}) == "http://[fd00:ec2::254]"
    for bad in ("169.254.169.254", "ftp://x", "http://", "http://[::1", "http://x:99999"):
        with pytest.raises(UsageError, match=identity.METADATA_ENV):
            identity.metadata_url({identity.METADATA_ENV: bad})
