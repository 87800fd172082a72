"""Who the hub is, who its one user is, and what a caller presents: the user's token file, the tokens of agents."""

from __future__ import annotations

import getpass
import platform
import re
import secrets
import string
import uuid
from dataclasses import dataclass
from datetime import datetime
from http.cookies import CookieError, SimpleCookie
from pathlib import Path

from starlette.requests import Request

from coder_tui import __version__
from coder_tui.errors import StorageError
from coder_tui.hub.problems import Refused
from coder_tui.paths import write_private
from coder_tui.wire.identity import SlimRole, User

COOKIE = "coder_session_token"
HEADER = "Coder-Session-Token"
VERSION = f"v0.0.0-coder-tui.{__version__}"
"""`v0.0.0` keeps the `coder` CLI from comparing versions; the suffix is how our own client knows a hub."""

SIGNED_OUT = "You are signed out or your session has expired. Please sign in again to continue."

_ALNUM = string.ascii_letters + string.digits
_KEY = re.compile(r"[A-Za-z0-9]{10}-[A-Za-z0-9]{22}")


def new_key() -> str:
    """A fresh API key: id of 10 characters, hyphen, secret of 22."""
    return "-".join("".join(secrets.choice(_ALNUM) for _ in range(length)) for length in (10, 22))


def is_key(text: str) -> bool:
    """Whether that has the form of an API key."""
    return _KEY.fullmatch(text) is not None


def user_token(path: Path) -> str:
    """The token in `path`, made (0600) if there is none. Raises StorageError when the file is no token."""
    try:
        token = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        token = new_key()
        write_private(path, token)
        return token
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(
            f"cannot read {path}",
            why=getattr(error, "strerror", None) or "it is not text",
            fix="fix its permissions, or delete it to get a new token",
        ) from None
    if not is_key(token):
        raise StorageError(f"cannot use {path}", why="it holds no API key", fix="delete it to get a new token")
    return token


@dataclass(frozen=True, slots=True)
class Site:
    """What is the same in every answer: ids and names of the deployment, its user, organisation and template."""

    deployment_id: str
    user: User

    @property
    def organization_id(self) -> str:
        """The one organisation."""
        return self._derive("organization")

    @property
    def template_id(self) -> str:
        """The one template, `local`."""
        return self._derive("template/local")

    @property
    def template_version_id(self) -> str:
        """Its one version."""
        return self._derive("template-version/local")

    def _derive(self, name: str) -> str:
        return str(uuid.uuid5(uuid.UUID(self.deployment_id), name))


ORGANIZATION_NAME = "local"
TEMPLATE_NAME = "local"
TEMPLATE_VERSION_NAME = "v1"


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "user"


def _username() -> str:
    return re.sub(r"[^a-z0-9]+", "-", _login().lower()).strip("-")[:32].strip("-") or "user"


def local_email() -> str:
    """What the one user signs in as."""
    return f"{_username()}@localhost"


def local_user(deployment_id: str, created_at: datetime) -> User:
    """The person whose machine this is, by the login name."""
    base = uuid.UUID(deployment_id)
    return User(
        id=str(uuid.uuid5(base, "user")),
        username=_username(),
        name=_login(),
        email=local_email(),
        created_at=created_at,
        updated_at=created_at,
        last_seen_at=created_at,
        status="active",
        login_type="token",
        organization_ids=[str(uuid.uuid5(base, "organization"))],
        roles=[SlimRole(name="owner", display_name="Owner")],
    )


def machine() -> tuple[str, str]:
    """Operating system and architecture in Go's words."""
    arch = platform.machine().lower()
    return platform.system().lower(), {"x86_64": "amd64", "aarch64": "arm64"}.get(arch, arch)


def presented_token(request: Request) -> str:
    """The credential of a request, or "". First present wins, even if wrong: cookie, query, header, bearer, query."""
    bearer = request.headers.get("Authorization", "")
    return (
        cookie_token(request)
        or request.query_params.get(COOKIE, "")
        or request.headers.get(HEADER, "")
        or (bearer[7:].strip() if bearer[:7].lower() == "bearer " else "")
        or request.query_params.get("access_token", "")
    )


def cookie_token(request: Request) -> str:
    """The credential in the cookie, which a browser sends by itself, or ""."""
    try:
        morsel = SimpleCookie(request.headers.get("Cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def agent_token(request: Request) -> str:
    """The agent token of a request, a UUID in canonical form. Raises Refused (401)."""
    given = presented_token(request)
    if not given:
        raise Refused(401, f'Cookie "{COOKIE}" must be provided.')
    try:
        return str(uuid.UUID(given))
    except ValueError:
        rule = f"An agent token must be a valid UUIDv4. (len {len(given)})"
        raise Refused(401, "Workspace agent token invalid.", rule) from None


def unknown_agent() -> Refused:
    """The token belongs to no agent of a latest build (401)."""
    return Refused(
        401,
        "Workspace agent not authorized.",
        "The agent cannot authenticate until the workspace provision job has been completed. "
        "If the job is no longer running, this agent is invalid.",
    )
