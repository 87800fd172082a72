"""The user's Git key: one, made on first use, private."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

from coder_tui.errors import StorageError
from coder_tui.hub.git_key import KEY_FILE, GitKey
from tests.hub.support import Peer, a_hub, agent_token


async def test_agents_get_both_halves_of_one_key(hub: Peer) -> None:
    token = await agent_token(hub, await hub.workspace())
    assert not (hub.data_dir / KEY_FILE).exists()
    pairs = await asyncio.gather(*(hub.send("GET", "/workspaceagents/me/gitsshkey", token=token) for _ in range(5)))
    assert all(pair == pairs[0] for pair in pairs)
    key = load_ssh_private_key(pairs[0]["private_key"].encode(), None)
    assert isinstance(key, Ed25519PrivateKey)
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    assert pairs[0]["public_key"] == public + "\n"
    assert pairs[0]["private_key"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert (hub.data_dir / KEY_FILE).stat().st_mode & 0o777 == 0o600
    mine = await hub.get("/users/me/gitsshkey")
    assert (mine["public_key"], mine["user_id"]) == (public + "\n", (await hub.get("/users/me"))["id"])
    assert "private_key" not in mine


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen on this machine")
async def test_ssh_keygen_reads_the_file(hub: Peer) -> None:
    public = (await hub.get("/users/me/gitsshkey"))["public_key"]
    argv = ["ssh-keygen", "-y", "-f", str(hub.data_dir / KEY_FILE)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.split()[:2] == public.split()


async def test_a_new_key_replaces_the_old_one_and_stays(tmp_path: Path) -> None:
    async with a_hub(tmp_path) as hub:
        old = await hub.get("/users/me/gitsshkey")
        new = await hub.send("PUT", "/users/me/gitsshkey")
        assert new["public_key"] != old["public_key"]
        assert new["updated_at"] >= old["updated_at"]
        await hub.send("PUT", "/users/somebody/gitsshkey", None, 404)
    async with a_hub(tmp_path) as hub:
        assert (await hub.get("/users/me/gitsshkey"))["public_key"] == new["public_key"]


async def test_people_and_strangers_do_not_get_the_private_half(hub: Peer) -> None:
    await hub.send("GET", "/workspaceagents/me/gitsshkey", None, 401)
    token = await agent_token(hub, await hub.workspace())
    await hub.send("GET", "/users/me/gitsshkey", None, 401, token)


@pytest.mark.parametrize("content", ["", "nonsense", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"])
def test_a_file_that_is_no_key_is_named_and_kept(tmp_path: Path, content: str) -> None:
    (tmp_path / KEY_FILE).write_text(content)
    with pytest.raises(StorageError, match="no ed25519 key"):
        GitKey(tmp_path).get()
    assert (tmp_path / KEY_FILE).read_text() == content
    renewed = GitKey(tmp_path).renew()
    assert GitKey(tmp_path).get()[:2] == renewed[:2]
