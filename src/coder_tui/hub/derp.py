"""The hub's DERP map: what `derp.json` in its data directory says. The hub runs no relay of its own."""

from __future__ import annotations

import logging
from pathlib import Path

from coder_tui.errors import ProtocolError
from coder_tui.wire.network import DerpMap, DerpRegion

log = logging.getLogger(__name__)

DERP_FILE = "derp.json"
MAX_BYTES = 1 << 20
_PORT = 0xFFFF


class DerpFile:
    """The map in a file, read again when the file changes. No file: a map with no regions."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None  # inode, size, time of change of what was read last
        self._map = DerpMap()

    def current(self) -> DerpMap:
        """The map as it is now. A file that cannot be used is logged once, and leaves the last good map in force."""
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            self._seen, self._map = None, DerpMap()
            return self._map
        except OSError as error:
            log.warning("cannot look at %s: %s", self._path, error.strerror or error)
            return self._map
        seen = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if seen != self._seen:
            self._seen = seen
            try:
                self._map = self._read(stat.st_size)
            except (OSError, ValueError, ProtocolError) as error:
                log.warning("cannot use %s, the last good map stays: %s", self._path, error)
        return self._map

    def _read(self, size: int) -> DerpMap:
        if size > MAX_BYTES:
            raise ValueError(f"it is over {MAX_BYTES} bytes")
        found = DerpMap.read(self._path.read_bytes())
        for key, region in found.regions.items():
            check_region(key, region)
        return found


def check_region(key: str, region: DerpRegion) -> None:
    """Raises ValueError for what would send clients nowhere."""
    where = f"region {key[:20]!r}"
    if str(region.region_id) != key or region.region_id < 1:
        raise ValueError(f"{where}: RegionID must be a number from 1 and equal the key")
    if not region.region_code or not region.region_name:
        raise ValueError(f"{where}: RegionCode and RegionName are needed")
    for node in region.nodes:
        what = f"{where}, node {node.name[:80]!r}"
        if not node.name or not node.host_name:
            raise ValueError(f"{what}: Name and HostName are needed")
        if node.region_id != region.region_id:
            raise ValueError(f"{what}: RegionID must be that of its region")
        if not (-1 <= node.stun_port <= _PORT and 0 <= node.derp_port <= _PORT):
            raise ValueError(f"{what}: STUNPort or DERPPort is no port")
