"""Machines of a cloud get their agent's token for a proof: AWS and Google for real, and every way it can fail."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from coder_tui.errors import ConfigError
from coder_tui.hub.config import CONFIG_FILE, load_hub_config
from tests.hub import identity_kit as kit
from tests.hub.support import Json, Peer, a_hub, agent_token

INSTANCE = "i-0123456789abcdef0"


@pytest.fixture(scope="module")
def signer() -> kit.Holder:
    now = datetime.now(UTC)
    return kit.pinned(start=now - timedelta(days=1), end=now + timedelta(days=1))


@pytest.fixture
async def hub(tmp_path: Path, signer: kit.Holder) -> AsyncIterator[Peer]:
    """A hub that trusts the signer's AWS documents and a Google of our own."""
    data = tmp_path / "hub"
    data.mkdir()
    (data / "aws.pem").write_bytes(signer.certificate.public_bytes(Encoding.PEM))
    (data / "google.json").write_bytes(kit.jwks(k1=kit.rsa_key("google")))
    (data / CONFIG_FILE).write_text(
        '[identity]\naws_certificates = ["aws.pem"]\ngoogle_keys_file = "google.json"\nazure_fetch_issuers = false\n'
    )
    async with a_hub(data) as peer:
        yield peer


def proof(signer: kit.Holder, instance_id: str = INSTANCE) -> dict[str, str]:
    """What an AWS machine sends."""
    document = json.dumps({"instanceId": instance_id, "region": "lab-1", "accountId": "1"}).encode()
    return {"signature": kit.b64(kit.message(document, signer)), "document": document.decode()}


async def exchange(hub: Peer, body: Json, cloud: str = "aws") -> httpx.Response:
    async with httpx.AsyncClient(base_url=hub.url) as anonymous:
        return await anonymous.post(f"/api/v2/workspaceagents/{cloud}-instance-identity", json=body)


async def test_an_aws_machine_gets_its_agent_s_token(hub: Peer, signer: kit.Holder) -> None:
    workspace = await hub.workspace(instance_id=INSTANCE)
    assert workspace["latest_build"]["resources"][0]["agents"][0]["instance_id"] == INSTANCE
    answer = await exchange(hub, proof(signer))
    assert (answer.status_code, answer.json()) == (200, {"session_token": await agent_token(hub, workspace)})


async def test_a_google_machine_gets_its_agent_s_token(hub: Peer) -> None:
    workspace = await hub.workspace(instance_id="152986662232938449")
    now = int(time.time())
    body = {"json_web_token": kit.token(kit.claims(iat=now - 60, exp=now + 3000))}
    answer = await exchange(hub, body, "google")
    assert (answer.status_code, answer.json()) == (200, {"session_token": await agent_token(hub, workspace)})
    late = {"json_web_token": kit.token(kit.claims(iat=now - 7200, exp=now - 3600))}
    refused = await exchange(hub, late, "google")
    assert (refused.status_code, refused.json()["message"]) == (401, "Invalid GCP identity.")
    assert "expired" in refused.json()["detail"]


