"""Speaks to one deployment: credentials, REST, streams with visible link state, PTY."""
