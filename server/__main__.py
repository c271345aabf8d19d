"""``python -m server <command>``."""

import sys

from server.commands import main

sys.exit(main())
