"""The one place that holds the version: packaging, ``--version`` and ``rocksync_build_info`` read it."""

VERSION = "0.1.0"
