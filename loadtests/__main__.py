"""`python -m loadtests`: the command `bellwire-load`."""

from loadtests.entry import main

if __name__ == "__main__":
    main()
