"""`python -m synthlab …`: the same as the console script."""

from synthlab.cli import main

main()
