"""``python -m rocksync`` is the ``rocksync`` command."""

from rocksync.cli.main import main

if __name__ == "__main__":
    main()
