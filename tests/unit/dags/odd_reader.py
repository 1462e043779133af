"""Stands in for the reader of ISMRMRD files: does what the file that it is given says."""

import json
import os
import sys
from pathlib import Path

if __name__ == "__main__":
    order = Path(sys.argv[1]).read_text()
    if order == "environment":
        sys.stdout.write(json.dumps({"sentence": " ".join(sorted(os.environ))}))
    elif order.isdigit():
        os.kill(os.getpid(), int(order))
    else:
        sys.exit(order)
