"""Real little agents for `coder-tui demo`, the tests and the screenshots."""
