"""A deployment with a CA of its own that wants client certificates: REST, sockets, events and terminals get through."""

from __future__ import annotations

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from coder_tui.client.events import PtyOpened, PtyOutput
from coder_tui.client.pty import PtyStream
from coder_tui.client.rest import RestClient
from coder_tui.client.streams import Streams, Watched
from coder_tui.client.tls import TlsFiles, tls_context
from coder_tui.errors import ConfigError, UnreachableError
from tests.client.support import credentials, serving

WORKSPACE = str(uuid4())
JSON = f'{{"id":"{WORKSPACE}","name":"dev"}}'


@dataclass(frozen=True, slots=True)
class Authority:
    ca: trustme.CA
    files: TlsFiles
    other: TlsFiles  # a certificate of another CA

    def server(self, *, wants_certificate: bool) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert("127.0.0.1").configure_cert(context)
        if wants_certificate:
            context.verify_mode = ssl.CERT_REQUIRED
            self.ca.configure_trust(context)
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    directory = tmp_path_factory.mktemp("tls")

    def files(ca: trustme.CA, name: str) -> TlsFiles:
        certificate = ca.issue_cert("kira@acme.io")
        cert, key = directory / f"{name}.pem", directory / f"{name}.key"
        certificate.private_key_pem.write_to_path(key)
        for blob in certificate.cert_chain_pems:
            blob.write_to_path(cert, append=True)
        return TlsFiles(cert_file=cert, key_file=key)

    ca, other = trustme.CA(), trustme.CA()
    ca_file = directory / "ca.pem"
    ca.cert_pem.write_to_path(ca_file)
    return Authority(ca, replace(files(ca, "me"), ca_file=ca_file), replace(files(other, "other"), ca_file=ca_file))


def routes(with_socket: bool) -> list[BaseRoute]:
    async def me(request: Request) -> Response:
        return JSONResponse({"username": "kira"})

    async def watch_ws(socket: WebSocket) -> None:
        if not with_socket:
            await socket.send_denial_response(JSONResponse({"message": "Route not found."}, 404))
            return
        await socket.accept()
        await socket.send_text(f'{{"type":"data","data":{JSON}}}')
        await socket.receive()

    async def watch(request: Request) -> Response:
        return StreamingResponse(iter([f"event: data\ndata: {JSON}\n\n"]), media_type="text/event-stream")

    async def pty(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_bytes(b"hello")
        await socket.receive()

    return [
        Route("/api/v2/users/me", me),
        Route("/api/v2/workspaces/{id}/watch", watch),
        WebSocketRoute("/api/v2/workspaces/{id}/watch-ws", watch_ws),
        WebSocketRoute("/api/v2/workspaceagents/{id}/pty", pty),
    ]


@pytest.mark.parametrize("with_socket", [True, False], ids=["socket", "events"])
async def test_everything_gets_through(authority: Authority, with_socket: bool) -> None:
    async with serving(*routes(with_socket), tls=authority.server(wants_certificate=True)) as url:
        found = replace(credentials(url), tls=authority.files)
        async with RestClient(found) as rest:
            assert (await rest.me()).username == "kira"
            streams = Streams(rest)
            async with aclosing(streams.watch(WORKSPACE)) as events:
                assert isinstance(await anext(events), Watched)
            assert streams.sse_only is not with_socket
        stream = PtyStream(found, str(uuid4()), str(uuid4()), (80, 24))
        async with aclosing(aiter(stream)) as output:
            assert [type(await anext(output)) for _ in range(2)] == [PtyOpened, PtyOutput]


async def test_a_ca_that_is_missing_is_said(authority: Authority) -> None:
    async with serving(*routes(True), tls=authority.server(wants_certificate=False)) as url:
        async with RestClient(credentials(url)) as rest:
            with pytest.raises(UnreachableError, match=r"certificate is not trusted.*CODER_CLIENT_TLS_CA_FILE"):
                await rest.me()
        only_ca = TlsFiles(ca_file=authority.files.ca_file)
        async with RestClient(replace(credentials(url), tls=only_ca)) as rest:
            assert (await rest.me()).username == "kira"


async def test_a_client_certificate_that_is_missing_is_said(authority: Authority) -> None:
    context = authority.server(wants_certificate=True)
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # with 1.3 the refusal comes late, and may be lost in a reset
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        # not asyncio: its servers hang up without the alert that others send
        def refuse() -> None:
            with pytest.raises(ssl.SSLError), listener.accept()[0] as link:
                context.wrap_socket(link, server_side=True)

        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        for files in (replace(authority.files, cert_file=None, key_file=None), authority.other):
            refusing = pool.submit(refuse)
            async with RestClient(replace(credentials(url), tls=files)) as rest:
                with pytest.raises(UnreachableError, match=r"want a client certificate.*CODER_CLIENT_TLS_CERT_FILE"):
                    await rest.me()
            refusing.result()


def test_files_that_cannot_be_used(authority: Authority, tmp_path: Path) -> None:
    url, good = "https://dev.acme.io", authority.files
    assert tls_context("http://dev.acme.io", TlsFiles(ca_file=tmp_path / "none")) is None
    text, locked = tmp_path / "text.pem", tmp_path / "locked.pem"
    text.write_text("not PEM")
    key = authority.ca.issue_cert("x.io").private_key_pem.bytes()
    encryption = serialization.BestAvailableEncryption(b"passphrase")
    private = serialization.load_pem_private_key(key, None)
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    locked.write_bytes(private.private_bytes(pem, pkcs8, encryption))
    for files, words in (
        (TlsFiles(ca_file=tmp_path / "none.pem"), r"CA file .*none\.pem cannot be used: No such file"),
        (TlsFiles(ca_file=text), r"CA file .*text\.pem cannot be used: it holds no certificate"),
        (replace(good, cert_file=text), "client certificate .* cannot be used"),
        (replace(good, key_file=locked), "its key needs a passphrase"),
        (replace(good, key_file=authority.other.key_file), "the key belongs to another certificate"),
        (TlsFiles(key_file=good.key_file), "has no certificate"),
    ):
        with pytest.raises(ConfigError, match=words):
            tls_context(url, files)
