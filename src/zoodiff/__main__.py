"""``python -m zoodiff``: the command."""

from zoodiff.cli.app import main

if __name__ == "__main__":
    main()
