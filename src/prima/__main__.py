"""`python -m prima`: the same as the command `prima`."""

from prima.cli.main import main

main()
