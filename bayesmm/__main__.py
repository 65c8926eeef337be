"""``python -m bayesmm``: the command line."""

from bayesmm.cli import main

if __name__ == "__main__":
    main()