async def test_an_azure_machine_gets_its_agent_s_token(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    life: dict[str, Any] = {"start": now - timedelta(days=1), "end": now + timedelta(days=1)}
    root = kit.certify("Root", kit.ec_key("root"), authority=True, **life)
    issuing = kit.certify("Issuing", kit.ec_key("issuing"), root, authority=True, **life)
    leaf = kit.certify("metadata.azure.com", kit.rsa_key("azure"), issuing, dns=("metadata.azure.com",), **life)
    (tmp_path / "root.pem").write_bytes(root.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "issuing.pem").write_bytes(issuing.certificate.public_bytes(Encoding.PEM))
    (tmp_path / CONFIG_FILE).write_text(
        '[identity]\nazure_roots = ["root.pem"]\nazure_intermediates = ["issuing.pem"]\n'
        "azure_fetch_issuers = false\nsingle_use = true\n"
    )
    vm = "990878d4-068a-4ac4-9ee9-1231d2218ef2"
    times = {"createdOn": now - timedelta(minutes=1), "expiresOn": now + timedelta(hours=6)}
    stamps = {name: f"{when:%m/%d/%y %H:%M:%S} -0000" for name, when in times.items()}
    document = json.dumps({"nonce": "1", "vmId": vm, "subscriptionId": "1", "timeStamp": stamps}).encode()
    body = {"encoding": "pkcs7", "signature": kit.b64(kit.message(document, leaf))}
    async with a_hub(tmp_path) as hub:
        workspace = await hub.workspace(instance_id=vm.upper())
        answer = await exchange(hub, body, "azure")
        assert (answer.status_code, answer.json()) == (200, {"session_token": await agent_token(hub, workspace)})
        again = await exchange(hub, body, "azure")
        assert (again.status_code, "used before" in again.json()["detail"]) == (401, True)


async def test_an_azure_proof_nobody_vouches_for(hub: Peer, signer: kit.Holder) -> None:
    body = {"encoding": "pkcs7", "signature": kit.b64(kit.message(b'{"vmId":"1"}', signer))}
    refused = await exchange(hub, body, "azure")
    assert (refused.status_code, refused.json()["message"]) == (401, "Invalid Azure identity.")
    assert refused.json()["detail"]


async def test_bad_proofs_and_bodies(hub: Peer, signer: kit.Holder) -> None:
    await hub.workspace(instance_id=INSTANCE)
    forged = kit.pinned(start=datetime.now(UTC) - kit.DAY, end=datetime.now(UTC) + kit.DAY, name="mallory")
    for body in (proof(forged), {"signature": "AAAA", "document": "{}"}, {**proof(signer), "document": "{}"}):
        refused = await exchange(hub, body)
        assert (refused.status_code, refused.json()["message"]) == (401, "Invalid AWS identity.")
        assert refused.json()["detail"]
    for cloud, fields in {
        "aws": {"signature", "document"},
        "azure": {"signature", "encoding"},
        "google": {"json_web_token"},
    }.items():
        refused = await exchange(hub, {}, cloud)
        assert refused.status_code == 400
        assert {fault["field"] for fault in refused.json()["validations"]} == fields


async def test_machines_nobody_registered(hub: Peer, signer: kit.Holder) -> None:
    await hub.workspace(instance_id="i-other")
    refused = await exchange(hub, proof(signer))
    assert (refused.status_code, refused.json()) == (404, {"message": f'Instance with id "{INSTANCE}" not found.'})


async def test_only_the_latest_build_counts(hub: Peer, signer: kit.Holder) -> None:
    workspace = await hub.workspace(instance_id=INSTANCE)
    first = (await exchange(hub, proof(signer))).json()["session_token"]
    await hub.build(workspace["id"], "stop", "stopped")
    refused = await exchange(hub, proof(signer))
    assert (refused.status_code, "latest history" in refused.json()["message"]) == (400, True)
    await hub.build(workspace["id"], "start", "running")
    again = await exchange(hub, proof(signer))
    assert again.status_code == 200
    assert again.json()["session_token"] != first
    await hub.build(workspace["id"], "start", "running", instance_id="i-moved")
    assert (await exchange(hub, proof(signer))).status_code == 400
    assert (await exchange(hub, proof(signer, "i-moved"))).status_code == 200


async def test_an_agent_name_picks_among_several(hub: Peer, signer: kit.Holder) -> None:
    one = await hub.workspace("one", instance_id=INSTANCE, agent="left")
    await hub.workspace("two", instance_id=INSTANCE, agent="right")
    unclear = await exchange(hub, proof(signer))
    assert unclear.status_code == 409
    assert unclear.json()["message"].endswith("Set CODER_AGENT_NAME to one of: left, right")
    named = await exchange(hub, {**proof(signer), "agent_name": "left"})
    assert named.json() == {"session_token": await agent_token(hub, one)}
    assert (await exchange(hub, {**proof(signer), "agent_name": "middle"})).status_code == 404


async def test_an_instance_id_is_a_plain_word(hub: Peer) -> None:
    body = {"name": "dev", "rich_parameter_values": [{"name": "instance_id", "value": "i 1"}]}
    problem = await hub.send("POST", "/users/me/workspaces", body, 400)
    assert problem["validations"][0]["field"] == "instance_id"


async def test_an_address_may_not_knock_all_day(hub: Peer) -> None:
    async with httpx.AsyncClient(base_url=f"{hub.url}/api/v2/workspaceagents") as anonymous:
        clouds = ["aws", "azure", "google"] * 20 + ["aws"]
        answers = [await anonymous.post(f"/{cloud}-instance-identity", json={}) for cloud in clouds]
    assert [answer.status_code for answer in answers] == [400] * 60 + [429]
    assert int(answers[-1].headers["Retry-After"]) >= 1


WRONG = {
    "identity = 1": "identity",
    "[identity]\naws_certificate = []": "identity.aws_certificate: unknown key",
    "[identity]\ngoogle_keys_url = 'file:///x'": "identity.google_keys_url",
    "[identity": "not valid TOML",
    "[[external_auth]]\nid = 'a'": "external_auth.0: needs a command",
    "[[external_auth]]\nid = 'A b'\nurl = 'https://x'": "external_auth.0.id",
    "[[external_auth]]\nid = 'a'\nmatch = '('\nurl = 'https://x'": "external_auth.0.match: neither a host nor",
    "[[external_auth]]\nid = 'a'\nurl = 'javascript:x'": "external_auth.0.url",
    "[[external_auth]]\nid = 'a'\nurl = 'https://x'\n[[external_auth]]\nid = 'a'\nurl = 'https://x'": "twice",
    "[[external_auth]]\nid = 'a'\ncommand = 'gh auth token'": "external_auth.0.command",
    "token = 'ghp_0123456789'": "token: unknown key",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_hub_toml_names_file_and_key(tmp_path: Path, text: str) -> None:
    (tmp_path / CONFIG_FILE).write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_hub_config(tmp_path)
    assert str(tmp_path / CONFIG_FILE) in str(caught.value)
    assert WRONG[text] in str(caught.value)
    assert "ghp_" not in str(caught.value)


async def test_a_hub_does_not_start_with_certificates_that_are_none(tmp_path: Path) -> None:
    (tmp_path / CONFIG_FILE).write_text('[identity]\nazure_roots = ["gone.pem"]\n')
    with pytest.raises(ConfigError, match=r"gone\.pem"):
        async with a_hub(tmp_path):
            raise AssertionError("it started")


def test_a_hub_start_loads_no_cryptography() -> None:
    import subprocess
    import sys

    probe = "import sys, coder_tui.hub.serve; print(any(name.startswith('cryptography') for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "False\n"
