"""`python -m chatterm` is `chatterm`."""

from chatterm.cli.main import main

main()
