"""How a command inside a workspace proves who it is: with the agent's token, or with the machine it runs on.

`CODER_AGENT_AUTH` is Coder's own variable. A token that a cloud machine bought with its identity is kept (0600) in the
cache directory until the deployment refuses it. Loads the standard library only, unless there is a proof to fetch.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from coder_tui.errors import CredentialsError, StorageError
from coder_tui.report.reporter import Reporter

T = TypeVar("T")


def as_agent(
    use: Callable[[Reporter], T], *, auth: str = "", app: str = "", environ: Mapping[str, str] = os.environ
) -> T:
    """Call `use` with a reporter that holds the agent's token.

    `auth` is `token` or `aws-`, `azure-`, `google-instance-identity`; default CODER_AGENT_AUTH, else `token`. Raises
    what `Reporter` and `client.identity.session_token` raise.
    """
    auth = auth or environ.get("CODER_AGENT_AUTH", "").strip() or "token"
    if auth == "token" or not environ.get("CODER_AGENT_URL"):  # without a URL there is only one thing to say
        with Reporter.from_env(environ, app=app) as reporter:
            return use(reporter)

    def attempt(token: str) -> T:
        with Reporter.from_env({**environ, "CODER_AGENT_TOKEN": token}, app=app) as reporter:
            return use(reporter)

    kept = _cache_file(auth, environ)
    with suppress(OSError, UnicodeDecodeError, CredentialsError):  # not there, or superseded by a newer build
        return attempt(kept.read_text(encoding="ascii"))
    token = _exchange(auth, environ)
    _keep(kept, token)
    return attempt(token)


def _cache_file(auth: str, environ: Mapping[str, str]) -> Path:
    """One for each deployment, cloud and agent name."""
    from coder_tui.paths import cache_dir

    whose = "\n".join((auth, environ["CODER_AGENT_URL"], environ.get("CODER_AGENT_NAME", "")))
    return cache_dir() / "agent-tokens" / hashlib.sha256(whose.encode("utf-8", "replace")).hexdigest()[:32]


def _keep(path: Path, token: str) -> None:
    from coder_tui.paths import ensure_private, write_private

    with suppress(StorageError):  # then the next command asks again
        ensure_private(path.parent)
        write_private(path, token)


def _exchange(auth: str, environ: Mapping[str, str]) -> str:
    import asyncio

    from coder_tui.client.identity import cloud_of, session_token

    url, name = environ["CODER_AGENT_URL"], environ.get("CODER_AGENT_NAME", "")
    return asyncio.run(session_token(url, cloud_of(auth), agent_name=name)).session_token
