"""`python -m gateway`: the same program as the `lockgate` command.

Rule: nothing happens here but the call.
"""

from gateway.cli import main

if __name__ == "__main__":
    main()
