from tests.hub.support import hub

__all__ = ["hub"]
