"""`python -m coder_tui` is `coder-tui`."""

import sys

from coder_tui.cli.main import main

sys.exit(main())
