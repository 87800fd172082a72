"""The list of workspaces, whole: every page of it, and only when it is another than before. See `rest`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeVar

from coder_tui.client.rest_more import Query
from coder_tui.wire.base import WireModel
from coder_tui.wire.workspaces import Workspace, WorkspacesResponse

M = TypeVar("M", bound=WireModel)
PAGE = 100
"""Workspaces per request when all are read."""


class RestList(ABC):
    """The methods, for `RestClient`. Each raises as said there."""

    async def workspaces(self, q: str = "", *, limit: int = PAGE, offset: int = 0) -> list[Workspace]:
        """`GET /workspaces`: every workspace that matches `q` from `offset` on, read in pages of `limit`.

        Rows that move between two pages while we read are neither lost nor doubled: the list is then read again.
        """
        return await self._pages(q, limit, offset, [])

    async def workspaces_unless(self, tags: list[str], q: str = "", *, limit: int = PAGE) -> list[Workspace] | None:
        """As `workspaces`, or None when nothing differs from when `tags` was last given, which is filled anew.

        It holds the `ETag` of each page (RFC 9110, 13.1.2). A hub gives them; Coder does not, and is read each time.
        """
        if tags and all(tags):
            for number, tag in enumerate(tags):
                if (await self._page(q, limit, number * limit, tag))[0] is not None:
                    break
            else:
                return None
        tags.clear()
        return await self._pages(q, limit, 0, tags)

    async def _pages(self, q: str, limit: int, offset: int, tags: list[str]) -> list[Workspace]:
        found: dict[str, Workspace] = {}
        for _ in range(3):
            found, count, position = {}, 0, offset
            tags.clear()
            while True:
                page, tag = await self._page(q, limit, position, "")
                tags.append(tag)
                if page is None:  # nobody asked whether it is another
                    break
                found.update((workspace.id, workspace) for workspace in page.workspaces)
                position += len(page.workspaces)
                count = max(count, page.count)  # a page past the end says 0
                if not page.workspaces or len(page.workspaces) < limit or position >= page.count:
                    break
            if len(found) >= count - offset:
                break
        return list(found.values())

    async def _page(self, q: str, limit: int, offset: int, tag: str) -> tuple[WorkspacesResponse | None, str]:
        """One page, or None when it has that tag still; and its tag, empty where it has none."""
        query: Query = {"q": q, "limit": limit, "offset": offset}
        content, tag = await self._get_unless(tag, "workspaces", query)
        return None if content is None else await self._parse(WorkspacesResponse, content), tag

    @abstractmethod
    async def _get_unless(self, tag: str, path: str, query: Query) -> tuple[bytes | None, str]: ...

    @abstractmethod
    async def _parse(self, model: type[M], content: bytes) -> M: ...
