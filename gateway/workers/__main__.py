"""`python -m gateway.workers`: how the parent starts a worker; not for people.

Rule: nothing happens here but the call.
"""

import sys

from gateway.workers.worker import main

if __name__ == "__main__":
    main(sys.argv[1:])
